"""One Chinese word per thing, in the API and on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[3]
#: Not this → but this.
_TERMS = {
    "打码": "脱敏",
    "链接": "关联",
    "层级": "比较等级",
    "准确率": "精确率",
    "重跑": "重放",
    "搁置": "作废",
    "暂停": "挂起",
    "审核": "复核",
    "待审": "待复核",
    "上报": "登记",
    "封印": "签封",
    "墓碑": "清除标记",
    "审计": "访问记录",
    "窗口人员": "经办人员",
    "看一眼": "读取",
}


@pytest.mark.parametrize("folder", ["api", "cli"])
def test_a_thing_has_one_chinese_word(folder: str) -> None:
    files = sorted((_ROOT / folder).rglob("*.py"))
    assert files
    texts = {file.name: file.read_text(encoding="utf-8") for file in files}
    assert [(name, word, right) for name, words in texts.items() for word, right in _TERMS.items() if word in words] == []
