"""Each system as a plain client meets it: format, authentication, and what is awkward about it."""

from __future__ import annotations

import csv
import gzip
import io
import sqlite3
import zipfile
from datetime import datetime

import asyncssh
import httpx
import openpyxl
import orjson
import polars as pl
import pytest
from lxml import etree

from simulator.departments import civil_affairs
from simulator.serve import Systems
from simulator.world import World
from tests.integration.simulator import plain


def first_count(world: World, department: str) -> int:
    """Records that a department holds at the first pull."""
    return world.records.filter((pl.col("department") == department) & (pl.col("tick") == 0)).height


def garbage_count(systems: Systems, department: str) -> int:
    return systems.garbage().filter(pl.col("department") == department).height


def test_petition_wants_a_token_and_fails_one_page_once(systems: Systems, world: World) -> None:
    connection = plain.setting(systems, "petition")
    assert httpx.get(f"{connection['url']}/api/v2/petitions").status_code == 401
    wrong = httpx.post(connection["token_url"], data={"grant_type": "client_credentials"}, auth=("casehub", "wrong"))
    assert wrong.status_code == 401
    headers = {"Authorization": f"Bearer {plain.petition_token(connection)}"}
    address = f"{connection['url']}/api/v2/petitions"
    first = httpx.get(address, params={"limit": "10"}, headers=headers).json()["data"]
    statuses = [httpx.get(address, params={"limit": "10", "cursor": first["next"]}, headers=headers).status_code for _ in range(2)]
    assert statuses == [500, 200]
    rows = plain.petition_rows(connection)
    assert len(rows) == first_count(world, "petition") + garbage_count(systems, "petition")
    assert [row["updatedAt"] for row in rows] == sorted(row["updatedAt"] for row in rows)
    assert isinstance(rows[0]["petitioners"], list)


