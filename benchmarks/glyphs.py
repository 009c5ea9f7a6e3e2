"""Which characters look alike: worked out from the outlines of fonts, into `matching/models/look_alikes.txt`.

    python -m benchmarks.glyphs NotoSansCJK-Regular.ttc NotoSerifCJK-Regular.ttc > matching/models/look_alikes.txt

Each of the 6,763 characters of GB 2312 (names are full of those of its second level: 怡, 梓, 婷) is drawn in every font, blurred and
reduced to its principal components; two are alike where the cosine of these is among the highest fiftieth of all pairs, and one
is among the other's nearest.
Neither a person's list nor the simulator's goes into it. Needs Pillow, which nothing else here does.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

SIZE = 40  # pixels of a side
BLUR = 1.5  # pixels: strokes a little apart still overlap
COMPONENTS = 160
ALIKE = 0.98  # quantile of all pairs from which two are alike
NEAREST = 48
_SIMPLIFIED = 2  # place of the simplified-Chinese face in a Noto CJK collection


def main(fonts: Sequence[str]) -> None:
    """Print a line a character: itself, then those it is taken for, the likest first."""
    codes = [bytes([high, low]) for high in range(0xB0, 0xF8) for low in range(0xA1, 0xFF)]
    characters = [character for code in codes if (character := code.decode("gb2312", "ignore"))]
    alike = _similarity(np.hstack([_drawn(font, characters) for font in fonts]))
    bound = np.quantile(alike[np.triu_indices(len(characters), 1)], ALIKE)
    for character, row in zip(characters, alike, strict=True):
        nearest = [place for place in np.argsort(-row)[:NEAREST] if row[place] >= bound]
        if nearest:
            print(character + "".join(characters[place] for place in nearest))


def _drawn(font: str, characters: Sequence[str]) -> npt.NDArray[np.float64]:
    from PIL import Image, ImageDraw, ImageFont  # type: ignore[import-not-found]

    face, margin = ImageFont.truetype(font, SIZE, index=_SIMPLIFIED), 4
    drawn = np.zeros((len(characters), SIZE * SIZE))
    for row, character in zip(drawn, characters, strict=True):
        image = Image.new("L", (SIZE + 2 * margin, SIZE + 2 * margin), 0)
        pen = ImageDraw.Draw(image)
        left, top, right, bottom = pen.textbbox((0, 0), character, font=face)
        middle = SIZE / 2 + margin
        pen.text((middle - (left + right) / 2, middle - (top + bottom) / 2), character, fill=255, font=face)
        blurred = gaussian_filter(np.asarray(image, np.float64)[margin:-margin, margin:-margin], BLUR)
        row[:] = (blurred - blurred.mean()).ravel()
        row /= np.linalg.norm(row)
    return drawn


def _similarity(drawn: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Cosine of every two characters' principal components, the strongest of which say least: they are what all share."""
    centred = drawn - drawn.mean(axis=0)
    strength, direction = np.linalg.eigh(centred.T @ centred)
    strength, direction = strength[::-1][:COMPONENTS], direction[:, ::-1][:, :COMPONENTS]
    reduced = centred @ direction / np.sqrt(strength + strength[-1])
    reduced /= np.linalg.norm(reduced, axis=1, keepdims=True)
    alike: npt.NDArray[np.float64] = reduced @ reduced.T
    np.fill_diagonal(alike, -1.0)
    return alike


if __name__ == "__main__":
    main(sys.argv[1:])
