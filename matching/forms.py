"""FORMS: what is compared, from what was normalised.

Enters `schema.records` PERSON_INPUT, ORGANISATION_INPUT or CASE_INPUT; leaves a row for each row in the same order, of
plain columns. A form depends on its own row, the vocabulary and the model's placeholders alone: it may be worked out
again at any time, or kept under the model's version, and is the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import polars as pl
import pyarrow as pa

from matching.addresses import ADDRESS, DISTRICT, addresses, community_names, street_names
from matching.characters import fold, once
from matching.firms import ORGANISATION_NAME, organisation_names
from matching.identifiers import credit_codes, id_numbers, phones
from matching.model import Model
from matching.model_file import model_of
from matching.names import PERSON_NAME, person_names
from matching.texts import signatures
from schema.codes import sides
from schema.numbers import LONG_NUMBER, whole_numbers

#: Form columns that decide nothing by themselves but say what may never be one: see `clustering.cluster`.
CONSTRAINTS = ("id", "identifier", "apart")

PERSON_FORM = (
    *CONSTRAINTS,
    "role",
    "id_no",
    "id_state",
    *PERSON_NAME,
    "phone",
    "phone_tail",
    "birth_date",
    "gender",
    *ADDRESS,
    DISTRICT,
    "places",
)
ORGANISATION_FORM = (*CONSTRAINTS, "role", "uscc", "uscc_state", *ORGANISATION_NAME, "phone", *ADDRESS, DISTRICT, "places", "fingerprint")
CASE_FORM = (
    *CONSTRAINTS,
    "case_number",
    "cites",
    "numbers",
    "category",
    "occurred_day",
    "reported_day",
    "days_3",
    "days_30",
    "days_120",
    "months",
    "amount",
    "people_involved",
    *ADDRESS,
    DISTRICT,
    "places",
    "longitude",
    "latitude",
    "cells",
    "petitioner_persons",
    "petitioner_organisations",
    "respondent_persons",
    "respondent_organisations",
    "text_signature",
    "text_bands",
)
#: What is compared of an organisation's name and its letters alone do not tell: 华盛(深圳)有限公司 says where it is, without brackets not.
READ_OF_NAME = ("core", "city", "part", "formal")
#: What departments write differently around and inside a case number.
NO_NUMBER = r"[^\p{Han}A-Z0-9]"
DAY_US = 86_400_000_000
# Multiplied by, never divided by: the engine divides a column by multiplying and a single value by dividing, which may differ.
A_DAY_US = 1 / DAY_US
A_CELL_DEGREES = 1 / 0.003  # of about 330 m north to south


def person_forms(parties: pa.Table, model: Model) -> pa.Table:
    """PERSON_INPUT → columns of PERSON_FORM.

    `identifier` is the verified ID number; `apart` is the record and side on which no other party is the same person.
    """
    placeholders = model_of("person", model).placeholders
    frame = _polars(parties)
    id_no = id_numbers(frame["id_no"], _words(placeholders, "id_no"))
    name = person_names(frame["name"], _words(placeholders, "name"))
    born = pl.DataFrame({"stated": frame["birth_date"], "told": id_no["id_birth_date"]}).select(pl.coalesce("stated", "told"))
    gender = pl.select(pl.coalesce(frame["gender"], id_no["id_gender"], name["title_gender"])).to_series()
    form = (
        pl.concat([id_no, name, addresses(frame["address"], _words(placeholders, "address"))], how="horizontal")
        .with_columns(
            frame["id"],
            frame["role"],
            phones(frame["phone"], _words(placeholders, "phone")),
            born["stated"].alias("birth_date"),
            gender.alias("gender"),
            _apart(frame),
            identifier=_verified_id(),
        )
        .with_columns(phone_tail=pl.col("phone").str.tail(4))
    )
    return _arrow(form, PERSON_FORM)


def person_constraints(parties: pa.Table, model: Model) -> pa.Table:
    """CONSTRAINTS alone of `person_forms`, from the columns id, record_id, role and id_no alone."""
    frame = _polars(parties)
    id_no = id_numbers(frame["id_no"], _words(model_of("person", model).placeholders, "id_no"))
    return _arrow(id_no.with_columns(frame["id"], _apart(frame), identifier=_verified_id()), CONSTRAINTS)


def organisation_forms(parties: pa.Table, model: Model) -> pa.Table:
    """ORGANISATION_INPUT → columns of ORGANISATION_FORM.

    `fingerprint` is the same for forms that are the same in all that is compared, so that a firm named alike in thousands
    of records need be compared once.
    """
    placeholders = model_of("organisation", model).placeholders
    frame = _polars(parties)
    code = credit_codes(frame["uscc"], _words(placeholders, "uscc"))
    name = organisation_names(frame["name"], _words(placeholders, "name"))
    form = pl.concat([code, name, addresses(frame["address"], _words(placeholders, "address"))], how="horizontal").with_columns(
        frame["id"],
        frame["role"],
        phones(frame["phone"], _words(placeholders, "phone")),
        _apart(frame),
        identifier=pl.when(pl.col("uscc_state") == "verified").then("uscc"),
    )
    parts = [pl.col(column).fill_null("") for column in ("uscc", "name", "phone", *ADDRESS, DISTRICT, *READ_OF_NAME)]
    known = pl.any_horizontal(pl.col(column).is_not_null() for column in ("uscc", "name", "phone"))
    compared = form.select(pl.when(known).then(pl.concat_str(parts, separator="\x1f"))).to_series()
    return _arrow(form.with_columns(_fingerprints(compared)), ORGANISATION_FORM)


def case_forms(records: pa.Table, model: Model, *, unique_within: frozenset[str] = frozenset()) -> pa.Table:
    """CASE_INPUT → columns of CASE_FORM.

    Args:
        records: CASE_INPUT.
        model: of relation case.
        unique_within: departments that promise no duplicate cases within themselves: none of their records are one case.
    """
    placeholders = model_of("case", model).placeholders
    frame = _polars(records)
    spot = addresses(frame["address"], _words(placeholders, "address"))
    form = pl.concat([spot, _numbers(frame), _times(frame), signatures(_wording(frame))], how="horizontal").with_columns(
        frame["id"],
        pl.coalesce(street_names(frame["street"]), spot["street"]).alias("street"),
        pl.coalesce(community_names(frame["community"]), spot["community"]).alias("community"),
        *(frame[column] for column in ("category", "amount", "people_involved", "longitude", "latitude")),
        *_sides(frame),
        cells(frame),
        *_case_constraints(frame, unique_within),
    )
    return _arrow(form, CASE_FORM)


def with_sides(forms: pa.Table, records: pa.Table) -> pa.Table:
    """CASE_FORM with who is on the records' sides: nothing else of a form depends on that.

    Args:
        forms: of `case_forms`.
        records: CASE_INPUT of the same, in the same order.
    """
    sides = pl.select(_sides(_polars(records))).to_arrow()
    for name in sides.column_names:
        forms = forms.set_column(forms.column_names.index(name), name, sides[name])
    return forms


def case_constraints(records: pa.Table, *, unique_within: frozenset[str] = frozenset()) -> pa.Table:
    """CONSTRAINTS alone of `case_forms`, from the columns id and department alone."""
    frame = _polars(records)
    return _arrow(frame.with_columns(_case_constraints(frame, unique_within)), CONSTRAINTS)


def _sides(frame: pl.DataFrame) -> list[pl.Expr]:
    return [pl.lit(frame[column]).list.drop_nulls() for column in CASE_FORM if column.startswith(("petitioner_", "respondent_"))]


def _case_constraints(frame: pl.DataFrame, unique_within: frozenset[str]) -> tuple[pl.Expr, pl.Expr]:
    apart = pl.when(frame["department"].is_in(sorted(unique_within))).then(frame["department"]).alias("apart")
    return pl.lit(None, pl.String).alias("identifier"), apart


def _verified_id() -> pl.Expr:
    return pl.when(pl.col("id_state") == "verified").then("id_no")


def _apart(frame: pl.DataFrame) -> pl.Series:
    side = frame["role"].replace_strict(list(sides()), list(sides().values()), default="other", return_dtype=pl.String)
    return pl.select(pl.concat_str(frame["record_id"], side, separator="|")).to_series().alias("apart")


def _fingerprints(texts: pl.Series) -> pl.Series:
    """128 bits in hexadecimal; null for null."""
    return once(texts, _digests)["fingerprint"]


def _digests(texts: pl.Series) -> pl.DataFrame:
    digests = [hashlib.blake2b(text.encode(), digest_size=16).hexdigest() for text in texts.to_list()]
    return pl.DataFrame({"fingerprint": pl.Series(digests, dtype=pl.String)})


def _numbers(frame: pl.DataFrame) -> pl.DataFrame:
    """A record's own case number and those it cites, each under its department; `numbers` is all of them."""
    own = pl.select(pl.concat_str(frame["department"], case_numbers(frame["case_number"]), separator="|")).to_series()
    rows = pl.DataFrame({"row": pl.Series(range(frame.height), dtype=pl.UInt32), "cited": frame["references"]})
    cited = rows.explode("cited", keep_nulls=False, empty_as_null=False).unnest("cited")
    cited = cited.with_columns(case_numbers(cited["number"]).alias("number"))
    cited = cited.select("row", cites=pl.concat_str("department", "number", separator="|")).drop_nulls()
    cites = rows.select("row").join(cited.group_by("row").agg(pl.col("cites").unique().sort()), on="row", how="left", maintain_order="left")
    none = pl.lit([], dtype=pl.List(pl.String))
    numbers = pl.concat_list("case_number", pl.col("cites").fill_null(none)).list.drop_nulls()
    return cites.select(own.alias("case_number"), "cites").with_columns(numbers=numbers)


