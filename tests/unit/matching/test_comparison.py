"""What the engine says of pairs that people can judge."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hub.errors import ContractError
from matching.comparison import compare
from matching.model_file import packaged_model
from matching.weights import explain, weigh
from schema.records import EDGE
from tests.unit.matching.builders import day, decision, edges_of, make_forms, make_pairs

PHONE = "13911223344"
HOME = "光明区马田街道合水口社区长春路12号3栋502室"
ID, OTHER_ID = "11010519491231002X", "440301199001011234"
WORK = "深圳市光明区玉塘街道田寮社区光侨大道1200号"


def _person(**fields: Any) -> dict[str, Any]:
    return {"name": "王建国", **fields}


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        pytest.param(_person(id_no=ID), _person(id_no=ID), "link", id="number and name"),
        pytest.param(_person(id_no=ID), _person(id_no="110105491231002"), "link", id="15-digit number"),
        pytest.param(_person(id_no=ID), _person(id_no="11010519491231003X", phone=None), "link", id="one digit off, check broken"),
        pytest.param(_person(id_no=ID), {"name": "李秀英", "id_no": ID}, "link", id="new name, same number"),
        pytest.param(_person(phone=PHONE), _person(phone=PHONE), "link", id="name and phone"),
        pytest.param(_person(phone=PHONE), {"name": "王建國", "phone": PHONE}, "link", id="traditional"),
        pytest.param(_person(phone=PHONE), {"name": "王健国", "phone": PHONE}, "link", id="homophone"),
        pytest.param(_person(phone=PHONE), {"name": "玉建国", "phone": PHONE}, "link", id="look-alike"),
        pytest.param({"name": "欧阳小娜", "phone": PHONE}, {"name": "欧阳娜", "phone": PHONE}, "link", id="character left out"),
        pytest.param(_person(phone=PHONE), {"name": "王*国", "phone": PHONE}, "link", id="mask that shows the given name"),
        pytest.param(_person(phone=PHONE), {"name": "王先生", "phone": PHONE}, "link", id="mask that shows the surname"),
        pytest.param(
            _person(phone=PHONE, gender="male"),
            {"name": "王女士", "phone": PHONE},
            "no_link",
            id="mask that shows the surname and the wife",
        ),
        pytest.param({"name": "孙燕梅", "phone": PHONE}, {"name": "孙燕海", "phone": PHONE}, "link", id="look-alike of no list"),
        pytest.param({"name": "孙燕梅", "phone": PHONE}, {"name": "孙燕强", "phone": PHONE}, "cannot_link", id="sister and brother"),
        pytest.param({"name": "黄军梅", "phone": PHONE}, {"name": "黄车海", "phone": PHONE}, "no_link", id="two slips of one name"),
        pytest.param({"name": "罗鸿鸿华", "phone": PHONE}, {"name": "罗鸣华", "phone": PHONE}, "no_link", id="of them a character twice"),
        pytest.param({"name": "黄军强", "phone": PHONE}, {"name": "黄车海", "phone": PHONE}, "cannot_link", id="one slip and another name"),
        pytest.param({"name": "施文静", "phone": PHONE}, {"name": "何文静", "phone": PHONE}, "link", id="a slip in the surname"),
        pytest.param({"name": "李珍", "phone": PHONE}, {"name": "陈李珍", "phone": PHONE}, "link", id="the husband's surname put first"),
        pytest.param(
            {"name": "韩珍惠", "phone": PHONE, "address": HOME},
            {"name": "韩珍辉", "phone": "13755667788", "address": HOME},
            "review",
            id="names of one sound, one home, two phones: twins or a slip",
        ),
        pytest.param(
            {"name": "刘国明", "phone": PHONE, "address": HOME},
            {"name": "陈国明", "phone": PHONE, "address": WORK},
            "review",
            id="one phone and given name, two surnames and homes",
        ),
        pytest.param({"name": "曾怡", "phone": PHONE}, {"name": "曾恰", "phone": PHONE}, "link", id="look-alike of the second level"),
        pytest.param({"name": "施静", "phone": PHONE}, {"name": "何静", "phone": PHONE}, "no_link", id="one character in common"),
        pytest.param(_person(phone=PHONE), _person(phone=PHONE[:5] + "7" + PHONE[6:]), "link", id="one digit of the phone off"),
        pytest.param(_person(address=HOME), _person(address=HOME), "link", id="name and room"),
        pytest.param(
            {"name": "李志芳", "birth_date": day(0).date()}, {"name": "李志芳", "birth_date": day(0).date()}, "link", id="name and birth"
        ),
        pytest.param(
            _person(id_no=ID, phone=PHONE, address=HOME),
            _person(id_no=OTHER_ID, phone=PHONE, address=HOME),
            "cannot_link",
            id="two numbers",
        ),
        pytest.param(
            _person(phone=PHONE, address=HOME), {"name": "王小明", "phone": PHONE, "address": HOME}, "cannot_link", id="father and son"
        ),
        pytest.param(
            {"name": "王明伟", "phone": PHONE, "address": HOME, "birth_date": day(0).date(), "gender": "male"},
            {"name": "王明强", "phone": PHONE, "address": HOME, "birth_date": day(0).date(), "gender": "male"},
            "cannot_link",
            id="twins",
        ),
        pytest.param(
            _person(phone=PHONE, address=HOME), {"name": "李秀英", "phone": PHONE, "address": HOME}, "no_link", id="husband and wife"
        ),
        pytest.param(
            _person(name="王建伟", address="南山区创业路12号"),
            _person(name="王建伟", address="南山区创业路12号"),
            "link",
            id="name and house",
        ),
        pytest.param(
            _person(name="王建伟", address="南山区创业路12号"),
            _person(name="王建伟", address="光明区创业路12号"),
            "no_link",
            id="name, house, two districts",
        ),
        pytest.param(
            _person(name="王建伟", address="宝安区创业路12号"),
            _person(name="王建伟", address="光明区创业路12号"),
            "link",
            id="name, house, a district of before",
        ),
        pytest.param(
            _person(name="王建伟", address="东莞市创业路12号"),
            _person(name="王建伟", address="公明街道创业路12号"),
            "no_link",
            id="name, house, two cities",
        ),
        pytest.param(
            _person(name="王建伟", address="广东惠州市创业路12号"),
            _person(name="王建伟", address="公明街道创业路12号"),
            "no_link",
            id="name, house, two cities, one after its province",
        ),
        pytest.param(_person(address="光明区马田街道"), _person(address="光明区马田街道"), "no_link", id="name and street"),
        pytest.param(_person(), _person(), "no_link", id="name alone"),
        pytest.param(_person(record_id=9, phone=PHONE), _person(record_id=9, phone=PHONE), "cannot_link", id="two on one side of a record"),
        pytest.param(_person(record_id=9, id_no=ID), _person(record_id=9, id_no=ID), "link", id="listed twice by number"),
        pytest.param(
            _person(record_id=9, phone=PHONE, role="reporter"), _person(record_id=9, phone=PHONE, role="victim"), "link", id="in two roles"
        ),
        pytest.param(_person(id_no="passport E1234567"), {"name": "无名氏"}, "no_link", id="nothing in common"),
    ],
)
def test_persons(one: dict[str, Any], other: dict[str, Any], said: str) -> None:
    assert decision("person", one, other) == said
    assert decision("person", other, one) == said


CODE, OTHER_CODE = "91350100M000100Y43", "91430102MA4L3U7E0W"
FIRM = "深圳市维珍妮鞋业有限公司"


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        pytest.param({"name": FIRM}, {"name": FIRM}, "link", id="whole name"),
        pytest.param({"name": FIRM}, {"name": "维珍妮鞋业有限公司"}, "link", id="without its place"),
        pytest.param({"name": FIRM, "uscc": CODE}, {"name": "深圳市欣荣皮具有限公司", "uscc": CODE}, "link", id="renamed"),
        pytest.param({"name": FIRM, "phone": PHONE}, {"name": "维珍妮", "phone": PHONE}, "link", id="short form and phone"),
        pytest.param({"name": FIRM}, {"name": "维珍妮"}, "review", id="short form"),
        pytest.param({"name": FIRM, "uscc": CODE}, {"name": FIRM, "uscc": OTHER_CODE}, "cannot_link", id="two codes"),
        pytest.param(
            {"name": FIRM, "address": WORK},
            {"name": "深圳市维珍妮服装有限公司", "address": WORK},
            "cannot_link",
            id="one stem, two industries",
        ),
        pytest.param({"name": FIRM}, {"name": "东莞市维珍妮鞋业有限公司"}, "cannot_link", id="two cities"),
        pytest.param({"name": FIRM}, {"name": FIRM + "光明分公司"}, "cannot_link", id="firm and branch"),
        pytest.param({"name": "光明区第一小学"}, {"name": "光明区第二小学"}, "no_link", id="two schools"),
        pytest.param({"name": "光明区第一小学"}, {"name": "光明一小"}, "link", id="school as people say it"),
        pytest.param({"name": FIRM}, {"name": "深圳市华恒鞋业有限公司"}, "no_link", id="another firm"),
        pytest.param({"name": FIRM}, {"name": "广东维珍妮鞋业有限公司"}, "cannot_link", id="registered in the city and in the province"),
        pytest.param({"name": FIRM}, {"name": "广东省" + FIRM}, "link", id="the province before the city"),
        pytest.param({"name": "兰州拉面"}, {"name": "兰州拉面"}, "no_link", id="what many shops are called"),
        pytest.param({"name": "兰州拉面", "phone": PHONE}, {"name": "兰州拉面", "phone": PHONE}, "link", id="such a shop and its phone"),
        pytest.param({"name": "美宜佳便利店", "address": WORK}, {"name": "美宜佳便利店", "address": WORK}, "link", id="and its house"),
        pytest.param({"name": "鑫旺百货商店"}, {"name": "鑫旺百货商店"}, "link", id="a shop with a name of its own"),
        pytest.param({"name": "智捷公司"}, {"name": "智捷公司"}, "review", id="a stem of two characters and no more"),
        pytest.param({"name": "维珍妮公司"}, {"name": "维珍妮公司"}, "link", id="a stem of three"),
        pytest.param({"name": "东莞市维珍妮鞋业有限公司"}, {"name": "冬莞市维珍妮鞋业有限公司"}, "link", id="a slip in the city"),
        pytest.param({"name": "福州市维珍妮鞋业有限公司"}, {"name": "抚州市维珍妮鞋业有限公司"}, "cannot_link", id="cities of one sound"),
        pytest.param({"name": "深圳市恒锐达电子有限公司"}, {"name": "深圳市恒瑞达电子有限公司"}, "review", id="stems that sound alike"),
        pytest.param({"name": "恒瑞达供应练管理有限公司"}, {"name": "恒瑞达供应链管理"}, "link", id="a slip in the trade, of its sound"),
        pytest.param({"name": "深圳市天威饰品有限公司"}, {"name": "深圳市天威食品有限公司"}, "cannot_link", id="two trades of one sound"),
        pytest.param({"name": "东洲第二高级中学"}, {"name": "光明区东周第二高级中学"}, "link", id="four syllables that sound alike"),
        pytest.param({"name": "和兴鞋业", "phone": PHONE}, {"name": "和星", "phone": PHONE}, "link", id="short, its sound, and phone"),
        pytest.param({"name": "和兴鞋业"}, {"name": "和星"}, "no_link", id="short, its sound alone"),
        pytest.param({"name": "育新第五"}, {"name": "育新第五"}, "review", id="a number and no kind of body"),
    ],
)
def test_organisations(one: dict[str, Any], other: dict[str, Any], said: str) -> None:
    assert decision("organisation", one, other) == said
    assert decision("organisation", other, one) == said


def _case(**fields: Any) -> dict[str, Any]:
    return {
        "category": "wages",
        "occurred_at": day(0),
        "petitioner_persons": [1],
        "respondent_organisations": [9],
        "address": WORK,
        **fields,
    }


TEXT = "公司拖欠工人三个月工资共计四十二万元多次催讨未果请求有关部门协调解决"


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        pytest.param(_case(), _case(category="contract", occurred_at=day(9)), "link", id="petitioner and respondent"),
        pytest.param(_case(), _case(respondent_organisations=None), "link", id="no respondent named"),
        pytest.param(
            _case(petitioner_persons=[1, 2, 3], people_involved=94), _case(petitioner_persons=[3]), "link", id="one of the workers"
        ),
        pytest.param(
            _case(petitioner_persons=[1], people_involved=94, amount=421_337.5),
            _case(petitioner_persons=[2], people_involved=94, amount=421_337.5),
            "link",
            id="another spokesman of one collective",
        ),
        pytest.param(_case(), _case(petitioner_persons=[2], occurred_at=day(2)), "no_link", id="another worker, same kind, same employer"),
        pytest.param(_case(text=TEXT), _case(petitioner_persons=[2], occurred_at=day(20), text=TEXT), "no_link", id="in the same words"),
        pytest.param(
            _case(category="consumer", amount=1_980.0, text=TEXT),
            _case(category="consumer", amount=1_980.0, text=TEXT, petitioner_persons=[2]),
            "review",
            id="two customers of one gym, one price, one form, one day",
        ),
        pytest.param(
            _case(category="consumer", amount=1_980.0, text=TEXT),
            _case(category="consumer", amount=1_980.0, petitioner_persons=[2], occurred_at=day(9)),
            "no_link",
            id="and some days apart",
        ),
        pytest.param(
            _case(category="consumer", respondent_organisations=None, text=TEXT),
            _case(category="consumer", respondent_organisations=None, text=TEXT + "，请尽快", petitioner_persons=[2]),
            "review",
            id="two customers of one gym that the text alone names",
        ),
        pytest.param(_case(), _case(category="work_injury", occurred_at=day(20)), "review", id="wages and, weeks later, an injury"),
        pytest.param(
            _case(amount=46_000.0),
            _case(category="work_injury", amount=64_000.0, occurred_at=day(9)),
            "review",
            id="wages and an injury, each with its sum",
        ),
        pytest.param(
            _case(category="property_management", address=HOME),
            _case(category="property_management", address=HOME, respondent_organisations=[8], occurred_at=day(40)),
            "review",
            id="a resident who complains of another firm a month later",
        ),
        pytest.param(
            _case(category="property_management", address=HOME, text="小区地下车库积水多日无人清理要求抽干"),
            _case(category="property_management", address=HOME, text="电梯经常故障困人拖延不修请更换", occurred_at=day(40)),
            "review",
            id="a resident who complains of another matter a month later",
        ),
        pytest.param(
            _case(),
            _case(category="noise", respondent_organisations=[8], address="翠苑花园3栋", occurred_at=day(15)),
            "cannot_link",
            id="two disputes of one person",
        ),
        pytest.param(_case(), _case(occurred_at=day(150)), "review", id="half a year on"),
        pytest.param(
            _case(text=TEXT),
            _case(occurred_at=day(150), text="工地食堂伙食差卫生不合格多名工友腹泻要求尽快检查处理"),
            "cannot_link",
            id="half a year on, in other words",
        ),
        pytest.param(
            {"department": "court", "references": [{"department": "labour", "number": "劳仲案(2026)5号"}], "occurred_at": day(90)},
            {"department": "labour", "case_number": "劳仲案〔2026〕5号", "occurred_at": day(0)},
            "link",
            id="cites the other's number",
        ),
        pytest.param(
            {"department": "court", "references": [{"department": "petition", "number": "劳仲案(2026)5号"}]},
            {"department": "labour", "case_number": "劳仲案〔2026〕5号"},
            "no_link",
            id="cites that number of another department",
        ),
        pytest.param(
            {"category": "noise", "occurred_at": day(0), "address": "翠苑花园3栋", "text": "楼下夜宵摊噪音很大影响休息" * 2},
            {"category": "noise", "occurred_at": day(0), "address": "翠苑花园3栋", "text": "楼下夜宵摊噪音很大影响休息" * 2},
            "link",
            id="anonymous, one spot, one text",
        ),
        pytest.param({"category": "noise", "text": TEXT}, {"category": "noise", "text": TEXT}, "no_link", id="words alone"),
        pytest.param({}, {}, "no_link", id="nothing"),
    ],
)
def test_cases(one: dict[str, Any], other: dict[str, Any], said: str) -> None:
    assert decision("case", one, other) == said
    assert decision("case", other, one) == said


def test_an_edge_explains_itself() -> None:
    edge = edges_of("case", _case(), _case(petitioner_persons=[2]))[0]
    steps = explain(json.loads(edge["levels"]), packaged_model("case"))
    assert steps["prior"] == packaged_model("case").prior
    assert steps["petitioner"] < 0 < steps["respondent"]
    assert steps["place_of_respondent"] < 0
    assert sum(steps.values()) == pytest.approx(edge["match_weight"])


@pytest.mark.parametrize("relation", ["person", "organisation", "case"])
def test_levels_and_edges_of_no_pairs(relation: str) -> None:
    model = packaged_model(relation)
    levels = compare(relation, make_forms(relation, {}), make_pairs(), packaged_model(relation))
    assert levels.column_names == ["left", "right", *(comparison.name for comparison in model.comparisons)]
    assert weigh(levels, model).schema == EDGE


def test_a_pair_without_forms_is_an_error() -> None:
    with pytest.raises(ContractError):
        compare("person", make_forms("person", {}), make_pairs((1, 2)), packaged_model("person"))
    with pytest.raises(ContractError):
        compare("person", make_forms("person"), make_pairs((1, 2)), packaged_model("person"))
