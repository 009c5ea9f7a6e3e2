"""What a verifier may find, and its report."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal[
    "edited", "removed", "added", "reordered", "unsealed", "sealed_twice", "backdated", "seal_edited", "seal_removed", "rewritten",
    "truncated", "not_published", "unreadable_head", "pruned_early", "misdated",
]  # fmt: skip
#: Each kind in words, Chinese first.
WORDS: dict[Kind, str] = {
    "edited": "记录被改动 · the row was edited",
    "removed": "记录被删除 · the row was removed",
    "added": "未入链的记录：绕过访问记录直接写入 · the row was added past the chain",
    "reordered": "两条记录被调换 · the row was exchanged for another",
    "unsealed": "记录过久未入链 · the row has waited for too long to be chained",
    "sealed_twice": "记录入链两次 · the row is chained twice",
    "backdated": "记录的时间早于此前的签封 · the row says a time at which it was not there yet",
    "seal_edited": "签封被改动 · the seal was edited",
    "seal_removed": "签封缺失 · seals are missing",
    "rewritten": "签封与已公布的不符，链被重写 · the seal is not the one that was published: the chain was rewritten",
    "truncated": "已公布的末尾签封缺失 · the chain's tail, which was published, is gone",
    "not_published": "链头未公布或文件缺失 · the chain's head is not published",
    "unreadable_head": "链头文件有不可读的行 · a line of the published heads cannot be read",
    "pruned_early": "清除了不满保存期的记录 · rows were pruned before their time",
    "misdated": "签封的时间不实 · the seal says a time that cannot be",
}
MAX_KEPT = 1_000


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it was written.

    Args:
        kind: of `WORDS`.
        access_id: of the row.
        seal: its number.
        place: in the chain.
        note: what else there is to say.
    """

    kind: Kind
    access_id: int | None = None
    seal: int | None = None
    place: int | None = None
    note: str = ""

    def __str__(self) -> str:
        parts = {"access_id": self.access_id, "seal": self.seal, "place": self.place}
        where = ", ".join(f"{name} {value}" for name, value in parts.items() if value is not None)
        return f"{WORDS[self.kind]}: {where}" + (f" ({self.note})" if self.note else "")


@dataclass
class Report:
    """What was verified, and what was found; of very many findings the first are kept and all are counted."""

    seals: int = 0
    rows: int = 0
    pruned_rows: int = 0
    last_seal: int = 0
    hash: str = ""
    waiting: int = 0
    findings: list[Finding] = field(default_factory=list)
    counts: Counter[Kind] = field(default_factory=Counter)

    @property
    def is_sound(self) -> bool:
        """Whether everything is as it was written."""
        return not self.counts

    def add(self, finding: Finding) -> None:
        """Take a finding in."""
        self.counts[finding.kind] += 1
        if len(self.findings) < MAX_KEPT:
            self.findings.append(finding)
