"""Comparable forms."""

from __future__ import annotations

import datetime

import polars as pl
import pytest

from matching.addresses import DISTRICT, addresses
from matching.characters import fold, look, pinyin
from matching.firms import organisation_names
from matching.forms import CASE_FORM, ORGANISATION_FORM, PERSON_FORM
from matching.identifiers import credit_codes, id_numbers, phones
from matching.names import person_names
from matching.texts import signatures, similarity_0_1
from schema.records import CASE_INPUT, ORGANISATION_INPUT, PERSON_INPUT
from tests.unit.matching.builders import FORMS, day, make_forms, make_inputs

NOBODY = frozenset({"无", "匿名", "不详"})


def _texts(*values: str | None) -> pl.Series:
    return pl.Series("v", values, dtype=pl.String)


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        pytest.param("國華 公司", "国华公司", id="traditional and blank"),
        pytest.param("ＡＢｃ１２", "ABC12", id="width and case"),
        pytest.param("张\n三\u200b", "张三", id="line break and zero width"),
        pytest.param("60㎡", "60M2", id="one for several"),
        pytest.param("", None, id="empty"),
        pytest.param("  ", None, id="blank"),
        pytest.param(None, None, id="null"),
    ],
)
def test_fold(written: str | None, folded: str | None) -> None:
    assert fold(_texts("甲", written, "乙")).to_list() == ["甲", folded, "乙"]


def test_sound_and_look() -> None:
    assert pinyin(_texts("吕女A1", None, "张伟")).to_list() == ["lv nv A1", None, "zhang wei"]
    assert look(_texts("未来")).to_list() == look(_texts("末来")).to_list()


@pytest.mark.parametrize(
    ("written", "name", "surname", "masked"),
    [
        pytest.param("張偉", "张伟", "张", False, id="traditional"),
        pytest.param("张先生", "张*", "张", True, id="title"),
        pytest.param("王建国先生", "王建国", "王", False, id="whole name with title"),
        pytest.param("张**", "张*", "张", True, id="stars"),
        pytest.param("张某某", "张*", "张", True, id="mou"),
        pytest.param("张XX", "张*", "张", True, id="crosses"),
        pytest.param("张*伟", "张*伟", "张", True, id="middle hidden"),
        pytest.param("小张", "张*", "张", True, id="familiar"),
        pytest.param("欧阳女士", "欧阳*", "欧阳", True, id="compound surname with title"),
        pytest.param("欧阳娜娜", "欧阳娜娜", "欧阳", False, id="compound surname"),
        pytest.param("王五等94人", "王五", "王", False, id="and others"),
        pytest.param("李四(女)", "李四", "李", False, id="note"),
        pytest.param("投诉人:李四", "李四", "李", False, id="prefix"),
        pytest.param("Alex Smith", "ALEXSMITH", "ALEXSMITH", False, id="latin with an x"),
        pytest.param("买买提·吐尔逊", "买买提吐尔逊", "买买提", False, id="dotted"),
        pytest.param("陈生", "陈*", "陈", True, id="as people are spoken to"),
        pytest.param("歐陽太", "欧阳*", "欧阳", True, id="so, of a compound surname"),
        pytest.param("陈德生", "陈德生", "陈", False, id="a name that ends so"),
        pytest.param("陈生先生", "陈生", "陈", False, id="before a title it is a name"),
        pytest.param("阿生", "生*", "生", True, id="a nickname"),
        pytest.param("匿名", None, None, None, id="placeholder"),
        pytest.param("某某", None, None, None, id="all hidden"),
    ],
)
def test_person_name(written: str, name: str | None, surname: str | None, masked: bool | None) -> None:
    form = person_names(_texts(written), NOBODY).row(0, named=True)
    assert (form["name"], form["surname"], form["is_masked"]) == (name, surname, masked)


def test_surname_has_its_own_reading_and_a_mask_no_sound() -> None:
    forms = person_names(_texts("曾伟", "曾先生"), NOBODY)
    assert forms["name_pinyin"].to_list() == ["zeng wei", None]
    assert forms["title_gender"].to_list() == [None, "male"]
    assert person_names(_texts("陈生", "李太", "王总"), NOBODY)["title_gender"].to_list() == ["male", "female", None]


