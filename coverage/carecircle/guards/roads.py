"""OpenStreetMap files: blocks of a PBF by their heads, packed XML by unpacking to nowhere."""

from __future__ import annotations

import bz2
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from carecircle.errors import InputError, problem
from carecircle.guards.archives import readable
from carecircle.guards.markup import refuse_xml_entities
from carecircle.guards.numbers import seven_bits

# https://wiki.openstreetmap.org/wiki/PBF_Format: a BlobHeader must be smaller than 64 KiB, a Blob than 32 MiB.
MAX_HEAD, MAX_BLOCK = 64 << 10, 32 << 20
MAX_BLOCK_RATIO, BLOCK_RATIO_FROM = 50, 1 << 20
"""How many times a block may grow, and from how many unpacked bytes on: real blocks grow 2 to 4 times. A reader holds
dozens of blocks at once and turns each byte into up to 30, so that forty blocks of nothing are 20 GB."""
MAX_TEXT_RATIO, TEXT_RATIO_FROM = 200, 100 << 20
"""The same for packed XML, which grows 10 to 25 times."""
VERTICES_PER_BYTE, VERTICES_FREE = 4, 1_000_000
"""Vertices of streets that a byte of a file can hold: PBF files have up to 0.2, packed XML 0.03."""
_CHUNK = 1 << 20
_VARINT = 10  # bytes of the longest number


def refuse_osm_bomb(file: Path) -> None:
    """Raise when an OpenStreetMap file of any kind (PBF, XML, packed XML) is made to exhaust memory."""
    name = file.name.lower()
    if name.endswith(".pbf"):
        refuse_pbf_bomb(file)
    elif name.endswith((".gz", ".bz2")):
        _refuse_packed_text(file)
    else:
        refuse_xml_entities(file)


def most_vertices(file: Path) -> int:
    """Return how many vertices the streets of a file of this size can have at the very most."""
    return VERTICES_FREE + VERTICES_PER_BYTE * file.stat().st_size


def refuse_pbf_bomb(file: Path) -> None:
    """Raise when a PBF file has blocks larger than the format allows, that grow more than streets can, or bad texts.

    Only the heads of the blocks and their tables of texts are read. Where the frame of the file is damaged, the rest
    is left to its reader. A text with a zero byte in it makes libosmium read beyond its memory.

    Raises
    ------
    InputError
        Naming the block.
    """
    with file.open("rb") as stream:
        for number, (start, packed, unpacked) in enumerate(_blocks(stream, file.stat().st_size), start=1):
            if max(packed, unpacked) > MAX_BLOCK:
                size = readable(max(packed, unpacked))
                raise InputError(problem("osm_block", file=file, number=number, size=size, most=readable(MAX_BLOCK)))
            if unpacked > BLOCK_RATIO_FROM and unpacked > MAX_BLOCK_RATIO * packed:
                ratio = f"{unpacked / max(1, packed):,.0f}"
                raise InputError(problem("osm_ratio", file=file, ratio=ratio, most=MAX_BLOCK_RATIO))
            stream.seek(start)
            if _has_zero(_texts(stream.read(packed))):
                raise InputError(problem("osm_text", file=file, number=number))
            stream.seek(start + packed)


def _blocks(stream: BinaryIO, size: int) -> Iterator[tuple[int, int, int]]:
    """Give where each block begins, its bytes and those of its content.

    It ends at the first damage of the frame: the file's reader says so.
    """
    while len(length := stream.read(4)) == 4:
        head = int.from_bytes(length, "big")
        if head > MAX_HEAD:
            return
        packed = _numbers(stream, stream.tell() + head).get(3, 0)
        start = stream.tell()
        if start + packed > size:
            return
        yield start, packed, _content(stream, start + packed)


def _content(stream: BinaryIO, end: int) -> int:
    """Return the unpacked size of a Blob: field 2 says it, or field 1 holds the bytes as they are."""
    found = _numbers(stream, end)
    return max(found.get(2, 0), found.get(1, 0))


def _numbers(stream: BinaryIO, end: int) -> dict[int, int]:
    """Return the fields of a protobuf message up to `end`: numbers as they are, of bytes their length.

    https://protobuf.dev/programming-guides/encoding/
    """
    found: dict[int, int] = {}
    while (at := stream.tell()) < end:
        raw = stream.read(2 * _VARINT)
        key, used = seven_bits(raw, 0)
        value, used = seven_bits(raw, used) if key & 7 in {0, 2} else (0, used)
        step = {0: 0, 1: 8, 2: value, 5: 4}.get(key & 7)
        if step is None or not raw or at + used + step > end:
            break
        found[key >> 3] = max(value, found.get(key >> 3, 0))
        stream.seek(at + used + step)
    stream.seek(end)
    return found


def _texts(blob: bytes) -> bytes:
    """Return the table of texts of a block: the first field of its content, which is as it is (1) or zlib (3)."""
    if part := _part(blob, 1):
        return _part(part, 1)
    inflate, packed = zlib.decompressobj(), _part(blob, 3)
    try:
        head = inflate.decompress(packed, 1 + _VARINT)
        size, used = seven_bits(head, 1)
        if head[:1] != b"\x0a":  # a header of a file, or a block without texts
            return b""
        more = max(1, min(size + used - len(head), MAX_BLOCK))
        return head[used:] + inflate.decompress(inflate.unconsumed_tail, more)
    except zlib.error:  # damaged: its reader will say so
        return b""


def _part(message: bytes, wanted: int) -> bytes:
    """Return the bytes of a field, b"" where the message has none."""
    at = 0
    while at < len(message):
        key, at = seven_bits(message, at)
        value, used = seven_bits(message, at) if key & 7 in {0, 2} else (0, at)
        size = {0: 0, 1: 8, 2: value, 5: 4}.get(key & 7)
        if size is None:
            break
        if key == wanted << 3 | 2:
            return message[used : used + size]
        at = used + size
    return b""


def _has_zero(texts: bytes) -> bool:
    r"""Whether a text of a table (field 1, again and again) has a zero byte in it; the first text is an empty one.

    Examples
    --------
    >>> _has_zero(b"\x0a\x00\x0a\x02ab"), _has_zero(b"\x0a\x00\x0a\x03a\x00b")
    (False, True)
    """
    if texts.count(0) <= texts.startswith(b"\x0a\0"):
        return False
    at = 0
    while at < len(texts):
        size, start = seven_bits(texts, at + 1)
        if b"\0" in texts[start : start + size]:
            return True
        at = start + size
    return False


def _refuse_packed_text(file: Path) -> None:
    """Raise when packed XML grows out of all proportion, or declares entities."""
    small, large = file.stat().st_size, 0
    opener = gzip.open if file.name.lower().endswith(".gz") else bz2.open
    try:
        with opener(file, "rb") as stream:
            while piece := stream.read(_CHUNK):
                large += len(piece)
                if large > TEXT_RATIO_FROM and large > MAX_TEXT_RATIO * small:
                    ratio = f"{large / small:,.0f}"
                    raise InputError(problem("osm_ratio", file=file, ratio=ratio, most=MAX_TEXT_RATIO))
    except (OSError, EOFError, zlib.error):  # damaged: its reader will say so
        return
