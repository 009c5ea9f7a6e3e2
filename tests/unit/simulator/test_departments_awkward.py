"""What is awkward about each department, seen in its raw rows."""

from __future__ import annotations

import gzip
import io
import re
import zipfile
from datetime import UTC, datetime, timedelta
from types import ModuleType

import openpyxl
import orjson
import polars as pl
import pytest

from schema import codes
from simulator.departments import (
    civil_affairs,
    court,
    education,
    emergency_management,
    health,
    housing,
    justice,
    labour,
    market_regulation,
    mass_organisations,
    planning_land,
    police,
    political_legal,
    procuratorate,
    urban_management,
)
from simulator.rendering import Rendered, full_width
from simulator.timeline import Step, Timeline
from simulator.world import World, build_world


@pytest.fixture(scope="module")
def world() -> World:
    """Large enough for every kind of garbage."""
    return build_world(1232, seed=11)


def rendered(world: World, module: ModuleType) -> tuple[Step, Rendered]:
    """A department's world rows and raw rows at the first pull."""
    department = module.__name__.rpartition(".")[2]
    step = Timeline(world).first(department)
    return step, module.render(step.records, step.parties)


def bodies(world: World, module: ModuleType) -> list[dict[str, object]]:
    return [orjson.loads(body) for body in rendered(world, module)[1].rows["body"]]


def test_police_writes_a_small_x(world: World) -> None:
    rows = rendered(world, police)[1].rows
    numbers = pl.concat([rows["bjrzjhm"], rows["sarzjhm"]]).drop_nulls()
    assert numbers.str.ends_with("x").any()
    assert not numbers.str.contains("X").any()
    assert numbers.str.contains("^[0-9]{15}$").any()


def test_civil_affairs_lines_are_equally_wide_and_their_digits_too(world: World) -> None:
    rows = rendered(world, civil_affairs)[1].rows
    content = civil_affairs.files(rows, [])["MZ_SXSB.DAT"]
    *lines, trailer = content.removesuffix(b"\r\n").split(b"\r\n")
    assert {len(line) for line in lines} == {sum(width for _, width in civil_affairs.WIDTHS)}
    assert trailer == b"ZZZEND" + f"{rows.height:010d}".encode()
    assert rows["HZSFZH"].drop_nulls().str.contains("^[０-９Ｘ]{15,18}$").all()


def test_full_width_leaves_chinese_alone() -> None:
    assert pl.DataFrame({"a": ["44X光"]}).select(full_width(pl.col("a"))).item() == "４４Ｘ光"


def test_urban_management_coordinates_are_some_hundred_metres_away(world: World) -> None:
    step, raw = rendered(world, urban_management)
    shown = [orjson.loads(body) for body in raw.rows["body"]]
    pairs = [
        (real, told)
        for real, told in zip(step.records.select("longitude", "latitude").iter_rows(), shown, strict=True)
        if told["long"] is not None and real[0] is not None
    ]
    assert pairs
    for (longitude, latitude), told in pairs:
        east, north = (told["long"] - longitude) * 102_600, (told["lat"] - latitude) * 110_900
        assert 400 < (east**2 + north**2) ** 0.5 < 700
    assert any(told["media_url"] for told in shown)
    assert {told["status"] for told in shown} <= {"open", "closed"}
    assert any(told["extended_attributes"]["anonymous"] for told in shown)


def test_education_has_two_header_lines_merged_cells_and_serials(world: World) -> None:
    step, raw = rendered(world, education)
    sheet = openpyxl.load_workbook(io.BytesIO(education.files(raw.rows, [])["教育信访台账.xlsx"])).active
    assert sheet is not None
    assert "A1:D1" in {str(span) for span in sheet.merged_cells.ranges}
    assert [cell.value for cell in sheet[2]][:3] == ["编号", "标题", "类别"]
    serial = next(cell.column for cell in sheet[2] if cell.value == "来件")
    told = datetime(1899, 12, 30, tzinfo=UTC) + timedelta(days=sheet.cell(3, serial).value) - timedelta(hours=8)
    assert abs(told - step.records["reported_at"][0]) < timedelta(seconds=1)
    assert sheet.max_row == raw.rows.height + 2


def test_education_shortens_names_of_schools(world: World) -> None:
    names = pl.DataFrame({"row": [0, 1], "name": ["深圳市光明区春蕾实验学校"] * 2}).select(education.short_name()).to_series()
    assert names.to_list() == ["春蕾实验", "深圳市光明区春蕾实验学校"]


def test_planning_land_uses_former_codes_and_plots(world: World) -> None:
    rows = rendered(world, planning_land)[1].rows
    former = set(codes.region_aliases())
    assert set(rows["COMM_CODE"].drop_nulls()) & former
    assert rows["LOCATION"].null_count() > rows.height / 3
    assert rows["PLOT_NO"].str.contains("^A[0-9]{3}-[0-9]{4}$").all()
    assert rows["REG_DATE"].str.contains("^[0-9]{2}-[A-Z]{3}-[0-9]{4} ").all()


def test_planning_land_keeps_what_it_deleted() -> None:
    world = build_world(8000, seed=2)
    timeline = Timeline(world)
    timeline.first("planning_land")
    flags = [planning_land.render(step.records, step.parties).rows for step in (timeline.step("planning_land", tick) for tick in (1, 2, 3))]
    deleted = pl.concat(flags).filter(pl.col("DEL_FLAG") == "1")
    named = world.changes.filter((pl.col("department") == "planning_land") & (pl.col("kind") == "delete"))
    assert set(deleted["CASE_ID"]) == set(named["source_record_id"]) != set()