@pytest.mark.parametrize(
    ("written", "number", "state"),
    [
        pytest.param("11010519491231002X", "11010519491231002X", "verified", id="verified"),
        pytest.param("11010519491231002x", "11010519491231002X", "verified", id="lower case"),
        pytest.param("110105491231002", "11010519491231002X", "converted", id="15 digits"),
        pytest.param("110105194912310021", "110105194912310021", "broken", id="check digit"),
        pytest.param("110105199013310020", "110105199013310020", "broken", id="no such day"),
        pytest.param("E12345678", "E12345678", "other", id="passport"),
        pytest.param("440301********1234", None, None, id="masked"),
        pytest.param("111111111111111111", None, None, id="one digit"),
        pytest.param("无", None, None, id="placeholder"),
        pytest.param(None, None, None, id="null"),
    ],
)
def test_id_number(written: str | None, number: str | None, state: str | None) -> None:
    form = id_numbers(_texts(written), NOBODY).row(0, named=True)
    assert (form["id_no"], form["id_state"]) == (number, state)


def test_id_number_tells_birth_and_gender() -> None:
    form = id_numbers(_texts("11010519491231002X"), NOBODY).row(0, named=True)
    assert (form["id_birth_date"], form["id_gender"]) == (datetime.date(1949, 12, 31), "female")


def test_credit_code() -> None:
    codes = credit_codes(_texts("91350100M000100Y43", "9135 0100M000100Y43", "91350100M000100Y44", "000000000000000000", None), NOBODY)
    assert codes["uscc_state"].to_list() == ["verified", "verified", "broken", None, None]


@pytest.mark.parametrize(
    ("written", "digits"),
    [
        pytest.param("+86 139 1122 3344", "13911223344", id="country"),
        pytest.param("008613911223344", "13911223344", id="dialled country"),
        pytest.param("0755-2721 2345", "075527212345", id="landline"),
        pytest.param("+86-755-27212345", "075527212345", id="landline after the country"),
        pytest.param("0086 10 62345678", "01062345678", id="of an area with two figures"),
        pytest.param("+86 (0)755 27212345", "075527212345", id="and its 0"),
        pytest.param("13911223344/13822334455", "13911223344", id="two"),
        pytest.param("139****3344", None, id="masked"),
        pytest.param("13800000000", None, id="pattern"),
        pytest.param("12345", None, id="short"),
        pytest.param("13812345679.0", "13812345679", id="float"),
        pytest.param("1.38123E+10", None, id="scientific notation"),
        pytest.param("13812345679.5", None, id="decimals"),
        pytest.param("0755.2721.2345", "075527212345", id="dots"),
    ],
)
def test_phone(written: str, digits: str | None) -> None:
    assert phones(_texts(written), NOBODY).to_list() == [digits]


@pytest.mark.parametrize(
    ("written", "parts"),
    [
        pytest.param(
            "光明区马田街道合水口社区长春路12号3栋502室",
            {"street": "马田街道", "community": "合水口", "road": "长春路", "number": "12", "building": "3", "room": "502"},
            id="whole",
        ),
        pytest.param("深圳市光明区翠苑花园十二栋301房", {"estate": "翠苑花园", "building": "12", "room": "301"}, id="numerals"),
        pytest.param("合水口长春路12号", {"community": "合水口", "road": "长春路", "number": "12"}, id="community by name alone"),
        pytest.param("光明大道8号", {"road": "光明大道", "number": "8"}, id="road named like a community"),
        pytest.param("丽江苑星湖路173号", {"estate": "丽江苑", "road": "星湖路", "number": "173"}, id="estate before road"),
        pytest.param("宁波市余姚市梨洲街道振兴西路141号", {"street": "梨洲街道", "road": "振兴西路", "number": "141"}, id="elsewhere"),
        pytest.param("松白一路8号1号楼", {"road": "松白一路", "number": "8", "building": "1"}, id="two numbers"),
        pytest.param("公明街道上村社区", {"street": "公明街道", "community": "上村"}, id="village in the name"),
        pytest.param("锦绣花园8号楼503", {"estate": "锦绣花园", "building": "8", "room": "503"}, id="building numbered like a house"),
        pytest.param("南环路花园路口", {"road": "南环路"}, id="road named like an estate"),
        pytest.param("西湾村2号天猫商城", {"community": "西湾", "estate": "天猫商城"}, id="number of a village"),
        pytest.param("马田街道合水口新村3栋", {"street": "马田街道", "estate": "合水口新村", "building": "3"}, id="an estate in a village"),
        pytest.param(
            "甲子塘社区甲子塘新围十五排14号205",
            {"community": "甲子塘", "estate": "甲子塘新围", "building": "15-14", "room": "205"},
            id="in rows",
        ),
        pytest.param("长凤路48号508", {"road": "长凤路", "number": "48", "room": "508"}, id="room after a road's number"),
        pytest.param("和润华庭15座308", {"estate": "和润华庭", "building": "15", "room": "308"}, id="estate by a newer ending"),
        pytest.param("不详", {}, id="placeholder"),
        pytest.param("广西壮族自治区南宁市创业路12号", {"road": "创业路", "number": "12"}, id="an autonomous region"),
    ],
)
def test_address(written: str, parts: dict[str, str]) -> None:
    form = addresses(_texts(written), NOBODY).drop("places", DISTRICT).row(0, named=True)
    assert {name: value for name, value in form.items() if value is not None} == parts


