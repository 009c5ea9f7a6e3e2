"""The `parties:` part of a contract applied to a chunk: one row a person or organisation that a record mentions.

A party that says nobody (no name, document, credit code or phone) is left out. What a resident number itself states,
birth date and gender, is filled in where the source leaves it out and the number holds, or is masked and shows it. Where
one column holds a person's number or an organisation's code, each value goes to the kind that it fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import polars as pl
import pyarrow as pa

from connectors.mapping import Each, Party
from hub.wording import Words
from matching.names import prefix_pattern
from matching.vocabulary import vocabulary
from pipeline.columns import checks
from pipeline.columns.payloads import Payloads, texts
from pipeline.columns.transforms.base import nulled
from pipeline.columns.transforms.identifiers import id_types, shown_by_masks
from pipeline.normalising.fields import Column, Wanted, holds, source_text
from schema.records import PARTY

_SAYS_WHO = ("name", "id_no", "uscc", "phone")
_VALUES = ("name", "id_type", "id_no", "uscc", "phone", "address", "gender", "birth_date")
#: Endings of organisations' names; a single character counts in names longer than a person's alone.
_FIRM = (
    r"公司|集团|工厂|医院|学校|大学|中学|小学|幼儿园|银行|中心|委员会|居委会|村委会|合作社|协会|商会|商行|商店|超市|酒店|餐厅|饭店|"
    r"工作室|事务所|经营部|营业部|项目部|分店|门店|政府|基金会|工会|联合会|派出所|法院|检察院|服务站|工作站|股份|有限"
)
#: A resident number in brackets behind a name, as lists of people in one field have it.
_NUMBERED = r"^(.+?)\s*[(（\[【]\s*(?:身份证号?码?|证件号码?)?[:：]?\s*([0-9]{17}[0-9Xx]|[0-9]{15})\s*[)）\]】]$"
_FIRM_ENDING = rf"(?:{_FIRM})(?:\(.*\))?$|^.{{3,}}[厂店局所院部社馆站处园队室坊行庄城]$|有限(?:责任)?公司"


@dataclass(frozen=True)
class Mentions:
    """Elements of one `parties:` entry: the chunk's row that each belongs to, and its columns."""

    rows: pl.Series
    source: Payloads


@dataclass(frozen=True)
class Entry:
    """One entry of `parties:` as read: its elements, and each of its fields."""

    party: Party
    mentioned: Mentions
    columns: dict[str, Column]

    @property
    def read_columns(self) -> list[tuple[pl.Series, Column]]:
        """Each column that was read, with the rows it is of."""
        return [(self.mentioned.rows, column) for column in self.columns.values()]


def wanted(party: Party, mentioned: Mentions) -> dict[str, Wanted]:
    """The fields of an entry that are to be read."""
    return {
        field: Wanted(f"{party.role}.{field}", mapping, mentioned.source, PARTY.field(field).type)
        for field, mapping in party.fields.items()
    }


def entry(party: Party, mentioned: Mentions, columns: dict[str, Column]) -> Entry:
    """An entry whose fields have been read."""
    return Entry(party, mentioned, columns | _told_apart(party.role, columns) if party.shares_number else columns)


def parties_of(entries: Sequence[Entry]) -> pl.DataFrame:
    """Parties of all entries: `row` in the chunk, `entry`, then PARTY's columns from role on; those of a row stand in their order.

    What may be a person, what may be either and what is an organisation are each completed in one go.
    """
    if not entries:
        return pl.DataFrame()
    kinds: dict[str, list[pl.DataFrame]] = {}
    for place, each in enumerate(entries):
        kinds.setdefault(each.party.kind_given, []).append(_as_said(place, each))
    completed = [_of_kind(kind, pl.concat(frames, how="diagonal")) for kind, frames in kinds.items()]
    return pl.concat(completed).sort("row", "entry", maintain_order=True)


def _as_said(place: int, each: Entry) -> pl.DataFrame:
    said = {field: column.values for field, column in each.columns.items()}
    frame = pl.DataFrame({"row": each.mentioned.rows, **said, **_shown_by_masks(each)})
    return frame.with_columns(role=pl.lit(each.party.role), entry=pl.lit(place, dtype=pl.UInt32))


