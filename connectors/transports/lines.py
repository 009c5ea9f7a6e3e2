"""Bytes → lines, in blocks: decoding that keeps what cannot be decoded, and a trailer that is no row."""

from __future__ import annotations

import codecs
import contextlib
import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from connectors.transports.streams import BLOCK, Bounded
from hub.errors import SourceFormatError, SourceLimitError
from hub.wording import Words

#: A line longer than this is no line: a missing line end would otherwise fill the memory.
LONGEST_LINE = 16 << 20
#: Lines of one record: more have been swallowed by a quote that never closes.
MOST_LINES = 100_000
#: Characters of a file that are read again, beside some times what was read of it: quotes that swallow all that follows, one in each
#: line, would otherwise have every line read as often as there are lines before it.
MOST_AGAIN = 16 << 20
_TIMES_AGAIN = 4
_CHINESE = re.compile("[\u4e00-\u9fff]{3}")
_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


@dataclass
class Found:
    """What reading a file brings to light besides its rows."""

    columns: tuple[str, ...] = ()
    trailer: re.Match[str] | None = None
    lines: int = 0
    undecodable: int = field(default=0)


def byte_lines(stream: Bounded, trailer: re.Pattern[str] | None, encoding: str, found: Found, skip: int = 0) -> Iterator[bytes]:
    """Lines without their ends, nor the encoding's mark; the last one is held back, and left out if it is the trailer.

    Blank ones are left out; of the first, `skip` of them, blank or not.
    """
    held: bytes | None = None
    mark = _mark(_plain_name(encoding))
    for block in _blocks(stream):
        block, mark = block.removeprefix(mark), b""
        lines = block.split(b"\n")
        ends = len(lines) - 1  # what follows the last end is no line, or the file's last without one
        lines, skip = lines[min(skip, len(lines)) :], max(0, skip - ends)
        for line in lines:
            if not line.strip(b"\r\x1a \t"):
                continue
            if held is not None:
                yield held
            held = line.removesuffix(b"\r")
    if held is not None:
        found.trailer = trailer.search(held.decode(encoding, "replace")) if trailer else None
        if found.trailer is None:
            yield held


def _plain_name(encoding: str) -> str:
    """Python's name of an encoding; utf-8-sig is UTF-8, whose mark is taken off the first line anyway.

    As utf-8-sig each line would be decoded, and written back, as if it began the file.
    """
    name = codecs.lookup(encoding).name
    return "utf-8" if name == "utf-8-sig" else name


def _mark(encoding: str) -> bytes:
    """What may stand before a file in an encoding; GB18030 has a mark of its own, GBK and Big5 have none."""
    try:
        return "\ufeff".encode(encoding)
    except UnicodeEncodeError:
        return b""


def _blocks(stream: Bounded) -> Iterator[bytes]:
    """Blocks that end at a line's end, the last one perhaps without it."""
    rest = b""
    while block := stream.read(BLOCK):
        head, end, tail = block.rpartition(b"\n")
        if not end:
            rest += block
            if len(rest) > LONGEST_LINE:
                raise SourceLimitError(
                    f"{stream.what} 有超过 {LONGEST_LINE} 字节的行 · {stream.what} has a line longer than {LONGEST_LINE} bytes",
                    remedy="核对契约中的 format: · check format: in the contract",
                )
            continue
        yield rest + head + b"\n"
        rest = tail
    if rest:
        yield rest