@pytest.mark.parametrize(
    ("written", "district"),
    [
        pytest.param("广东省深圳市南山区创业路12号", "南山", id="named"),
        pytest.param("深圳南山区创业路12号", "南山", id="after a city without its word"),
        pytest.param("深圳市光明新区创业路12号", "宝安", id="of another once"),
        pytest.param("宝安区公明街道创业路12号", "宝安", id="as it was of it"),
        pytest.param("公明街道创业路12号", "宝安", id="by its street"),
        pytest.param("东莞市长安镇创业路12号", "东莞", id="another city"),
        pytest.param("湖南省衡阳市石鼓区创业路12号", "衡阳", id="another province"),
        pytest.param("湖南衡阳市创业路12号", "衡阳", id="a province without its word"),
        pytest.param("广东惠州市创业路12号", "惠州", id="this province without its word"),
        pytest.param("广西壮族自治区玉林市创业路12号", "玉林", id="an autonomous region"),
        pytest.param("广西玉林市创业路12号", "玉林", id="an autonomous region without its word"),
        pytest.param("中山市场12号", None, id="no city"),
        pytest.param("公明农贸市场12号", None, id="no city either"),
        pytest.param("创业路12号", None, id="not told"),
        pytest.param("不详", None, id="placeholder"),
    ],
)
def test_the_district_of_an_address(written: str, district: str | None) -> None:
    assert addresses(_texts(written), NOBODY)[DISTRICT].to_list() == [district]


@pytest.mark.parametrize(
    ("written", "stem", "industry", "city", "part"),
    [
        pytest.param("深圳市维珍妮鞋业有限公司", "维珍妮", "鞋业", "深圳", None, id="whole"),
        pytest.param("維珍妮國際(集團)有限公司", "维珍妮", "国际", None, None, id="traditional, brackets"),
        pytest.param("维珍妮", "维珍妮", None, None, None, id="short"),
        pytest.param("华恒科技(深圳)有限公司", "华恒", "科技", "深圳", None, id="place in brackets"),
        pytest.param("深圳市华恒物业管理有限公司光明分公司", "华恒", "物业管理", "深圳", "光明分公司", id="branch"),
        pytest.param("鹏林市政工程有限公司", "鹏林", "市政工程", None, None, id="shi of shizheng"),
        pytest.param("家家乐超市", "家家乐", "超市", None, None, id="shi of chaoshi"),
        pytest.param("光明电子厂", "光明电子", None, None, None, id="stem that is a place"),
        pytest.param("光明一小", "第一", "小学", None, "一", id="school as people say it"),
        pytest.param("深圳市光明区第一小学", "第一", "小学", None, "一", id="school"),
        pytest.param("科世林鞋业有限龚司", "科世林", "鞋业", None, None, id="slip in the legal form"),
    ],
)
def test_organisation_name(written: str, stem: str, industry: str | None, city: str | None, part: str | None) -> None:
    form = organisation_names(_texts(written), NOBODY).row(0, named=True)
    assert (form["stem"], form["industry"], form["part"]) == (stem, industry, part)
    if "学" not in form["name"] and "小" not in form["name"]:
        assert form["city"] == city


def test_text_similarity_is_of_bigrams() -> None:
    one = "小区楼下夜宵摊每天营业到凌晨三点噪音很大影响休息多次投诉没有结果"
    texts = _texts(one, one + "!", "工地拖欠农民工工资三个月共计四十二万元请劳动部门协调尽快支付", "短", None)
    form = signatures(texts)["text_signature"]
    score = similarity_0_1(pl.Series([form[0]] * 5), form)
    assert score[0] == pytest.approx(1) and score[1] == pytest.approx(1)
    assert score[2] < 0.2
    assert [str(value) for value in score[3:]] == ["nan", "nan"]


