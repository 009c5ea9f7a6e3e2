"""FORMS of any table: a model's fields over its columns.

Enters a table as read, every column text or number; leaves a row for each row, `id` its number, with a column for each
field and the columns of the hub's own forms. Each distinct value is worked out once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import polars as pl
import pyarrow as pa

from hub.errors import ContractError
from hub.wording import Words
from matching.addresses import addresses
from matching.characters import fold_one, half_width, once, or_null, pinyin
from matching.company_names import company_names, legal_forms
from matching.durations import seconds
from matching.firms import organisation_names
from matching.forms import cells
from matching.identifiers import credit_codes, id_numbers, phones
from matching.latin import consonants, words_of
from matching.mentions import mentions, without_mentions
from matching.names import person_names
from matching.repeats import apart
from matching.table_columns import renamed
from matching.table_model import MENTIONS, Field, TableModel
from matching.table_names import require_columns, require_fields
from matching.texts import signatures

_DATE_FORMATS = ("%Y-%m-%d", "%Y%m%d", "%Y/%m/%d", "%d/%m/%Y", "%d.%m.%Y", "%Y.%m.%d", "%d-%m-%Y", "%Y年%m月%d日")
#: Values that say nothing in any table, as texts are folded; NA and NAN are names, too.
_NOTHING = frozenset({"", "NULL", "NONE", "N A", "UNKNOWN", "无", "不详", "未知"})
_FIRST_YEAR = 1000  # %Y takes two digits, too
_HAN = r"\p{Han}"
_READ = frozenset({"number", "date", "year", "duration"})  # forms that not every text can be read as
_LISTED = frozenset({"words", "pieces", "mentions", "bands"})  # forms that make several of one text
_MOST_LATITUDE = 90.0  # degrees
_MOST_BANDED = 2_000  # characters of one text


def table_forms(rows: pl.DataFrame, table: TableModel) -> pa.Table:
    """Forms of every row.

    Raises:
        ContractError: the table lacks a column that the model names, or no field makes a column that it compares or blocks by.
    """
    require_columns(rows, table)
    forms = [field.form for field in table.fields]
    made = (form_of(rows, field).rename(renamed(field.form, forms)) for field in table.fields)
    frame = pl.DataFrame([column for each in made for column in each.get_columns()])  # refuses two columns of one name
    require_fields(frame.columns, table)  # here, where every way to the forms comes by; what a form makes is known from now on
    return frame.with_columns(
        pl.int_range(len(rows), dtype=pl.Int64, eager=True).alias("id"),
        apart(rows, table),
        _identifier(frame, table),
    ).to_arrow()


def unread(rows: pl.DataFrame, table: TableModel) -> dict[str, tuple[int, int]]:
    """Fields of numbers, dates and years of which not all values could be read → (values, those that could not be)."""
    found: dict[str, tuple[int, int]] = {}
    for field in table.fields:
        if field.form in _READ:
            text = _joined(rows, field).str.strip_chars()
            filled = pl.select((text != "") & ~text.is_in(sorted(field.placeholders))).to_series().fill_null(value=False)
            missed = int((filled & form_of(rows, field)[field.name].is_null()).sum())
            found |= {field.name: (int(filled.sum()), missed)} if missed else {}
    return found


def unmatched(rows: pl.DataFrame, table: TableModel) -> dict[str, list[str]]:
    """Fields with placeholders that are no value of theirs → these placeholders."""
    found: dict[str, list[str]] = {}
    for field in table.fields:
        if field.placeholders and field.form in _PLAIN:
            values, plain = _joined(rows, field).drop_nulls().unique(), replace(field, placeholders=frozenset())
            stated = pl.Series(sorted(field.placeholders), dtype=pl.String)
            held = pl.select(words_of(stated).is_in(words_of(values).to_list())).to_series()
            if field.form not in _LISTED:
                made = _PLAIN[field.form](stated, plain)
                alike = pl.select(made.is_in(_PLAIN[field.form](values, plain).drop_nulls().to_list())).to_series().fill_null(value=False)
                held = alike if field.form == "exact" else alike | held
            found |= {field.name: stated.filter(~held).to_list()} if not held.all() else {}
    return found


def form_of(rows: pl.DataFrame, field: Field) -> pl.DataFrame:
    """The columns that one field makes."""
    if field.form == "place":
        longitude, latitude = (_axis(rows[name], field) for name in field.columns)
        place = pl.DataFrame({"longitude": longitude, "latitude": latitude})
        if ((latitude.abs() > _MOST_LATITUDE) & (longitude.abs() <= _MOST_LATITUDE)).any():
            raise ContractError(
                f"字段 {field.name} 的纬度超过 90 · field {field.name}: latitudes beyond 90",
                remedy="依次写 from: [经度列, 纬度列] · write from: [longitude, latitude], in that order",
            )
        nowhere = (pl.col("longitude") == 0) & (pl.col("latitude") == 0)  # what systems write where they know none
        place = place.select(pl.when(~nowhere).then(pl.col(name)).alias(name) for name in ("longitude", "latitude"))
        return place.with_columns(cells(place))
    text = _joined(rows, field)
    if field.form in _PLAIN:
        made = once(text, _made, field)
        if field.form in _READ and len(text) > text.null_count() and made[field.name].null_count() == len(made):
            remedy = Words("检查该列，或改为 text", "look at its column, or make it a text")
            if field.form == "date":
                remedy = Words("按 strptime 写 formats:", "write formats: as strptime does")
            raise ContractError(
                f"字段 {field.name} 没有一行是 {field.form} · field {field.name}: no row holds a {field.form}",
                remedy=str(remedy),
                field=field.name,
            )
        return made
    return _OWN[field.form](text, _as_folded(field))


def _axis(values: pl.Series, field: Field) -> pl.Series:
    """A coordinate of each row, null where it says nothing."""
    degrees = _finite(values.cast(pl.Float64, strict=False))
    nothing = pl.Series(sorted(field.placeholders), dtype=pl.String).cast(pl.Float64, strict=False).drop_nulls()
    return pl.select(pl.when(~degrees.is_in(nothing.to_list())).then(degrees)).to_series()


def _made(values: pl.Series, field: Field) -> pl.DataFrame:
    """The form of each value, null where it says nothing."""
    made = _PLAIN[field.form](values, field)
    if field.placeholders and field.form in _READ:  # compared as they are read: 0 is 0.00
        nothing = _PLAIN[field.form](pl.Series(sorted(field.placeholders)), field).drop_nulls()
        made = pl.select(pl.when(~made.is_in(nothing.to_list())).then(made)).to_series()
    elif field.placeholders and field.form in ("bands", "mentions"):
        made = pl.select(pl.when(~words_of(values).is_in(sorted(_texts(field.placeholders)))).then(made)).to_series()
    return made.alias(field.name).to_frame()


def _as_folded(field: Field) -> frozenset[str]:
    """Placeholders of a form of the hub's own, as it compares them."""
    if not field.placeholders:
        return field.placeholders
    marks = {text.replace(" ", "") for text in _texts(field.placeholders)} if field.form in ("id_no", "uscc") else set()
    return field.placeholders | {folded for word in field.placeholders if (folded := fold_one(word))} | marks


