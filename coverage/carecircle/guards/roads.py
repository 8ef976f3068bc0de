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
    """Raise when a PBF file has blocks larger than the format allows, or that grow more than streets can.

    Only the heads of the blocks are read. Where the frame of the file is damaged, the rest is left to its reader.

    Raises
    ------
    InputError
        Naming the block.
    """
    with file.open("rb") as stream:
        for number, (packed, unpacked) in enumerate(_blocks(stream, file.stat().st_size), start=1):
            if max(packed, unpacked) > MAX_BLOCK:
                size = readable(max(packed, unpacked))
                raise InputError(problem("osm_block", file=file, number=number, size=size, most=readable(MAX_BLOCK)))
            if unpacked > BLOCK_RATIO_FROM and unpacked > MAX_BLOCK_RATIO * packed:
                ratio = f"{unpacked / max(1, packed):,.0f}"
                raise InputError(problem("osm_ratio", file=file, ratio=ratio, most=MAX_BLOCK_RATIO))


def _blocks(stream: BinaryIO, size: int) -> Iterator[tuple[int, int]]:
    """Give the bytes of each block and of its content, up to the first damage of the frame (its reader says so)."""
    while len(length := stream.read(4)) == 4:
        head = int.from_bytes(length, "big")
        if head > MAX_HEAD:
            return
        packed = _numbers(stream, stream.tell() + head).get(3, 0)
        start = stream.tell()
        if start + packed > size:
            return
        yield packed, _content(stream, start + packed)
        stream.seek(start + packed)


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
        key, used = _varint(raw, 0)
        value, used = _varint(raw, used) if key & 7 in {0, 2} else (0, used)
        step = {0: 0, 1: 8, 2: value, 5: 4}.get(key & 7)
        if step is None or not raw:
            break
        found[key >> 3] = max(value, found.get(key >> 3, 0))
        stream.seek(at + used + step)
    stream.seek(end)
    return found


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    """Return a number written in sevens of bits, and where the next begins."""
    value = 0
    for place, byte in enumerate(raw[at : at + _VARINT]):
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value, at + place + 1
    return value, at + _VARINT


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