@pytest.mark.parametrize("relation", ["person", "organisation", "case"])
def test_forms_have_their_columns_even_of_nothing(relation: str) -> None:
    schema = {"person": PERSON_INPUT, "organisation": ORGANISATION_INPUT, "case": CASE_INPUT}[relation]
    columns = {"person": PERSON_FORM, "organisation": ORGANISATION_FORM, "case": CASE_FORM}[relation]
    empty = FORMS[relation](schema.empty_table())
    blank = make_forms(relation, {})
    assert tuple(empty.column_names) == columns and empty.num_rows == 0
    assert empty.schema == blank.schema


def test_form_depends_on_its_own_row() -> None:
    rows = [{"name": name, "phone": "13911223344", "address": "长春路12号"} for name in ("王建国", "王先生", "無名氏", "李秀英")]
    together = make_forms("person", *rows).to_pylist()
    alone = [make_forms("person", {**row, "id": number, "record_id": number}).to_pylist()[0] for number, row in enumerate(rows, 1)]
    assert together == alone


def test_only_a_verified_number_is_an_identifier() -> None:
    forms = make_forms("person", {"id_no": "11010519491231002X"}, {"id_no": "110105491231002"}, {"id_no": "110105194912310021"})
    assert forms.column("identifier").to_pylist() == ["11010519491231002X", None, None]


def test_fingerprint_is_of_all_that_is_compared() -> None:
    firm = {"name": "深圳市维珍妮鞋业有限公司", "address": "长春路12号"}
    forms = make_forms("organisation", firm, firm, {**firm, "phone": "13911223344"}, {})
    first, second, other, nothing = forms.column("fingerprint").to_pylist()
    assert first == second != other
    assert nothing is None


def test_a_firm_whose_brackets_say_where_it_is_has_another_fingerprint_than_one_without_them() -> None:
    forms = make_forms("organisation", {"name": "恒瑞达（深圳）厂"}, {"name": "恒瑞达深圳厂"})
    assert forms.column("name").to_pylist() == ["恒瑞达深圳厂"] * 2
    assert forms.column("core").to_pylist() == ["恒瑞达", "恒瑞达深圳"]
    assert len({*forms.column("fingerprint").to_pylist()}) == 2


def test_case_number_and_citations_are_written_one_way() -> None:
    cited = [{"department": "court", "number": "(2026)粤0311民初12号"}, {"department": None, "number": "3"}]
    form = make_forms("case", {"case_number": "信〔2026〕1号", "references": cited}, {}).to_pylist()
    assert form[0]["case_number"] == "petition|信20261号"
    assert form[0]["cites"] == ["court|2026粤0311民初12号"]
    assert sorted(form[0]["numbers"]) == ["court|2026粤0311民初12号", "petition|信20261号"]
    assert (form[1]["cites"], form[1]["numbers"]) == (None, [])


@pytest.mark.parametrize("gap", range(31))
def test_records_within_a_window_share_one(gap: int) -> None:
    forms = make_forms(
        "case",
        *({"occurred_at": day(start)} for start in range(0, 40, 7)),
        *({"occurred_at": day(start + gap)} for start in range(0, 40, 7)),
    )
    windows = [set(windows) for windows in forms.column("days_30").to_pylist()]
    half = len(windows) // 2
    assert all(windows[number] & windows[half + number] for number in range(half))


def test_a_record_stands_in_one_month_for_its_words() -> None:
    forms = make_forms("case", {"occurred_at": day(0)}, {"occurred_at": day(1)}, {"occurred_at": day(45)})
    first, near, far = (set(months) for months in forms.column("months").to_pylist())
    assert len(first) == 1
    assert first == near
    assert not first & far


def test_unique_department_keeps_its_records_apart() -> None:
    inputs = make_inputs("case", {"department": "court"}, {"department": "labour"})
    assert FORMS["case"](inputs, unique_within=frozenset({"court"})).column("apart").to_pylist() == ["court", None]


@pytest.mark.parametrize(
    ("name", "surname", "pinyin"),
    [("淳于明", "淳于", "chun yu ming"), ("单于飞", "单于", "chan yu fei"), ("乐正绫", "乐正", "yue zheng ling"), ("卜伟", "卜", "bu wei")],
)
def test_surnames_of_two_characters_and_their_readings(name: str, surname: str, pinyin: str) -> None:
    found = person_names(pl.Series([name, f"{surname}先生"]), frozenset())
    assert found.select("surname", "name_pinyin", "is_masked").rows() == [(surname, pinyin, False), (surname, None, True)]