def _joined(rows: pl.DataFrame, field: Field) -> pl.Series:
    parts = [rows[name].cast(pl.String) for name in field.columns]
    text = parts[0] if len(parts) == 1 else pl.select(pl.concat_str(parts, separator=" ", ignore_nulls=True)).to_series()
    if field.pattern is not None:
        text = text.str.extract(field.pattern, 1)
    if MENTIONS in field.without:
        text = without_mentions(text)
    words = [word for word in field.without if word != MENTIONS]
    if words:
        text = text.str.replace_many(words, [" "] * len(words))
    return text.alias(field.name)


def _identifier(frame: pl.DataFrame, table: TableModel) -> pl.Series:
    if table.identifier is None:
        return pl.Series("identifier", [None], dtype=pl.String).new_from_index(0, len(frame))
    return frame[table.identifier].cast(pl.String).alias("identifier")


def _text(values: pl.Series, field: Field) -> pl.Series:
    """Width, case, variant characters and marks taken away, one blank between words."""
    return words_of(values).to_frame("v").select(or_null(pl.col("v"), _texts(field.placeholders) | _NOTHING)).to_series()


@lru_cache
def _texts(words: frozenset[str]) -> frozenset[str]:
    """Placeholders as texts are made comparable."""
    return frozenset(words_of(pl.Series(sorted(words), dtype=pl.String)).drop_nulls().to_list())


def _of_words(made: Callable[[pl.Series], pl.Series]) -> Callable[[pl.Series, Field], pl.Series]:
    """Of what a text says, as a company's name and its legal form."""

    def form(values: pl.Series, field: Field) -> pl.Series:
        said = pl.select(pl.when(_text(values, field).is_not_null()).then(values)).to_series()
        return made(said)

    return form


def _exact(values: pl.Series, field: Field) -> pl.Series:
    """As written, blanks at the ends aside."""
    nothing = frozenset(word.strip() for word in field.placeholders)
    return values.str.strip_chars().to_frame("v").select(or_null(pl.col("v"), nothing)).to_series()


