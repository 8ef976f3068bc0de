"""Changes of bytes for fuzzing: blind ones, and ones that know how a file is packed."""

from __future__ import annotations

import gzip
import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable

Mutation = Callable[[bytes, random.Random], bytes]

_WORTH = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_SIGNS = r"""
0 -1 nan inf 1e308 1e999 0x NaN null true [ ] { } " ' , ; ， 。 — 合计 注： 约 万 度 ° ′ 东经 经度 纬度 坐标
POINT( 102.5 24.3 = @ #DIV/0! 2021-02-30 24.5.1
 ５ ٣ ² ½ 𝟙 < > & &x; <!DOCTYPE <![CDATA[ %s {0} .. / \ lon id crs highway [roads] path minutes inf] [[ '''
"""
_WORDS = [
    *(word.encode() for word in _SIGNS.split()),
    *(
        b"",
        b"\t",
        b"\r",
        b"\n",
        b"\0",
        b'"""',
        b"9" * 40,
        b"\xef\xbb\xbf",
        b"\xe2\x80\x8b",
        b"\xed\xa0\x80",
        b"\xff\xfe",
    ),
]


def blind(content: bytes, rng: random.Random) -> bytes:
    """Return bytes after one to eight changes that know nothing of the format."""
    for _ in range(rng.choice((1, 1, 2, 4, 8))):
        content = rng.choice(_BLIND)(content, rng)
    return content


def _flip(content: bytes, rng: random.Random) -> bytes:
    if not content:
        return content
    at = rng.randrange(len(content))
    return content[:at] + bytes([content[at] ^ 1 << rng.randrange(8)]) + content[at + 1 :]


def _number(content: bytes, rng: random.Random) -> bytes:
    at, size = rng.randrange(len(content) + 1), rng.choice("BHIQ")
    value = rng.choice(_WORTH) & (1 << 8 * struct.calcsize(size)) - 1
    held = struct.pack(rng.choice("<>") + size, value)
    return content[:at] + held + content[at + len(held) :]


def _span(content: bytes, rng: random.Random) -> tuple[int, int]:
    start = rng.randrange(len(content) + 1)
    return start, min(len(content), start + rng.choice((1, 2, 4, 16, 64, 512, 4096)))


def _lost(content: bytes, rng: random.Random) -> bytes:
    start, end = _span(content, rng)
    return content[:start] + content[end:]


def _twice(content: bytes, rng: random.Random) -> bytes:
    start, end = _span(content, rng)
    at = rng.randrange(len(content) + 1)
    return content[:at] + content[start:end] * rng.choice((1, 1, 2, 50)) + content[at:]


def _many(content: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(content) + 1)
    sign = content[at : at + rng.choice((1, 1, 1, 2, 5))] or b"["
    return content[:at] + sign * rng.choice((300, 5_000, 50_000)) + content[at:]


def _cut(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content) + 1)]


def _noise(content: bytes, rng: random.Random) -> bytes:
    start, end = _span(content, rng)
    return content[:start] + rng.randbytes(end - start) + content[end:]


def _word(content: bytes, rng: random.Random) -> bytes:
    start, end = _span(content, rng)
    return content[:start] + rng.choice(_WORDS) + content[rng.choice((start, end)) :]


_BLIND: tuple[Mutation, ...] = (_flip, _flip, _number, _lost, _twice, _many, _cut, _noise, _word)


def of_text(content: bytes, rng: random.Random) -> bytes:
    """Return text of which lines, cells or words are changed, swapped, doubled or lost."""
    for _ in range(rng.choice((1, 1, 2, 4))):
        sign = rng.choice((b"\n", b"\n", b",", b'"', b"<", b"=", b" "))
        parts = content.split(sign)
        at, other = rng.randrange(len(parts)), rng.randrange(len(parts))
        change = rng.randrange(5)
        if change == 0:
            parts[at], parts[other] = parts[other], parts[at]
        elif change == 1:
            parts.insert(at, parts[other])
        elif change == 2:
            del parts[at]
        elif change == 3:
            parts[at] = rng.choice(_WORDS)
        else:
            parts[at] = _word(parts[at], rng)
        content = sign.join(parts)
    return blind(content, rng) if rng.random() < 0.2 else content


def of_zip(content: bytes, rng: random.Random) -> bytes:
    """Return an archive of which one member is changed and packed again, with a right checksum."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            held = {info.filename: archive.read(info) for info in archive.infolist()}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError):
        return blind(content, rng)
    if not held or rng.random() < 0.1:
        return blind(content, rng)
    name = rng.choice(sorted(held))
    held[name] = (of_text if held[name][:1] == b"<" else blind)(held[name], rng)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, inside in held.items():
            archive.writestr(zipfile.ZipInfo(member, (2026, 6, 30, 0, 0, 0)), inside)
    return stream.getvalue()


def of_gzip(content: bytes, rng: random.Random) -> bytes:
    """Return packed text that is changed and packed again."""
    try:
        return gzip.compress(of_text(gzip.decompress(content), rng), mtime=0)
    except (OSError, EOFError, zlib.error):
        return blind(content, rng)


def of_pbf(content: bytes, rng: random.Random) -> bytes:
    """Return a PBF file of which one block is unpacked, changed and packed again."""
    blocks = _blocks(content)
    if not blocks or rng.random() < 0.15:
        return blind(content, rng)
    at = rng.randrange(len(blocks))
    kind, inside = blocks[at]
    blocks[at] = (kind, blind(inside, rng))
    return b"".join(_block(*block) for block in blocks)


def changed_blocks(content: bytes, old: bytes, new: bytes) -> bytes:
    """Return a PBF file with other bytes of the same length inside its blocks, which are packed again."""
    return b"".join(_block(kind, inside.replace(old, new)) for kind, inside in _blocks(content))


def _blocks(content: bytes) -> list[tuple[bytes, bytes]]:
    """Return kind and unpacked content of the blocks that can be read."""
    found, at = [], 0
    try:
        while at < len(content):
            size = int.from_bytes(content[at : at + 4], "big")
            head = _fields(content[at + 4 : at + 4 + size])
            start = at + 4 + size
            at = start + int(head[3])
            blob = _fields(content[start:at])
            found.append((bytes(head[1]), zlib.decompress(blob[3]) if 3 in blob else bytes(blob[1])))
    except (KeyError, IndexError, TypeError, ValueError, zlib.error):
        pass
    return found


def _fields(message: bytes) -> dict[int, bytes | int]:
    found: dict[int, bytes | int] = {}
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        value, at = _varint(message, at)
        if key & 7 == 2:
            found[key >> 3] = message[at : at + value]
            at += value
        else:
            found[key >> 3] = value
    return found


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def _as_varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def _block(kind: bytes, inside: bytes) -> bytes:
    held = zlib.compress(inside)
    blob = b"\x10" + _as_varint(len(inside)) + b"\x1a" + _as_varint(len(held)) + held
    head = b"\x0a" + _as_varint(len(kind)) + kind + b"\x18" + _as_varint(len(blob))
    return struct.pack(">I", len(head)) + head + blob


def spliced(one: bytes, two: bytes, rng: random.Random) -> bytes:
    """Return the beginning of one and the end of another."""
    return one[: rng.randrange(len(one) + 1)] + two[rng.randrange(len(two) + 1) :]
