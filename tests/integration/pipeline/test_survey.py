"""Values that say nothing and values that too many share, and the model's next version that lists them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from sqlalchemy import Engine, text

from hub.encryption import using
from hub.errors import ContractError, SettingsError
from hub.settings import get_settings
from matching.model_file import MODELS, read_model
from pipeline.evaluating.survey import next_version, survey
from pipeline.resolving.models import load_model
from pipeline.resolving.relations import CASE, ORGANISATION, PERSON
from pipeline.resolving.resolve import resolve
from pipeline.rotation import rotate
from tests.integration.encryption.builders import ring, write_keys_down
from tests.integration.pipeline.resolving import SETTINGS, clusters, id_number, parties, person, record, rows, settle

SURNAMES, GIVEN = "赵钱孙李周吴郑冯陈褚卫蒋沈韩杨", "建国志强秀英桂兰海燕文静"
RECEPTION = "13512340000"


def names(count: int) -> list[str]:
    return [f"{SURNAMES[place % 15]}{GIVEN[place // 15 % 12]}{GIVEN[place % 12]}" for place in range(count)]


@pytest.fixture
def own_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of models that stand in for the hub's."""
    monkeypatch.setenv("CASEHUB_MODELS", str(tmp_path))
    get_settings.cache_clear()
    load_model.cache_clear()
    yield tmp_path
    monkeypatch.delenv("CASEHUB_MODELS")
    get_settings.cache_clear()
    load_model.cache_clear()


def test_a_phone_of_many_names_and_a_name_that_never_has_a_number_say_nothing(database: Engine) -> None:
    shared = [record("police", str(place), person(name, phone=RECEPTION)) for place, name in enumerate(names(25))]
    nobody = [record("petition", str(place), person("过路群众", phone=f"1370000{place:04}")) for place in range(60)]
    real = [record("court", str(place), person("王建国", phone=f"1380000{place:04}", id_no=id_number(place))) for place in range(60)]
    settle(database, *shared, *nobody, *real)
    found = survey(database, PERSON)
    assert [(one.column, one.value, one.names) for one in found.placeholders] == [("phone", RECEPTION, 25), ("name", "过路群众", 60)]
    assert survey(database, PERSON, names=26).placeholders == ()
    assert survey(database, CASE).placeholders == ()


def test_a_number_that_stands_under_two_keys_is_not_counted_as_two(database: Engine) -> None:
    shared = [record("police", str(place), person(name, phone=RECEPTION)) for place, name in enumerate(names(25))]
    for keys, half in ((ring("k1"), shared[:13]), (ring("k1", "k2"), shared[13:])):
        with using(keys):
            settle(database, *half)
            write_keys_down(database)
    both = ring("k1", "k2")
    with using(both):
        with pytest.raises(SettingsError, match="not all under the current key") as refused:
            survey(database, PERSON)
        assert "casehub encryption rotate" in refused.value.remedy
        assert RECEPTION not in str(refused.value)
        assert survey(database, CASE).placeholders == ()
        rotate(database, both)
        assert [(one.column, one.value, one.names) for one in survey(database, PERSON).placeholders] == [("phone", RECEPTION, 25)]


def test_a_crowded_key_is_named_by_its_value(database: Engine, own_models: Path) -> None:
    document = yaml.safe_load((MODELS / "person.yml").read_text(encoding="utf-8"))
    (own_models / "person.yml").write_text(
        yaml.safe_dump({**document, "block_limit": 8, "version": 90}, allow_unicode=True), encoding="utf-8"
    )
    load_model.cache_clear()
    settle(database, *(record("police", str(place), person(f"王{given}{given}", phone=RECEPTION)) for place, given in enumerate(GIVEN)))
    found = survey(database, PERSON)
    assert [(one.column, one.value, one.mentions) for one in found.over_common] == [("phone", RECEPTION, 12)]
    assert found.unrefined == ()


