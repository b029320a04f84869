"""Bytes of a text file become UTF-8 blocks of whole lines, whatever the file was written in.

Nothing is written to disk on the way: phone numbers stay in memory.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import polars as pl

from chuda.errors import UsageError
from tasks.contacts.raw_lines import Mask, RawLines

Encoding = Literal["utf-8", "gb18030", "utf-16-le", "utf-16-be"]

SAMPLE_BYTES = 1 << 20
_LONGEST_LINE = 64 << 20
_BOMS: tuple[tuple[bytes, Encoding], ...] = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"\x841\x953", "gb18030"),
)
_SHARE_OF_NULS = 0.2  # of every second byte: UTF-16 of anything but pure Chinese has more
_GOOD_PER_BAD = 20  # so many good characters beyond ASCII for a broken one: still UTF-8, damaged here and there


def detect_encoding(sample: bytes, name: str) -> Encoding:
    """The encoding of a text file by its beginning; `name` is the file for the message.

    Raises:
        UsageError: the bytes are no text that anybody writes contact lists in.
    """
    for mark, encoding in _BOMS:
        if sample.startswith(mark):
            return encoding
    if b"\0" in sample:
        return _detect_utf16(sample, name)
    if _is_mostly_utf8(sample):
        return "utf-8"
    if _decodes(sample, "gb18030"):
        return "gb18030"
    raise UsageError(
        f"{name}: the text is in no known encoding (UTF-8, GB18030/GBK, UTF-16); "
        "open it in Excel or WPS and save it as “CSV UTF-8” or as .xlsx"
    )


@dataclass(frozen=True, slots=True, repr=False)
class TextBlock:
    """Whole lines of UTF-8, each ended by `\\n`, and the number of each in its file (UInt32)."""

    text: bytes
    numbers: pl.Series


def iterate_blocks(
    path: Path, encoding: Encoding, size: int, choose: Callable[[RawLines], Mask] | None = None
) -> Iterator[TextBlock]:
    """The file in blocks of about `size` bytes, without a byte order mark; with `choose` only the lines it chooses.

    A file that was taken for UTF-8 because it began with plain ASCII goes on as GB18030 when that turns up. Bytes that
    fit no encoding become U+FFFD. Raises `UsageError` for a line longer than 64 MB: that is not a list.
    """
    with path.open("rb") as file:
        parts = _read_parts(file, size)
        blocks = _cut_at_lines(_from_utf16(parts, encoding) if encoding.startswith("utf-16") else parts, path.name)
        is_sure, line = encoding != "utf-8", 1
        for block in blocks:
            if not is_sure and not block.isascii():
                is_sure, encoding = True, "utf-8" if _is_mostly_utf8(block) else "gb18030"
            lines = RawLines(block, line)
            if choose is None:
                text, numbers = block, lines.numbers
            else:
                keep = choose(lines)
                text, numbers = lines.take(keep), lines.numbers[keep]
            yield TextBlock(_decode(text, encoding, is_first=line == 1), pl.Series(numbers, dtype=pl.UInt32))
            line += len(lines)


def _decode(text: bytes, encoding: Encoding, *, is_first: bool) -> bytes:
    decoded = _to_utf8(text, encoding)
    return decoded.removeprefix(codecs.BOM_UTF8) if is_first else decoded


def _read_parts(file: BinaryIO, size: int) -> Iterator[bytes]:
    while raw := file.read(size):
        yield raw


def _from_utf16(parts: Iterable[bytes], encoding: Encoding) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    for raw in parts:
        yield decoder.decode(raw).encode("utf-8", "replace")
    yield decoder.decode(b"", True).encode("utf-8", "replace")


def _cut_at_lines(parts: Iterable[bytes], name: str) -> Iterator[bytes]:
    """Whole lines; in UTF-8 and GB18030 alike no other character has a byte that is a line end or a quotation mark."""
    rest = b""
    old_mac: bool | None = None
    for raw in parts:
        if old_mac is None:
            old_mac = b"\r" in raw and b"\n" not in raw
        text = rest + (raw.replace(b"\r", b"\n") if old_mac else raw)
        end = _find_record_end(text)
        if end == 0 and len(text) > _LONGEST_LINE:
            raise UsageError(f"{name}: no line end in {len(text):,} bytes; this is not a list of contacts")
        rest = text[end:]
        if end:
            yield text[:end].replace(b"\r\n", b"\n")
    if rest:
        yield rest.replace(b"\r\n", b"\n").removesuffix(b"\n") + b"\n"


def _find_record_end(text: bytes) -> int:
    """Behind the last line end, or the one before a quoted cell that seems to run over it; 0 to wait for more text.

    How many quotation marks stand before a line end tells whether a cell is open there. A stray mark turns that round
    for good, so only the last part of the text is searched.
    """
    last = text.rfind(b"\n") + 1
    if last == 0 or text.count(b'"', 0, last) % 2 == 0:
        return last
    end, is_open = last, True
    first = max(0, last - SAMPLE_BYTES)
    while is_open:
        before = text.rfind(b"\n", first, end - 1) + 1
        if before == 0:
            return 0 if first == 0 else last
        is_open ^= text.count(b'"', before, end) % 2 == 1
        end = before
    return end


def _to_utf8(block: bytes, encoding: Encoding) -> bytes:
    if encoding == "gb18030":
        return block.decode("gb18030", "replace").encode("utf-8", "replace")
    if block.isascii() or _decodes(block, "utf-8"):
        return block
    return block.decode("utf-8", "replace").encode()


def _detect_utf16(sample: bytes, name: str) -> Encoding:
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if max(even, odd) < len(sample) // 2 * _SHARE_OF_NULS or min(even, odd) * 4 > max(even, odd):
        raise UsageError(f"{name}: this is not a text file (nor Excel or Parquet); save the list as .csv or .xlsx")
    return "utf-16-be" if even > odd else "utf-16-le"


def _is_mostly_utf8(text: bytes) -> bool:
    if _decodes(text, "utf-8"):
        return True
    decoded = text.decode("utf-8", "replace")
    bad = decoded.count("\ufffd")
    beyond_ascii = len(decoded) - len(decoded.encode("ascii", "ignore"))
    return beyond_ascii - bad > _GOOD_PER_BAD * bad


def _decodes(sample: bytes, encoding: str) -> bool:
    """Whether the bytes are text in that encoding; a character cut at the end does not count against it."""
    try:
        codecs.getincrementaldecoder(encoding)("strict").decode(sample)
    except UnicodeDecodeError:
        return False
    return True
