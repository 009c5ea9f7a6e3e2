"""One relation's whole table in a folder, and the steps of linking it, each over a part: what every engine is made of.

`inputs/` holds Arrow files of the relation's input; `forms/` the forms of each, under the same name. Forms depend on
their own row, keys on a form, an edge on its two forms alone: so it does not matter where the parts are cut, or who
works them out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from matching.blocking import blocking_keys
from matching.forms import case_forms, organisation_forms, person_forms
from matching.model import Model


@dataclass(frozen=True)
class Job:
    """What to link.

    Args:
        model: its relation is the table's.
        folder: where `inputs/` is, and `forms/` comes to be.
        unique_within: departments that promise no duplicate cases within themselves.
        alone: ids of which a person said that they are not one with another: see `matching.blocking.representatives`.
    """

    model: Model
    folder: Path
    unique_within: frozenset[str] = frozenset()
    alone: frozenset[int] = frozenset()

    @property
    def relation(self) -> str:
        """Person, organisation or case."""
        return self.model.relation

    def add(self, inputs: pa.Table) -> None:
        """Add a part of the relation's input."""
        place = self.folder / "inputs"
        place.mkdir(parents=True, exist_ok=True)
        write_table(place / f"{len(self.parts()):06}.arrow", inputs)

    def parts(self) -> list[str]:
        """Names of the parts, in order."""
        return sorted(path.name for path in (self.folder / "inputs").glob("*.arrow"))

    def make_forms(self, part: str) -> int:
        """Make the forms of a part, which replace any that were there.

        Returns:
            How many.
        """
        inputs = read_table(self.folder / "inputs" / part)
        if self.relation == "case":
            forms = case_forms(inputs, self.model, unique_within=self.unique_within)
        else:
            forms = (person_forms if self.relation == "person" else organisation_forms)(inputs, self.model)
        place = self.folder / "forms"
        place.mkdir(exist_ok=True)
        write_table(place / part, forms)
        return int(forms.num_rows)

    def forms(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Forms of all parts, those columns alone where any are named; they stay on disk until they are looked at."""
        return pa.concat_tables([self.forms_of(part, columns) for part in self.parts()])

    def forms_of(self, part: str, columns: Sequence[str] | None = None) -> pa.Table:
        """Forms of one part."""
        forms = read_table(self.folder / "forms" / part)
        return forms if columns is None else forms.select(list(columns))

    @property
    def has_fingerprints(self) -> bool:
        """Forms that are alike meet others through one of them alone."""
        return "fingerprint" in self.forms_of(self.parts()[0]).column_names

    def keys(self, part: str, unless: pa.Array | None = None) -> pa.Table:
        """Blocking keys of a part's forms, but for the ids given."""
        forms = self.forms_of(part)
        if unless is not None:
            forms = forms.filter(pa.array(~np.isin(forms.column("id").to_numpy(), unless.to_numpy())))
        return blocking_keys(self.relation, forms, self.model)


def write_table(path: Path, table: pa.Table) -> None:
    """Write an Arrow file that can be read where it lies."""
    with pa.ipc.new_file(str(path), table.schema) as file:
        file.write_table(table)


def read_table(path: Path) -> pa.Table:
    """Read an Arrow file where it lies."""
    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()