def test_labour_lists_the_workers_of_a_collective_case(world: World) -> None:
    step, raw = rendered(world, labour)
    workers = [orjson.loads(text) for text in raw.rows["workers"]]
    assert max(map(len, workers)) > 3
    named = step.parties.filter(pl.col("role") == "petitioner").group_by("row").len()
    assert max(map(len, workers)) == named["len"].max()


def test_court_has_several_parties_a_side_and_cites_awards(world: World) -> None:
    rows = rendered(world, court)[1].rows
    assert rows["body"].str.count_matches("<SuSongDiWei>原告").max() > 1  # type: ignore[operator]
    assert rows["body"].str.contains("<ZhongCaiAnHao>深光劳人仲案").any()


def test_procuratorate_marks_cases_of_minors(world: World) -> None:
    step, raw = rendered(world, procuratorate)
    assert raw.rows["body"].str.contains("<涉未成年人>是").sum() == step.records["is_juvenile"].sum() > 0
    assert len(procuratorate.files(raw.rows, [])) >= 3


def test_political_legal_begins_with_a_mark_and_carries_orders(world: World) -> None:
    _, raw = rendered(world, political_legal)
    content = political_legal.files(raw.rows, [])["export/矛盾纠纷台账.csv"]
    assert content.startswith(b"\xef\xbb\xbf" + "序号,台账编号".encode())
    assert raw.rows["发令时间"].is_not_null().any()
    assert raw.rows["报到时间"].is_not_null().any()


def test_mass_organisations_share_one_file_in_gb18030(world: World) -> None:
    _, raw = rendered(world, mass_organisations)
    (content,) = mass_organisations.files(raw.rows, []).values()
    with pytest.raises(UnicodeDecodeError):
        content.decode("utf-8")
    assert content.decode("gb18030").startswith("组织|编号|")
    assert set(raw.rows["组织"]) == {"总工会", "妇联", "团区委"}


def test_justice_is_gzipped_lines_with_confirmation(world: World) -> None:
    _, raw = rendered(world, justice)
    (content,) = justice.files(raw.rows, []).values()
    lines = [orjson.loads(line) for line in gzip.decompress(content).splitlines()]
    assert len(lines) == raw.rows.height
    states = {line["confirmation"]["state"] for line in lines}
    assert {"已申请", "已送达"} <= states <= {None, *justice.CONFIRMATION.values()}


def test_market_regulation_is_a_zip_with_codes_and_few_persons(world: World) -> None:
    _, raw = rendered(world, market_regulation)
    (content,) = market_regulation.files(raw.rows, []).values()
    assert zipfile.ZipFile(io.BytesIO(content)).namelist() == ["tousu_jubao.csv", "README.txt"]
    assert raw.rows["tongyi_daima"].null_count() < raw.rows.height / 5
    unnamed = raw.rows.filter(pl.col("tousuren").is_null())
    assert raw.rows.height / 5 < unnamed.height < raw.rows.height / 2
    assert unnamed.select("tousuren_dianhua", "tousuren_zhengjian").null_count().row(0) == (unnamed.height, unnamed.height)


def test_health_masks_names(world: World) -> None:
    names = [patient["name"] for row in bodies(world, health) for patient in row["patients"]]  # type: ignore[attr-defined]
    masked = [name for name in names if re.search(r"先生|女士|某|\*", name)]
    assert len(masked) > len(names) / 2


def test_housing_tells_times_in_seconds(world: World) -> None:
    step, _ = rendered(world, housing)
    assert [row["reportTime"] for row in bodies(world, housing)] == step.records["reported_at"].dt.epoch("s").to_list()


def test_emergency_events_have_ids_of_their_own_and_some_come_twice(world: World) -> None:
    _, raw = rendered(world, emergency_management)
    events = [orjson.loads(body) for body in raw.rows["body"]]
    assert len({event["id"] for event in events}) == len(events)
    assert {event["type"] for event in events} == {"incident.reported"}
    assert len(emergency_management.resent(raw.rows)) >= len(events) // emergency_management.RESENT_EVERY


@pytest.mark.parametrize(
    ("module", "kinds"),
    [
        pytest.param(political_legal, {"unparsable date", "unknown code", "no key", "undecodable bytes"}, id="political_legal"),
        pytest.param(justice, {"unparsable date", "text with U+0000", "broken JSON line", "undecodable bytes"}, id="justice"),
        pytest.param(labour, {"no key", "unparsable date", "unknown code", "malformed credit code"}, id="labour"),
        pytest.param(market_regulation, {"unparsable date", "unknown code", "no key", "too many fields"}, id="market_regulation"),
    ],
)
def test_garbage_is_as_stated(world: World, module: ModuleType, kinds: set[str]) -> None:
    rows = rendered(world, module)[1].rows
    items = module.garbage(rows)
    assert {item.kind for item in items} == kinds
    assert not {item.key for item in items if item.key} & set(rows["key"])


def test_small_worlds_have_little_garbage(world: World) -> None:
    rows = rendered(world, labour)[1].rows
    assert [len(labour.garbage(rows.head(count))) for count in (7, 8, 17, 40)] == [0, 1, 2, 4]
