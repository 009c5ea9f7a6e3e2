"""How long something takes, as sources write it, and drafts of tables whose sources each write lengths and years in their own way."""

from __future__ import annotations

import polars as pl
import pytest

from matching.column_profiles import profiles
from matching.model_draft import draft
from matching.table_forms import form_of, table_forms
from matching.table_model import Field, table_model_from

LENGTHS = ["197237", "197", "3m 17sec", "3.283", "03:17"]  # one, as five sources write it
YEARS = ["1975", "1975", "'75", "75", None]


@pytest.mark.parametrize(
    ("written", "found"),
    [
        pytest.param("3m 17sec", 197, id="minutes and seconds"),
        pytest.param(" 03:17 ", 197, id="a clock"),
        pytest.param("1:02:03", 3723, id="with hours"),
        pytest.param("2h 5m", 7500, id="hours and minutes"),
        pytest.param("4 min", 240, id="minutes"),
        pytest.param("5分30秒", 330, id="in Chinese"),
        pytest.param("５分３０秒", 330, id="of full width"),
        pytest.param("1500ms", 1.5, id="milliseconds"),
        pytest.param("3'17\"", 197, id="with marks"),
        pytest.param("3′17″", 197, id="with primes"),
        pytest.param("1h30", 5400, id="hours, the minutes without their unit"),
        pytest.param("5分30", 330, id="minutes, the seconds without theirs"),
        pytest.param("03:17 min", 197, id="a clock with a unit"),
        pytest.param("1:30 h", None, id="a clock with one that it does not have"),
        pytest.param("3,5 min", None, id="a comma"),
        pytest.param("1h, 30m", 5400, id="a comma between units"),
        pytest.param("1d 2h", None, id="days, which are not read"),
        pytest.param("1天2小时", None, id="days, in Chinese"),
        pytest.param("1-2 h", None, id="from one to another"),
        pytest.param("2 h 3 h", None, id="hours twice"),
        pytest.param("3m17.5", None, id="a part of seconds without their unit"),
        pytest.param("PT3M17S", 197, id="as standards write it"),
        pytest.param("1h30m15", 5415, id="the last unit left out"),
        pytest.param("٣", None, id="figures of another script"),
        pytest.param("219", 219, id="whole: seconds"),
        pytest.param("197237", 197.237, id="large: milliseconds"),
        pytest.param("3.25", 195, id="parted: minutes"),
        pytest.param("197.5", 197.5, id="parted and large: seconds"),
        pytest.param("unknown", None, id="none"),
        pytest.param("", None, id="empty"),
    ],
)
def test_seconds_are_read(written: str, found: float | None) -> None:
    field = Field("length", ("length",), "duration")
    rows = pl.DataFrame({"length": [written, "1s"]})
    assert form_of(rows, field)["length"].to_list() == [found, 1]


def tracks() -> pl.DataFrame:
    """Of five sources."""
    rows = []
    for track in range(200):
        length, year = 120 + track, 1960 + track % 50
        told = [
            f"{length * 1000}",
            f"{length}",
            f"{length // 60}m {length % 60}sec",
            f"{length / 60:.3f}",
            f"{length // 60:02}:{length % 60:02}",
        ]
        years = [str(year), str(year), f"'{year % 100:02}", f"{year % 100:02}", None]
        rows += [(f"title of {track * 7919}", told[source], years[source], track) for source in range(5)]
    return pl.DataFrame(rows, schema=["title", "length", "year", "truth"], orient="row")


def test_lengths_and_years_of_several_ways_to_write_are_compared_as_what_they_say() -> None:
    rows = tracks()
    document = draft(rows, "truth").document
    assert document["fields"]["length"] == {"from": "length", "as": "duration"}
    assert document["fields"]["year"] == {"from": "year", "as": "code", "pattern": r"(\d\d)$"}
    kinds = {comparison["name"]: comparison["kind"] for comparison in document["comparisons"]}
    assert kinds["length"] == "difference"
    assert kinds["year"] == "equal"
    forms = table_forms(rows, table_model_from(document, "the draft"))
    assert [round(each) for each in forms["length"].to_pylist()[:5]] == [120] * 5
    assert forms["year"].to_pylist()[:5] == ["60", "60", "60", "60", None]


@pytest.mark.parametrize(
    ("name", "values", "role"),
    [
        pytest.param("length", LENGTHS, "duration", id="durations"),
        pytest.param("length", ["12.5", "7.25", "190.0", "23.4", "5.5"], "number", id="lengths of ships"),
        pytest.param("note", LENGTHS, "name", id="of another name"),
        pytest.param("year", [year for year in YEARS if year], "short_year", id="years of two digits"),
        pytest.param("year", ["1975", "1980", "2001", "1999", "2010"], "year", id="whole years"),
        pytest.param("school_year", ["1", "2", "3", "4", "5"], "code", id="no calendar's years"),
    ],
)
def test_columns_are_durations_where_name_and_values_say_so(name: str, values: list[str], role: str) -> None:
    assert profiles(pl.DataFrame({name: values}))[0].role == role