def test_petition_pages_begin_where_they_are_asked_to(systems: Systems) -> None:
    connection = plain.setting(systems, "petition")
    rows = plain.petition_rows(connection)
    since = rows[len(rows) // 2]["updatedAt"]
    later = plain.petition_rows(connection, updated_since=since)
    assert [row["caseNo"] for row in later] == [row["caseNo"] for row in rows if row["updatedAt"] >= since]
    headers = {"Authorization": f"Bearer {plain.petition_token(connection)}"}
    bad = httpx.get(f"{connection['url']}/api/v2/petitions", params={"cursor": "nonsense!"}, headers=headers)
    assert bad.status_code == 400


def test_housing_throttles_first_and_pages_by_offset(systems: Systems, world: World) -> None:
    connection = plain.setting(systems, "housing")
    address, headers = f"{connection['url']}/openapi/complaints", {"X-API-Key": connection["api_key"]}
    assert httpx.get(address, headers={"X-API-Key": "wrong"}).status_code == 403
    throttled = httpx.get(address, headers=headers)
    assert (throttled.status_code, throttled.headers["retry-after"]) == (429, "1")
    first = httpx.get(address, params={"limit": "3"}, headers=headers).json()
    second = httpx.get(address, params={"limit": "3", "offset": "3"}, headers=headers).json()
    assert first["total"] == first_count(world, "housing") + garbage_count(systems, "housing")
    assert not {row["complaintId"] for row in first["rows"]} & {row["complaintId"] for row in second["rows"]}
    after = httpx.get(address, params={"updatedAfter": str(second["rows"][0]["updateTime"])}, headers=headers).json()
    assert after["total"] == first["total"] - 3


def test_health_links_from_page_to_page(systems: Systems, world: World) -> None:
    connection = plain.setting(systems, "health")
    headers = {"Authorization": f"Bearer {connection['token']}"}
    address: str | None = f"{connection['url']}/v1/complaints?per_page=2"
    assert httpx.get(address or "").status_code == 401
    assert httpx.get(address or "", headers=headers).status_code == 503
    rows = []
    while address:
        answer = httpx.get(address, headers=headers).raise_for_status()
        rows += answer.json()
        address = plain.next_link(answer)
    assert len(rows) == first_count(world, "health") + garbage_count(systems, "health")


def test_court_speaks_soap(systems: Systems, world: World) -> None:
    connection = plain.setting(systems, "court")
    assert plain.court_page(connection, auth=("casehub", "wrong")).status_code == 401
    failed = plain.court_page(connection)
    assert failed.status_code == 500
    assert b"soap:Fault" in failed.content
    pages = [plain.court_cases(plain.court_page(connection, page, size=10)) for page in range(1, 8)]
    count = first_count(world, "court") + garbage_count(systems, "court")
    assert sum(map(len, pages)) == count
    assert etree.fromstring(plain.court_page(connection).content).findtext(".//{*}TotalCount") == str(count)
    assert plain.court_page(connection, content="<a>").status_code == 400
    assert plain.court_page(connection, headers={"SOAPAction": "Other"}).status_code == 500


def test_urban_management_is_an_open311_endpoint(systems: Systems, world: World) -> None:
    url = f"{plain.setting(systems, 'urban_management')['url']}/open311/v2"
    services = httpx.get(f"{url}/services.json").json()
    assert {"service_code", "service_name", "description", "metadata", "type", "keywords", "group"} <= services[0].keys()
    failed = httpx.get(f"{url}/requests.json")
    assert (failed.status_code, failed.json()[0]["code"]) == (500, 500)
    pages = [httpx.get(f"{url}/requests.json", params={"page": page, "page_size": 20}).json() for page in (1, 2, 3, 4)]
    rows = [row for page in pages for row in page]
    assert len(rows) == first_count(world, "urban_management") + garbage_count(systems, "urban_management")
    assert {row["service_code"] for row in rows} - {"000"} <= {service["service_code"] for service in services}
    assert all(datetime.fromisoformat(row["updated_datetime"]).utcoffset() for row in rows)
    assert httpx.get(f"{url}/requests.json", params={"jurisdiction_id": "elsewhere"}).status_code == 404


def test_political_legal_lies_on_an_sftp_server(systems: Systems, world: World) -> None:
    connection = plain.setting(systems, "political_legal")
    content = plain.sftp_file(connection, "/export/矛盾纠纷台账.csv")
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig", errors="replace"))))
    assert len(rows) == first_count(world, "political_legal") + garbage_count(systems, "political_legal")
    with pytest.raises(asyncssh.PermissionDenied):
        plain.sftp_file(connection, "/export/矛盾纠纷台账.csv", password="wrong")
    with pytest.raises(asyncssh.SFTPError):
        plain.sftp_file(connection, "/../../petition")


def test_databases_hold_their_tables(systems: Systems, world: World) -> None:
    counts = {}
    for department, query in {
        "police": "select count(*) from jjdb j join cjdb c on c.jjdbh = j.jjdbh",
        "labour": "select count(*) from v_case",
        "planning_land": 'select count(*) from "T_LAND_PETITION"',
    }.items():
        with sqlite3.connect(plain.setting(systems, department).removeprefix("sqlite:///")) as database:
            counts[department] = database.execute(query).fetchone()[0]
        database.close()
    assert counts == {department: first_count(world, department) + garbage_count(systems, department) for department in counts}


def test_files_are_what_they_are_called(systems: Systems, world: World) -> None:
    counts = {
        "procuratorate": sum(
            path.read_text("utf-8").count("</案件>") for path in plain.folder(systems, "procuratorate").glob("ajxx/案件*.xml")
        ),
        "education": workbook_rows(next(plain.folder(systems, "education").glob("*.xlsx")).read_bytes()),
        "mass_organisations": len(next(plain.folder(systems, "mass_organisations").glob("share/*.txt")).read_bytes().splitlines()) - 1,
        "justice": len(gzip.decompress(next(plain.folder(systems, "justice").glob("mediation/*.gz")).read_bytes()).splitlines()),
        "civil_affairs": len(next(plain.folder(systems, "civil_affairs").glob("*.DAT")).read_bytes().splitlines()) - 1,
        "market_regulation": zipped_lines(next(plain.folder(systems, "market_regulation").glob("outbox/*.zip")).read_bytes()) - 1,
    }
    assert counts == {department: first_count(world, department) + garbage_count(systems, department) for department in counts}
    assert civil_affairs.TRAILER.encode() in next(plain.folder(systems, "civil_affairs").glob("*.DAT")).read_bytes()


def workbook_rows(content: bytes) -> int:
    sheet = openpyxl.load_workbook(io.BytesIO(content)).active
    assert sheet is not None
    return int(sheet.max_row) - 2


def zipped_lines(content: bytes) -> int:
    return len(zipfile.ZipFile(io.BytesIO(content)).read("tousu_jubao.csv").splitlines())


def test_emergency_pushes_signed_bursts_and_repeats_some(world: World, tmp_path: object) -> None:
    with plain.inbox() as (taken, url), Systems(world, tmp_path / "x", inbox_url=url) as systems:  # type: ignore[operator]
        taken.secret, taken.busy = plain.setting(systems, "emergency_management")["secret"], 1
        assert systems.push_events() >= 1
        assert systems.push_events() == 0
        ids = [event["id"] for event in taken.events]
        assert len(set(ids)) == first_count(world, "emergency_management") + garbage_count(systems, "emergency_management")
        assert len(ids) > len(set(ids))
        assert taken.refused == 0
        taken.secret = "another"
        systems.advance(3)
        with pytest.raises(httpx.HTTPStatusError):
            systems.push_events()
        taken.secret = plain.setting(systems, "emergency_management")["secret"]
        assert systems.push_events() >= 1


def test_secrets_differ_from_run_to_run(world: World, tmp_path: object) -> None:
    found = []
    for _ in range(2):
        with Systems(world, tmp_path / "x") as systems:  # type: ignore[operator]
            found.append(systems.environment())
    given = ("URBAN", "JUSTICE")  # one has no secrets, the other may have those of an S3 server that stands in
    with_secrets = [name for name in found[0] if "{" in found[0][name] and not any(word in name for word in given)]
    assert len(with_secrets) == 6
    assert all(found[0][name] != found[1][name] for name in with_secrets)
    assert orjson.loads(found[0]["CASEHUB_CONNECTION_POLITICAL_LEGAL"])["known_host_key"].startswith("ssh-ed25519 ")