def _of_kind(kind_given: str, frame: pl.DataFrame) -> pl.DataFrame:
    missing = [pl.lit(None, dtype=_dtype(field)).alias(field) for field in _VALUES if field not in frame.columns]
    frame = frame.with_columns(missing).filter(pl.any_horizontal(pl.col(_SAYS_WHO).is_not_null()))
    if len(frame) and kind_given != "organisation":
        frame = _number_out_of_name(frame, kind_given)
    frame = frame.with_columns(kind=_kind(kind_given) if len(frame) else pl.lit(None, dtype=pl.String))
    return (_completed(frame) if len(frame) else frame).select("row", "entry", "role", "kind", *_VALUES)


def _shown_by_masks(each: Entry) -> dict[str, pl.Series]:
    """`shown_by_masks` of documents that could not be taken, under names of their own; a column of codes, too, shows nothing of persons."""
    party, mapping = each.party, each.party.fields.get("id_no")
    if mapping is None or mapping.transform != "id_no" or party.shares_number or not each.columns["id_no"].values.null_count():
        return {}
    return {f"shown_{shown.name}": shown for shown in shown_by_masks(source_text(mapping, each.mentioned.source)).get_columns()}


def _told_apart(role: str, columns: dict[str, Column]) -> dict[str, Column]:
    """Documents and credit codes of one column, each value as one of the two; refused is what can be read as neither."""
    numbers, codes, length = columns["id_no"], columns["uscc"], len(columns["id_no"].values)
    names = columns["name"].values if "name" in columns else pl.Series([None], dtype=pl.String).new_from_index(0, length)
    is_code = codes.values.is_not_null() & (numbers.values.is_null() | _reads_as_code(numbers.values, names))
    rule, reason = f"transform:{role}.id_no", Words("无法按 id_no 或 uscc 解读", "cannot be read as id_no, nor as uscc")
    return {
        "id_no": Column(nulled(numbers.values, is_code), numbers.refused & codes.refused, rule, numbers.source, reason),
        "uscc": replace(codes, values=nulled(codes.values, ~is_code), refused=pl.repeat(False, length, eager=True)),
    }


def _reads_as_code(numbers: pl.Series, names: pl.Series) -> pl.Series:
    """Of numbers that have both shapes, which are codes: check digits say so, else the name, else whether it holds a date.

    With fifteen digits nothing is checked, but a resident number of that age holds a date, and a registration does by chance alone.
    """
    known = {
        "is_id": checks.id_number_checksum(numbers) & (numbers.str.len_chars() == 18),
        "is_code": checks.credit_code_checksum(numbers),
        "is_firm": names.str.contains(_FIRM_ENDING).fill_null(value=False),
        "is_nameless": names.is_null(),
        "length": numbers.str.len_chars(),
        "has_date": checks.birth_dates(numbers).is_not_null(),
    }
    needs_date = (pl.col("length") == 15) | ((pl.col("length") == 18) & pl.col("is_nameless"))
    is_code = pl.col("is_code") | pl.col("is_firm") | (needs_date & ~pl.col("has_date"))
    return pl.DataFrame(known).select(~pl.col("is_id") & is_code).to_series()


def _dtype(field: str) -> pl.DataType:
    return pl.Date() if PARTY.field(field).type == pa.date32() else pl.String()


def mentions(party: Party, source: Payloads) -> Mentions:
    """Persons or organisations that rows mention in one entry of `parties:`, those that say nobody included."""
    rows = pl.int_range(len(source), dtype=pl.UInt32, eager=True)
    if party.each is None:
        if party.when is None:
            return Mentions(rows, source)
        kept = holds(party.when, source.column(party.when.field))
        documents = [source.documents[row] for row in kept.arg_true()]
        return Mentions(rows.filter(kept), Payloads(documents))
    pairs = [(row, element) for row, elements in enumerate(_elements(party.each, source)) for element in elements]
    if party.when is not None and pairs:
        stated = texts([element.get(party.when.field, source.documents[row].get(party.when.field)) for row, element in pairs])
        pairs = [pairs[place] for place in holds(party.when, stated).arg_true()]
    return Mentions(pl.Series([row for row, _ in pairs], dtype=pl.UInt32), Payloads([element for _, element in pairs]))


def _elements(each: Each, source: Payloads) -> list[list[dict[str, Any]]]:
    """A list of objects a row; what is no object is one with itself under `_`."""
    if each.split is not None:
        pieces = source.column(each.split.from_).str.split(each.split.sep).to_list()
        return [[{"_": piece.strip()} for piece in row if piece.strip()] if row else [] for row in pieces]
    return [[_object(item) for item in found if item is not None] for found in map(_listed, source.found(each.path or "@"))]


