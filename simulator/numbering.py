"""The departments' own numbers, and who cites whose. Enters: filings. Leaves: source_record_id, and the references between records."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from simulator.columns import Flags, Ints, Notes, Random, chance, put
from simulator.filings import Filings
from simulator.noise import one_digit_off
from simulator.rates import Rates

_Y, _M, _DAY = pl.col("y"), pl.col("m"), pl.col("day")


def _padded(width: int) -> pl.Expr:
    return pl.col("n").str.zfill(width)


def _formats() -> dict[str, pl.Expr]:
    """How each department numbers: year, month, day, and a running number of the year."""
    text = pl.lit
    desk = pl.when(pl.col("desk") == 0).then(text("GH")).when(pl.col("desk") == 1).then(text("FL")).otherwise(text("TW"))
    return {
        "petition": pl.concat_str(text("XF"), _Y, text("-"), _M, text("-"), _padded(6)),
        "political_legal": pl.concat_str(text("GMZF"), _Y, _M, text("-"), _padded(5)),
        "police": pl.concat_str(text("J440311"), _DAY, _padded(6)),
        "procuratorate": pl.concat_str(text("深光检诉〔"), _Y, text("〕"), pl.col("n"), text("号")),
        "court": pl.concat_str(text("("), _Y, text(")粤0311民初"), pl.col("n"), text("号")),
        "education": pl.concat_str(text("JY-"), _Y, text("-"), _padded(5)),
        "labour": pl.concat_str(text("深光劳人仲案〔"), _Y, text("〕"), pl.col("n"), text("号")),
        "housing": pl.concat_str(text("ZJ"), _DAY, _padded(5)),
        "mass_organisations": pl.concat_str(desk, _Y, text("-"), _padded(5)),
        "justice": pl.concat_str(text("光司调字〔"), _Y, text("〕第"), pl.col("n"), text("号")),
        "civil_affairs": pl.concat_str(text("MZ440311"), _Y, _M, _padded(6)),
        "health": pl.concat_str(text("WJ/"), _Y, text("/"), _padded(6)),
        "urban_management": pl.concat_str(_Y, _padded(8)),
        "market_regulation": pl.concat_str(text("1440311002"), _DAY, _padded(8)),
        "emergency_management": pl.concat_str(text("YJ"), _DAY, text("-"), _padded(6)),
        "planning_land": pl.concat_str(text("GT"), _Y, _padded(6)),
    }


def number_records(rates: Rates, filings: Filings) -> pl.Series:
    """A number for every record, unique in its department, running through the year."""
    count = len(filings.case)
    frame = pl.DataFrame(
        {"at": np.arange(count), "department": filings.department, "reported": filings.reported, "desk": filings.category % 3}
    )
    local = (pl.col("reported") * 1_000_000 + 8 * 3_600_000_000).cast(pl.Datetime("us"))
    frame = frame.with_columns(y=local.dt.year().cast(pl.String), m=local.dt.strftime("%m"), day=local.dt.strftime("%Y%m%d"))
    frame = frame.sort("department", "reported", "at")
    frame = frame.with_columns(n=pl.int_range(1, pl.len() + 1).over("department", "y").cast(pl.String))
    formats = _formats()
    parts = [
        part.select("at", number=formats[rates.department_codes[int(key[0])]])
        for key, part in frame.partition_by("department", as_dict=True).items()
    ]
    return pl.concat(parts).sort("at")["number"]


@dataclass(frozen=True)
class Citations:
    """Which record cites which number of which department."""

    record: Ints
    department: Ints
    number: pl.Series
    in_text: Flags


def cite_records(rng: Random, rates: Rates, filings: Filings, number: pl.Series, notes: Notes) -> Citations:
    """Later records of a case cite an earlier one of another department at the stated rates."""
    share, codes = rates.records, rates.department_codes
    order = np.lexsort((filings.reported, filings.case))
    case, department = filings.case[order], filings.department[order]
    first = np.r_[True, case[1:] != case[:-1]]
    turn = np.arange(len(order)) - np.maximum.accumulate(np.where(first, np.arange(len(order)), 0))
    back = 1 + (rng.random(len(order)) * np.maximum(turn, 1)).astype(np.int64)
    # The court cites the award if there is one, and not whatever came before it.
    court, labour = codes.index("court"), codes.index("labour")
    for step in range(1, 5):
        award = (department == court) & (turn >= step) & (np.roll(department, step) == labour)
        back = np.where(award, step, back)
    at = np.arange(len(order)) - back
    cited = np.where((turn > 0) & (at >= 0), at, -1)
    wanted = np.where((department == court) & (department[cited] == labour), share.court_cites_award, share.reference)
    rows = np.flatnonzero((cited >= 0) & (department != department[cited]) & chance(rng, wanted, len(order)))
    record, target = order[rows], order[cited[rows]]
    told, slips = number.gather(target), Notes()
    wrong = chance(rng, share.reference_typo, len(rows))
    told = one_digit_off(rng, told, wrong, slips, "reference_typo", first=8)
    notes.add("reference_typo", record[wrong])
    notes.add("reference", record)
    return Citations(record, filings.department[target], told, chance(rng, share.reference_in_text, len(rows)))


def reference_lists(rates: Rates, citations: Citations, count: int) -> pl.Series:
    """References as lists of department and number, one list a record."""
    names = pl.Series(rates.department_codes, dtype=pl.String)
    frame = pl.DataFrame({"department": names.gather(citations.department), "number": citations.number})
    listed = frame.select(pl.struct("department", "number").alias("reference"))["reference"]
    empty = pl.Series("references", [[]], dtype=pl.List(listed.dtype))
    singles = pl.DataFrame({"reference": listed}).select(pl.concat_list("reference").alias("references"))["references"]
    order = np.zeros(count, dtype=np.int64)
    order[citations.record] = 1 + np.arange(len(citations.record))
    return pl.concat([empty, singles]).gather(order)


def cited_numbers(citations: Citations, count: int) -> tuple[pl.Series, Flags]:
    """For each record the number it cites in its text, and whether it does."""
    empty = pl.Series([None] * count, dtype=pl.String)
    flags = np.zeros(count, dtype=np.bool_)
    flags[citations.record[citations.in_text]] = True
    return put(empty, citations.record, citations.number), flags