def case_numbers(numbers: pl.Series) -> pl.Series:
    """A number without the brackets and marks that departments write differently: （2026）粤0311民初12号."""
    return once(numbers, _bare_numbers)["number"]


def _bare_numbers(numbers: pl.Series) -> pl.DataFrame:
    return fold(numbers).str.replace_all(NO_NUMBER, "").to_frame("number")


def _times(frame: pl.DataFrame) -> pl.DataFrame:
    """Days since 1970, and the windows by which records near in time meet.

    A record stands in the window of its day and in the next: two records no further apart than the window's length
    always share one. It stands in one month alone: keys of words are many, and where only words agree a pair must be
    of much the same day, which nine in ten have in one month.
    """
    days = {name: frame[f"{name}_at"].dt.epoch("us") * A_DAY_US for name in ("occurred", "reported")}
    happened = pl.coalesce(pl.lit(days["occurred"]), pl.lit(days["reported"]))
    both = [pl.lit(days["occurred"]), pl.lit(days["reported"])]
    return pl.select(
        pl.lit(days["occurred"]).alias("occurred_day"),
        pl.lit(days["reported"]).alias("reported_day"),
        _windows([happened], 3).alias("days_3"),
        _windows(both, 30).alias("days_30"),
        _windows(both, 120).alias("days_120"),
        _windows(both, 30, steps=1).alias("months"),
    )


