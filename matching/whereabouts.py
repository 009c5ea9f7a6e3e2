"""WHEREABOUTS: which columns are called as what tells where somebody is, or how to reach them: that changes, and whose it is does not."""

from __future__ import annotations

import re
from collections.abc import Iterable

#: Words in columns' names, whole, at the beginning and at the end of one, and Chinese ones wherever they stand.
_WORDS = frozenset(
    ["lat", "lon", "lng", "tel", "fax", "zip", "plz", "web", "url", "city", "town", "state", "road", "ort", "ville", "cell", "post"]
)
_BEGINNINGS = (
    *("addr", "adress", "street", "strasse", "suburb", "postal", "postcode", "zipcode", "district", "county", "countr", "region"),
    *("municipal", "residen", "apartment", "location", "phone", "telephon", "telefon", "mobile", "mail", "email", "website", "domain"),
    *("latitude", "longitude"),
)
_ENDINGS = ("address", "phone", "street", "strasse", "straße", "postcode", "zipcode")
_CHINESE = re.compile("地址|住址|住所|户籍|所在地|街道|社区|乡镇|区县|城市|省份|联系方式|电话|手机|邮编|邮箱|经度|纬度|网址|坐标")


def says_where(columns: Iterable[str]) -> bool:
    """Whether one of the columns is called so."""
    for column in columns:
        words = re.findall(r"[^\W\d_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", column).lower())
        if any(word in _WORDS or word.startswith(_BEGINNINGS) or word.endswith(_ENDINGS) for word in words) or _CHINESE.search(column):
            return True
    return False