class TextLines:
    """Lines of text for csv.reader, each with its end; `taken` tells what the last record was made of.

    Args:
        stream: the bytes.
        encoding: what they should be in.
        found: counts lines, and those that are not in the encoding; takes the trailer.
        trailer: what the last line looks like if it is no row.

    Bytes that cannot be decoded become lone surrogates (PEP 383), which no JSON takes: such a row is found without looking for it.
    Once too much was given back, a record is one line to the end of the file: no line is lost, and none is read a third time.
    """

    def __init__(self, stream: Bounded, encoding: str, found: Found, trailer: re.Pattern[str] | None = None) -> None:
        self._stream, self._encoding, self._found, self._trailer = stream, _plain_name(encoding), found, trailer
        self._taken: list[tuple[str, bytes | None]] = []
        self._returned: list[tuple[str, bytes | None]] = []
        self._source = self._held_back()
        self._again, self._most_lines = 0, MOST_LINES
        self.is_dirty = False  # some line of the last record cannot be decoded, or holds U+0000

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if len(self._taken) >= self._most_lines:
            raise csv.Error("a record of too many lines")
        line = self._returned.pop() if self._returned else next(self._source)
        self._taken.append(line)
        if line[1] is not None:
            self.is_dirty = True
        return line[0]

    def take(self) -> list[tuple[str, bytes | None]]:
        """The lines since the last call; begins the next record."""
        lines, self._taken, self.is_dirty = self._taken, [], False
        return lines

    def give_back(self, lines: list[tuple[str, bytes | None]]) -> None:
        """Lines that were swallowed by a quote that never closed."""
        self._returned.extend(reversed(lines))
        self._again += sum(len(text) for text, _ in lines)
        if self._again > MOST_AGAIN + _TIMES_AGAIN * self._stream.length:
            self._most_lines = 1

    def raw(self, lines: list[tuple[str, bytes | None]]) -> bytes:
        """The bytes of some lines as they came."""
        return b"".join(text.encode(self._encoding, "surrogateescape") if raw is None else raw for text, raw in lines).rstrip(b"\r\n")

    def _held_back(self) -> Iterator[tuple[str, bytes | None]]:
        if self._trailer is None:
            yield from self._lines()
            return
        held: list[tuple[str, bytes | None]] = []
        for line in self._lines():
            if line[0].strip():
                yield from held
                held = []
            held.append(line)
        if held:
            self._found.trailer = self._trailer.search(held[0][0].rstrip("\r\n"))
            if self._found.trailer is None:
                yield from held

    def _lines(self) -> Iterator[tuple[str, bytes | None]]:
        if "\n".encode(self._encoding) != b"\n":
            yield from self._wide_lines()
            return
        for number, block in enumerate(_blocks(self._stream)):
            if number == 0:
                block = self._without_mark(block)
                self._refuse_utf8(block)
            try:
                text = block.decode(self._encoding)
                is_clean = "\x00" not in text
            except UnicodeDecodeError:
                is_clean = False
            if is_clean:
                lines = text.split("\n")
                ends = len(lines) - 1
                self._found.lines += ends
                yield from ((f"{line}\n", None) for line in lines[:ends])
                if lines[ends]:
                    yield lines[ends], None
            else:
                yield from self._dirty_lines(block)

    def _without_mark(self, block: bytes) -> bytes:
        for mark, encoding in _BOMS:
            if block.startswith(mark) and (encoding == "utf-8" or self._encoding.startswith("utf")):
                if encoding != "utf-8" or not self._encoding.startswith("utf"):
                    raise self._wrong_encoding(Words(f"以 {encoding} 的字节顺序标记（BOM）开头", f"begins with the mark of {encoding}"))
                return block.removeprefix(mark)
        return block.removeprefix(_mark(self._encoding))

    def _refuse_utf8(self, block: bytes) -> None:
        """UTF-8 read as GB18030 mostly decodes, to nonsense that nothing downstream would refuse."""
        if self._encoding.startswith("utf") or block.isascii():
            return
        with contextlib.suppress(UnicodeDecodeError):
            if _CHINESE.search(block.decode("utf-8")):
                raise self._wrong_encoding(Words("是 UTF-8", "is UTF-8"))

    def _dirty_lines(self, block: bytes) -> Iterator[tuple[str, bytes | None]]:
        """Line by line: in each encoding whose line end is one byte, that byte is part of no other character."""
        lines = block.splitlines(keepends=True) if b"\n" not in block else [line + b"\n" for line in block.split(b"\n")]
        if b"\n" in block:
            lines[-1] = lines[-1].removesuffix(b"\n")
        ready: list[tuple[str, bytes | None]] = []
        for raw in filter(None, lines):
            self._found.lines += 1
            try:
                text = raw.decode(self._encoding)
                ready.append((text, raw if "\x00" in text else None))
            except UnicodeDecodeError:
                self._found.undecodable += 1
                ready.append((raw.decode(self._encoding, "surrogateescape"), raw))
        if 2 * self._found.undecodable > self._found.lines:
            bad, looked_at = self._found.undecodable, self._found.lines
            raise self._wrong_encoding(
                Words(f"前 {looked_at} 行中有 {bad} 行无法解码", f"holds {bad} undecodable lines among the first {looked_at}")
            )
        yield from ready

    def _wide_lines(self) -> Iterator[tuple[str, bytes | None]]:
        """UTF-16 and its like: a line end is no single byte, so one bad byte spoils all that follows."""
        decoder, rest, mark = codecs.getincrementaldecoder(self._encoding)(), "", "\ufeff"
        while True:
            block = self._stream.read(BLOCK)
            try:
                text = rest + decoder.decode(block, final=not block)
            except UnicodeError:
                raise self._wrong_encoding(Words("无法解码", "cannot be decoded")) from None
            text, mark = text.removeprefix(mark), ""  # utf-16 and utf-32 have taken it; where the order of bytes is named it is left
            lines = text.split("\n")
            rest = lines.pop()
            self._found.lines += len(lines)
            for line in lines:
                yield f"{line}\n", (line.encode(self._encoding) if "\x00" in line else None)
            if not block:
                break
        if rest:
            yield rest, None

    def _wrong_encoding(self, how: Words) -> SourceFormatError:
        return SourceFormatError(
            f"{self._stream.what} 不是 {self._encoding} 编码：{how.zh} · {self._stream.what} is not {self._encoding}: it {how.en}",
            remedy="更正契约中的 encoding:（utf-8、gb18030、utf-16 等） · correct encoding: in the contract (utf-8, gb18030, utf-16 …)",
            encoding=self._encoding,
        )
