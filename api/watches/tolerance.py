"""What a query watch asks, read and forgiven as the single entry reads and forgives it, over cases that changed and no others.

An entry and what changed cases say enter; of these the cases that it finds leave. Names are compared by the keys by which the
store finds them, worked out of the changed cases' own names. What depends on the whole store, as it does in a search, is asked of it only
where it decides: whether an entry is somebody's case number, whether words are words, whether one character off is forgiven.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property

import polars as pl
from sqlalchemy import Connection

from api.access import Caller
from api.presenter import Presenter
from api.queries import watched
from api.queries.found import read_entry
from api.queries.hits import ENOUGH
from api.questions.watches import WatchQuestion
from api.recognise import Kind, Reading
from api.search_matches import tails_shown
from api.state import Hub
from matching.search_keys import LONGEST, NameAgreement, TypedAs
from matching.single.search_keys import typed_keys
from pipeline.resolving.candidates import open_key_numbers_of
from pipeline.resolving.names import forms

_NAMES: dict[Kind, TypedAs] = {Kind.NAME: "person", Kind.ORGANISATION: "organisation", Kind.PINYIN: "spoken"}


class Changed:
    """Cases that changed, in the view of one caller; what all of his watches look at is read once.

    Args:
        hub: the running hub.
        caller: whose view.
        case_ids: that changed.
    """

    def __init__(self, hub: Hub, caller: Caller, case_ids: Collection[uuid.UUID]) -> None:
        self._hub, self._caller, self._case_ids = hub, caller, list(case_ids)

    def found_by(self, question: WatchQuestion, case_ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
        """Of these of the changed cases those that a question finds.

        Raises:
            RequestError: the question's entry cannot be read.
        """
        caller = self._caller
        shown = tails_shown(Presenter(caller, self._hub.directory))
        with self._hub.read(caller) as connection:
            reading = None if question.q is None else read_entry(connection, question.q, caller)
            named = set() if reading is None else self._named(connection, reading) & set(case_ids)
            return watched.found_by(connection, question, watched.Entry(reading, named, shown), case_ids, caller.department)

    def _named(self, connection: Connection, reading: Reading) -> set[uuid.UUID]:
        """Cases with a party whose name agrees."""
        wanted = _keys(reading)
        if not wanted:
            return set()
        best = {
            case_id: min(wanted[key] for key in keys & wanted.keys())
            for case_id, keys in self._keys_of_names.items()
            if not keys.isdisjoint(wanted)
        }
        if reading.kind not in _NAMES and _any_beyond(best, NameAgreement.STEM) and watched.holds_words(connection, reading):
            best = {case_id: agrees for case_id, agrees in best.items() if agrees <= NameAgreement.STEM}
        if NameAgreement.SLIP in best.values():
            close = {key: agrees for key, agrees in wanted.items() if agrees is not NameAgreement.SLIP}
            if watched.mentions(connection, close, ENOUGH) >= ENOUGH:
                best = {case_id: agrees for case_id, agrees in best.items() if agrees is not NameAgreement.SLIP}
        return set(best)

    @cached_property
    def _keys_of_names(self) -> Mapping[uuid.UUID, set[int]]:
        """Keys of the names in each case."""
        with self._hub.read(self._caller) as connection:
            rows = watched.names(connection, self._case_ids, self._caller.department)
        if not rows:
            return {}
        borne = pl.DataFrame(rows, schema={"case_id": pl.Object, "name": pl.String, "kind": pl.String}, orient="row")
        keys = dict(forms(borne.select("name", "kind").unique(maintain_order=True)).iter_rows())
        found: dict[uuid.UUID, set[int]] = defaultdict(set)
        for case_id, name, _ in rows:
            found[case_id].update(keys.get(name, ()))
        return found


def _keys(reading: Reading) -> dict[int, NameAgreement]:
    """Keys of names that agree with an entry, with how they do; none of what is nobody's name."""
    if len(reading.text) > LONGEST or not (reading.may_be_name or reading.kind in _NAMES):
        return {}
    keys = typed_keys(reading.spoken or reading.text, _NAMES.get(reading.kind, "either"))
    return dict(zip(open_key_numbers_of(list(keys)), keys.values(), strict=True))


def _any_beyond(agreements: Mapping[uuid.UUID, NameAgreement], bound: NameAgreement) -> bool:
    return any(agrees > bound for agrees in agreements.values())