def test_the_next_version_is_a_model_that_takes_effect_from_a_folder(database: Engine, own_models: Path) -> None:
    pair = [record("police", "1", person("欧阳震华", phone=RECEPTION)), record("court", "2", person("欧阳震华", phone=RECEPTION))]
    settle(database, *pair, *(record("health", str(place), person(name, phone=RECEPTION)) for place, name in enumerate(names(25))))
    before = load_model("person")
    (own_models / "person.yml").write_text(next_version(survey(database, PERSON)), encoding="utf-8")
    model = read_model(own_models / "person.yml")
    assert int(model.version) == int(before.version) + 1
    assert model.placeholders["phone"] == before.placeholders["phone"] | {RECEPTION}
    assert model.comparisons == before.comparisons
    load_model.cache_clear()
    assert parties(database)["police/1/0"] == parties(database)["court/2/0"]
    settle(database, record("police", "3", person("欧阳震华", phone=RECEPTION)))
    assert len({entity for name, entity in parties(database).items() if name == "police/3/0"} & {parties(database)["court/2/0"]}) == 0
    assert len(rows(database, "SELECT version FROM ops.model WHERE relation = 'person'")) == 2
    assert clusters(parties(database))


def test_a_model_that_changed_under_its_version_is_refused(database: Engine, own_models: Path) -> None:
    settle(database, record("police", "1", person("欧阳震华", phone=RECEPTION)))
    document = yaml.safe_load((MODELS / "organisation.yml").read_text(encoding="utf-8"))
    (own_models / "organisation.yml").write_text(yaml.safe_dump({**document, "block_limit": 7}, allow_unicode=True), encoding="utf-8")
    load_model.cache_clear()
    with pytest.raises(ContractError, match="another than version") as refused:
        settle(database, record("court", "2", person("欧阳震华", phone=RECEPTION)))
    assert "raise its version" in (refused.value.remedy or "")
    with database.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM ops.pending")).scalar_one() == 1


@pytest.mark.parametrize("was_used", [True, False])
def test_a_process_with_an_older_model_is_refused(database: Engine, own_models: Path, was_used: bool) -> None:
    if was_used:
        settle(database, record("police", "1", person("欧阳震华", phone=RECEPTION)))
    old = load_model("person").version
    document = yaml.safe_load((MODELS / "person.yml").read_text(encoding="utf-8"))
    newer = own_models / "person.yml"
    newer.write_text(yaml.safe_dump({**document, "version": int(old) + 1}, allow_unicode=True), encoding="utf-8")
    load_model.cache_clear()
    settle(database, record("court", "2", person("欧阳震华", phone=RECEPTION)))
    newer.rename(own_models / "person.yml.aside")
    load_model.cache_clear()
    waiting = record("labour", "3", person("欧阳震华", phone=RECEPTION))
    with pytest.raises(ContractError, match=f"person: version {old} is older than {int(old) + 1}, which this store") as refused:
        settle(database, waiting)
    assert "CASEHUB_MODELS" in (refused.value.remedy or "")
    assert rows(database, "SELECT count(*) FROM ops.pending") == [1]
    assert len(rows(database, "SELECT version FROM ops.model WHERE relation = 'person'")) == 1 + was_used
    (own_models / "person.yml.aside").rename(newer)
    load_model.cache_clear()
    resolve(database, SETTINGS)
    assert rows(database, "SELECT DISTINCT model_version FROM store.link WHERE known_to IS NULL AND relation = 'person'") == [
        str(int(old) + 1)
    ]


def test_a_model_of_another_relation_is_refused(own_models: Path) -> None:
    (own_models / "case.yml").write_text((MODELS / "person.yml").read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(ContractError, match="is one of person"):
        load_model("case")


def test_an_empty_store_has_nothing_to_list(database: Engine) -> None:
    found = survey(database, ORGANISATION)
    assert (found.placeholders, found.over_common, found.unrefined) == ((), (), ())