def _code(values: pl.Series, field: Field) -> pl.Series:
    """Letters and digits alone. What says nothing is known by its words, before N/A and NA become one."""
    bare = _text(values, field).str.replace_all(" ", "", literal=True)
    nothing = (text for text in _texts(field.placeholders) if not text.replace(" ", "").isalpha() or " " not in text)
    return bare.to_frame("v").select(or_null(pl.col("v"), frozenset(text.replace(" ", "") for text in nothing))).to_series()


def _words(values: pl.Series, field: Field) -> pl.Series:
    return _text(values, field).str.split(" ").list.unique().list.sort()


def _start(values: pl.Series, field: Field) -> pl.Series:
    return _text(values, field).str.slice(0, field.length)


def _end(values: pl.Series, field: Field) -> pl.Series:
    return _text(values, field).str.slice(-field.length)


def _pieces(values: pl.Series, field: Field) -> pl.Series:
    """Each run of `length` characters, blanks taken away; a text no longer than that is one piece."""
    bare = _text(values, field).str.replace_all(" ", "", literal=True)
    cut = [bare.str.slice(start).str.extract_all(f"(?s).{{{field.length}}}") for start in range(field.length)]
    short = pl.select(pl.when(bare.str.len_chars() < field.length).then(pl.concat_list(bare))).to_series()
    return pl.select(pl.coalesce(short, pl.concat_list(cut).list.unique().list.sort())).to_series()


def _sound(values: pl.Series, field: Field) -> pl.Series:
    """Chinese characters by their pinyin; Latin words by their consonants, like ones as one, the first letter kept."""
    return consonants(pinyin(_text(values, field)).str.to_uppercase())


def _finite(numbers: pl.Series) -> pl.Series:
    """NaN and infinity are no numbers: they would agree with each other, and exceed every bound."""
    return pl.select(pl.when(numbers.is_finite()).then(numbers)).to_series()


def _number(values: pl.Series, _: Field) -> pl.Series:
    """Commas part thousands and nothing else: what 3,5 or 1.234,56 says is not guessed."""
    written = values.str.strip_chars()
    read = _finite(written.cast(pl.Float64, strict=False))
    if not read.null_count():
        return read
    parted = written.str.contains(r"^-?\d{1,3}(,\d{3})+(\.\d+)?$")
    bare = pl.select(pl.when(parted).then(written.str.replace_all(",", "", literal=True))).to_series()
    return pl.select(pl.coalesce(read, _finite(bare.cast(pl.Float64, strict=False)))).to_series()


def _date(values: pl.Series, field: Field) -> pl.Series:
    """The day alone; what follows it, a time of day for one, is passed over. A year of two digits is none: it is not guessed."""
    whole = values.str.strip_chars()
    first = whole.str.extract(r"^([^\sT]+)")
    found = pl.Series([None], dtype=pl.Date).new_from_index(0, len(values))
    for form in field.formats or _DATE_FORMATS:
        for text in (whole, first):
            if found.null_count():
                day = text.str.to_date(form, strict=False)
                found = pl.select(pl.coalesce(found, pl.when(day.dt.year() >= _FIRST_YEAR).then(day))).to_series()
    return found


def _year(values: pl.Series, _: Field) -> pl.Series:
    """The four digits of a year, wherever they stand."""
    return values.str.extract(r"(?:^|[^0-9])((?:1[5-9]|20)[0-9]{2})(?:[^0-9]|$)").cast(pl.Float64)


def _bands(values: pl.Series, _: Field) -> pl.Series:
    """Keys that texts of nearly the same wording share."""
    return signatures(values.str.slice(0, _MOST_BANDED))["text_bands"]


def _as_dialled(field: Field) -> frozenset[str]:
    """Placeholders of phones, as these are made comparable."""
    if not field.placeholders:
        return field.placeholders
    return field.placeholders | {*phones(pl.Series(sorted(field.placeholders)), frozenset()).drop_nulls()}


_PLAIN: dict[str, Callable[[pl.Series, Field], pl.Series]] = {
    "text": _text,
    "exact": _exact,
    "company": _of_words(company_names),
    "legal_form": _of_words(legal_forms),
    "code": _code,
    "words": _words,
    "start": _start,
    "end": _end,
    "pieces": _pieces,
    "mentions": lambda values, _: mentions(values),
    "sound": _sound,
    "number": lambda values, field: _number(half_width(values), field),
    "date": lambda values, field: _date(half_width(values), field),
    "year": lambda values, field: _year(half_width(values), field),
    "duration": lambda values, _: seconds(half_width(values)),
    "bands": _bands,
    "phone": lambda values, field: phones(values, _as_dialled(field)),
}
_OWN: dict[str, Callable[[pl.Series, frozenset[str]], pl.DataFrame]] = {
    "person_name": person_names,
    "organisation_name": organisation_names,
    "id_no": id_numbers,
    "uscc": credit_codes,
    "address": addresses,
}