def _windows(days: Sequence[pl.Expr], length: int, steps: int = 2) -> pl.Expr:
    windows = [(day * (1 / length)).floor().cast(pl.Int32) + step for day in days for step in range(steps)]
    return pl.concat_list(windows).list.drop_nulls()


def _wording(frame: pl.DataFrame) -> pl.Series:
    """What is said, without the phones and ID numbers in it: they are masked in a text, and how like it is to another would tell them."""
    words = pl.select(pl.concat_str(frame["title"], frame["text"], separator=" ", ignore_nulls=True)).to_series()
    numbered = words.str.contains(LONG_NUMBER).fill_null(value=False).arg_true()
    return words.scatter(numbered, [whole_numbers(text, told=()) for text in words.gather(numbered)]) if len(numbered) else words


def cells(frame: pl.DataFrame) -> pl.Series:
    """Cells of two grids, the second half a cell off: places within half a cell nearly always share one."""
    position = [pl.lit(frame["longitude"]) * A_CELL_DEGREES, pl.lit(frame["latitude"]) * A_CELL_DEGREES]
    grids = [
        pl.concat_str(pl.lit(grid), *((axis + shift).floor().cast(pl.Int32, strict=False) for axis in position), separator=".")
        for grid, shift in (("a", 0.0), ("b", 0.5))
    ]
    return pl.select(pl.concat_list(grids).list.drop_nulls().alias("cells")).to_series()


def _words(placeholders: Mapping[str, frozenset[str]], column: str) -> frozenset[str]:
    return placeholders.get(column, frozenset())


def _polars(table: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(table)
    return frame if isinstance(frame, pl.DataFrame) else frame.to_frame()


def _arrow(form: pl.DataFrame, columns: Sequence[str]) -> pa.Table:
    return form.select(columns).to_arrow()