def _listed(found: Any) -> list[Any]:
    """XML with one element gives it bare, with several a list."""
    if found is None:
        return []
    return found if found.__class__ is list else [found]


def _object(item: Any) -> dict[str, Any]:
    return item if item.__class__ is dict else {"_": item}


def _kind(given: str) -> pl.Expr:
    if given != "auto":
        return pl.lit(given)
    is_person = (pl.col("id_no").is_not_null() & pl.col("uscc").is_null()) | pl.col("gender").is_not_null()
    is_firm = pl.col("uscc").is_not_null() | (_is_called_as_firm(pl.col("name")) & ~is_person)
    return pl.when(is_firm).then(pl.lit("organisation")).otherwise(pl.lit("person"))


def _is_called_as_firm(name: pl.Expr) -> pl.Expr:
    """By an ending of firms, or by a trade: not where a person's role (投诉人王建设) or the dot of a name makes it as long as a firm's."""
    bare = name.str.replace(r"\([^()]*\)$", "")
    alone = bare.str.replace(prefix_pattern(), "")
    trading = alone.str.contains(_trade()) & ~alone.str.contains(_compound()) & ~alone.str.contains("·", literal=True)
    return (name.str.contains(_FIRM_ENDING) | bare.str.contains(_FIRM_ENDING) | trading).fill_null(value=False)


@cache
def _trade() -> str:
    """A firm as people call it, by its stem and its trade: 鑫特物业, 力捷健身房."""
    words = vocabulary()
    trades = (word for word in (*words.industries, *words.shops) if len(word) > 1)
    return rf"^.{{2,}}(?:{'|'.join(trades)})房?$"


@cache
def _compound() -> str:
    """A person's name of four characters, which may end in a word for a trade: 欧阳建设."""
    return rf"^(?:{'|'.join(sorted(vocabulary().compound_surnames))})..$"


def _number_out_of_name(frame: pl.DataFrame, kind_given: str) -> pl.DataFrame:
    """张三(440306…) is called 张三, and that is his number: in a name it would be compared with nothing, and shown to everybody.

    Behind a firm's name it is its owner's, or its registration: neither makes a person of it.
    """
    written = frame.select(
        name=pl.col("name").str.extract(_NUMBERED, 1), number=pl.col("name").str.extract(_NUMBERED, 2).str.to_uppercase()
    )
    numbers = nulled(written["number"], checks.birth_dates(written["number"]).is_null())
    if numbers.null_count() < len(numbers) and kind_given == "auto":
        numbers = nulled(numbers, written.select(_is_called_as_firm(pl.col("name"))).to_series())
    if numbers.null_count() == len(numbers):
        return frame
    is_found, is_taken = pl.lit(numbers).is_not_null(), pl.col("id_no").is_null() & pl.lit(numbers).is_not_null()
    return frame.with_columns(
        name=pl.when(is_found).then(pl.lit(written["name"])).otherwise("name"),
        id_no=pl.coalesce("id_no", pl.lit(numbers)),
        id_type=pl.when(~is_taken).then("id_type"),  # what was said was of another number
    )


def _completed(frame: pl.DataFrame) -> pl.DataFrame:
    numbers = frame["id_no"]
    types = frame["id_type"].zip_with(frame["id_type"].is_not_null(), id_types(numbers))
    frame = frame.with_columns(id_type=nulled(types, numbers.is_null()))
    if "shown_gender" in frame.columns:
        is_person = pl.col("kind") == "person"
        shown = {name: pl.when(is_person).then(f"shown_{name}") for name in ("birth_date", "gender")}
        frame = frame.with_columns(**{name: pl.coalesce(name, value) for name, value in shown.items()})
    sound = (frame["id_type"] == "resident_id") & checks.id_number_checksum(numbers) & (numbers.str.len_chars() == 18)
    told = nulled(numbers, ~sound.fill_null(value=False) | (frame["kind"] != "person"))
    if told.null_count() == len(told):
        return frame
    return frame.with_columns(
        birth_date=pl.coalesce("birth_date", pl.lit(checks.birth_dates(told))),
        gender=pl.coalesce("gender", pl.lit(checks.genders(told))),
    )
