"""Court (法院): XML for a SOAP service; several parties a side, agents and third parties; cites the labour award it reviews."""

from __future__ import annotations

import polars as pl

from simulator.garbage import Garbage, Spoiler, spoilt
from simulator.rendering import Rendered, coded, epoch, kind, local, other_references, own_codes, placed, reference_to, yuan
from simulator.systems.writers import xml_object

CATEGORY = own_codes(
    "category",
    "追索劳动报酬纠纷 工伤保险待遇纠纷 商品房预售合同纠纷 物业服务合同纠纷 房屋租赁合同纠纷 房屋拆迁安置补偿合同纠纷 "
    "建设用地使用权纠纷 排除妨害纠纷 噪声污染责任纠纷 环境污染责任纠纷 公共场所管理责任纠纷 地面施工损害责任纠纷 "
    "机动车交通事故责任纠纷 买卖合同纠纷 产品责任纠纷 诈骗 健康权纠纷 民间借贷纠纷 服务合同纠纷 离婚纠纷 相邻关系纠纷 "
    "教育机构责任纠纷 医疗损害责任纠纷 抚养费纠纷 高度危险责任纠纷 其他民事纠纷",
)
STATUS = own_codes("status", "收案 立案 审理 结案 生效 送达 不予立案 撤诉")
GRADE = own_codes("grade", "敏感 关注 一般")
STANDING = {"plaintiff": "原告", "agent": "委托诉讼代理人", "defendant": "被告"}
GENDER = {"male": "男", "female": "女"}
#: The contract's order of the parties: standing, and whether a person or a firm.
ORDER = (("原告", "person"), ("原告", "organisation"), ("委托诉讼代理人", "person"), ("被告", "organisation"), ("被告", "person"))
_DAY = "%Y年%m月%d日"


def render(records: pl.DataFrame, parties: pl.DataFrame) -> Rendered:
    """One `Case` element a suit, with one `DangShiRen` a party."""
    held = parties.with_columns(standing=coded("role", STANDING)).filter(pl.col("standing").is_not_null())
    held = held.with_columns(nature=pl.when(pl.col("kind") == "person").then(pl.lit("自然人")).otherwise(pl.lit("法人")), **_PARTY)
    element = xml_object("DangShiRen", _PARTY_TAGS)
    listed = held.select("row", element.alias("listed")).group_by("row", maintain_order=True).agg(pl.col("listed").str.join(""))
    frame = records.with_columns(**_FIELDS).join(listed, on="row", how="left", maintain_order="left")
    body = xml_object("Case", {tag: tag for tag in _FIELDS}, pl.col("listed").fill_null(""))
    rows = frame.select(pl.col("source_record_id").alias("key"), epoch("updated_at").alias("cursor"), body.alias("body"))
    groups = [kind(held.filter(pl.col("standing") == standing), its_kind) for standing, its_kind in ORDER]
    return Rendered(rows, placed(groups))


def garbage(rows: pl.DataFrame) -> list[Garbage]:
    """Three rows: no number, a filing day without sense, a cause of action that is not in the list."""
    return spoilt(
        rows,
        "AnJianBianHao",
        [
            Spoiler("unparsable date", {"LiAnRiQi": "二〇二六年某月某日"}),
            Spoiler("unknown code", {"AnYou": "待补充案由"}),
            Spoiler("no key", {}, has_key=False),
        ],
    )


_PARTY = {"born": pl.col("birth_date").dt.strftime(_DAY), "sex": coded("gender", GENDER)}
_PARTY_TAGS = {
    "SuSongDiWei": "standing",
    "LeiXing": "nature",
    "MingCheng": "name",
    "XingBie": "sex",
    "ChuShengRiQi": "born",
    "ZhengJianHaoMa": "id_no",
    "XinYongDaiMa": "uscc",
    "LianXiDianHua": "phone",
    "ZhuSuo": "address",
}
_FIELDS = {
    "AnJianBianHao": pl.col("source_record_id"),
    "AnJianMingCheng": pl.col("title"),
    "AnYou": coded("category", CATEGORY),
    "AnJianZhuangTai": coded("status", STATUS),
    "FengXianDengJi": coded("grade", GRADE),
    "SuSongQingQiu": pl.col("text"),
    "FaShengRiQi": local("occurred_at", _DAY),
    "ShouAnRiQi": local("reported_at", "%Y年%m月%d日 %H:%M"),
    "LiAnRiQi": local("accepted_at", "%Y年%m月%d日 %H:%M"),
    "JieAnRiQi": local("resolved_at", "%Y年%m月%d日 %H:%M"),
    "ShengXiaoRiQi": local("confirmed_at", "%Y年%m月%d日 %H:%M"),
    "SongDaRiQi": local("fed_back_at", "%Y年%m月%d日 %H:%M"),
    "BiaoDiE": yuan("amount"),
    "SheAnRenShu": pl.col("people_involved").cast(pl.String),
    "FaShengDi": pl.col("address"),
    "XiaQuJieDao": pl.col("street_name"),
    "XiaQuSheQu": pl.col("community_name"),
    "ZhongCaiAnHao": reference_to("labour"),
    "XinFangHao": reference_to("petition"),
    "JingQingHao": reference_to("police"),
    "QianAnWenHao": other_references("labour", "petition", "police"),
    "ChengBanFaGuan": pl.lit("法官") + (pl.col("row") % 31).cast(pl.String),
    "ChengBanTing": pl.when(pl.col("category") == "wages").then(pl.lit("劳动争议审判庭")).otherwise(pl.lit("民事审判庭")),
    "GengXinShiJian": local("updated_at", "%Y-%m-%d %H:%M:%S"),
}
