"""Roads: damaged, empty, hostile and odd OpenStreetMap and GraphML files."""

from __future__ import annotations

import re
import struct
import zlib

import geopandas as gpd

from .case import FACILITIES, ROADS, Beside, Case, reads, refused
from .layers_on_disk import areas, graphml, layer, osm, pbf, streets, together
from .mutations import changed_blocks
from .writers import cut, directory, homes, named, nothing, raw, spoilt, text_of, xlsx

LOST = frozenset(range(1, 9))
LAUGHS = "<!DOCTYPE osm [<!ENTITY a 'lol'>" + "".join(
    f"<!ENTITY {chr(98 + n)} '{f'&{chr(97 + n)};' * 10}'>" for n in range(9)
) + "]>"  # fmt: skip


def _elsewhere() -> gpd.GeoDataFrame:
    found = areas("6")
    return found.set_geometry(found.translate(3, 3))


def _block(kind: bytes, blob: bytes) -> bytes:
    head = b"\x0a" + bytes([len(kind)]) + kind + b"\x18" + _varint(len(blob))
    return struct.pack(">I", len(head)) + head + blob


def _varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def _with_nul(content: bytes) -> bytes:
    return changed_blocks(content, b"residential", b"resi\0ential")


def _packed(size: int, said: int | None = None) -> bytes:
    """Return a Blob with so many bytes of nothing, said to be of another size."""
    held = zlib.compress(bytes(size), 9)
    return b"\x10" + _varint(size if said is None else said) + b"\x1a" + _varint(len(held)) + held


CASES = (
    Case(
        "pbf-empty",
        "a PBF file of no bytes",
        "refused",
        raw("roads.osm.pbf", b""),
        ROADS,
        refused("unreadable_file", also=("no_roads",)),
    ),
    Case(
        "pbf-cut-head",
        "the first ten bytes of a PBF file",
        "refused: the file is damaged",
        spoilt(pbf(), lambda content: content[:10]),
        ROADS,
        refused("unreadable_file"),
    ),
    Case(
        "pbf-cut-middle",
        "half of a PBF file",
        "refused: the file is damaged",
        cut(pbf(), keep=0.5),
        ROADS,
        refused("unreadable_file"),
    ),
    Case(
        "pbf-cut-last-byte",
        "a PBF file without its last byte",
        "refused: the file is damaged",
        spoilt(pbf(), lambda content: content[:-1]),
        ROADS,
        refused("unreadable_file"),
    ),
    Case(
        "pbf-wrong-magic",
        "a PBF file that begins with other bytes",
        "refused: the file is damaged",
        spoilt(pbf(), lambda content: b"\xff" * 16 + content[16:]),
        ROADS,
        refused("unreadable_file"),
    ),
    Case(
        "pbf-is-xml",
        "XML called .osm.pbf",
        "refused: the file is damaged",
        named(osm(), "roads.osm.pbf"),
        ROADS,
        refused("unreadable_file"),
    ),
    Case(
        "pbf-is-html",
        "the login page of a gateway called .osm.pbf",
        "refused: the file is damaged",
        raw("roads.osm.pbf", "<html><body>请登录</body></html>" * 20),
        ROADS,
        refused("unreadable_file"),
    ),
    Case(
        "pbf-bytes-turned",
        "a PBF file with bytes turned over inside a block",
        "refused: the file is damaged",
        spoilt(pbf(), lambda content: content[:300] + bytes(255 - b for b in content[300:330]) + content[330:]),
        ROADS,
        refused("unreadable_file"),
    ),
    Case(
        "pbf-block-lies",
        "a block that says it has 2 GB",
        "refused before room is made for it",
        spoilt(pbf(), lambda content: content + _block(b"OSMData", _packed(1000, 2 << 30))),
        ROADS,
        refused("osm_block", also=("unreadable_file",)),
    ),
    Case(
        "pbf-bomb",
        "forty blocks of 31 MB of nothing",
        "refused before it is unpacked",
        spoilt(pbf(), lambda content: content + _block(b"OSMData", _packed(31 << 20)) * 40),
        ROADS,
        refused("osm_ratio"),
    ),
    Case(
        "pbf-nul-in-text",
        "a sign 0 inside a name, on which libosmium breaks down",
        "refused before the library reads it",
        spoilt(pbf(), _with_nul),
        ROADS,
        refused("unreadable_file|osm_text|osm_nul"),
    ),
    Case(
        "pbf-nul-for-facilities",
        "the same, read for facilities",
        "refused before the library reads it",
        spoilt(pbf(), _with_nul),
        FACILITIES,
        refused("unreadable_file|osm_text|osm_nul"),
    ),
    Case(
        "pbf-text-not-utf8",
        "text in a PBF file that is not UTF-8",
        "refused: the file is damaged",
        spoilt(pbf(), lambda content: changed_blocks(content, b"residential", b"residentia\xe0")),
        ROADS,
        refused("unreadable_file"),
    ),
    Case(
        "pbf-no-highways",
        "a PBF file without roads",
        "refused: it holds no road",
        pbf(tags=lambda _: {"building": "yes"}),
        ROADS,
        refused("no_roads"),
    ),
    Case(
        "pbf-no-seniors",
        "a PBF file without facilities for seniors, read for them",
        "refused: it holds none",
        pbf(),
        FACILITIES,
        refused("no_osm_facilities"),
    ),
    Case(
        "pbf-motorways",
        "a file with nothing but motorways",
        "refused: nothing that one may walk on",
        pbf(tags=lambda _: {"highway": "motorway"}),
        ROADS,
        refused("no_streets_for_mode"),
    ),
    Case(
        "pbf-missing",
        "a path at which there is nothing",
        "refused: check the path",
        nothing("roads.osm.pbf"),
        ROADS,
        refused("missing_file"),
    ),
    Case(
        "pbf-is-a-folder",
        "a folder called roads.osm.pbf",
        "refused",
        directory("roads.osm.pbf"),
        ROADS,
        refused("unknown_roads", also=("unreadable_file",)),
    ),
    Case(
        "osm-empty",
        "an XML file without anything in it",
        "refused: it holds no road",
        raw("roads.osm", '<osm version="0.6"/>'),
        ROADS,
        refused("no_roads"),
    ),
    Case(
        "osm-cut",
        "an XML file that breaks off",
        "refused: the file is damaged",
        cut(osm(), keep=0.7),
        ROADS,
        refused("unreadable_file"),
    ),
    Case(
        "osm-not-xml",
        "plain text called .osm",
        "refused: the file is damaged",
        raw("roads.osm", "roads\n" * 30),
        ROADS,
        refused("unreadable_file"),
    ),
    Case(
        "osm-other-xml",
        "XML of another kind",
        "refused",
        raw("roads.osm", "<gpx version='1.1'><trk/></gpx>"),
        ROADS,
        refused("unreadable_file", also=("no_roads",)),
    ),
    Case(
        "osm-entities",
        "XML with entities that multiply ('billion laughs')",
        "refused before they do",
        osm(head=LAUGHS, more="<node id='9999' version='1' lon='102' lat='24'><tag k='name' v='&j;'/></node>"),
        ROADS,
        refused("xml_doctype"),
    ),
    Case(
        "osm-entity-file",
        "XML with an entity that names a file of the machine",
        "refused; the file is not read",
        osm(head='<!DOCTYPE osm [<!ENTITY x SYSTEM "file:///etc/passwd">]>'),
        ROADS,
        refused("xml_doctype"),
    ),
    Case(
        "osm-nodes-missing",
        "ways whose nodes the file lacks in part, as extracts have them",
        "the rest is read; the notes say so",
        osm(lost=LOST),
        ROADS,
        reads(notes=("9 条",)),
    ),
    Case(
        "osm-all-nodes-missing",
        "ways without any node",
        "refused: no road can be drawn",
        osm(lost=frozenset(range(1, 500))),
        ROADS,
        refused("no_roads"),
    ),
    Case(
        "osm-off-earth",
        "a node at latitude 95",
        "read without it; the notes say so",
        osm(change=lambda text: re.sub(r'lat="24\.[0-9]+"', 'lat="95.0"', text, count=1)),
        ROADS,
        reads(notes=("2",)),
    ),
    Case(
        "osm-words-for-degrees",
        "words for a longitude",
        "refused",
        osm(change=lambda text: re.sub(r'lon="102\.[0-9]+"', 'lon="east"', text, count=1)),
        ROADS,
        refused("unreadable_file"),
    ),
    Case(
        "osm-one-node-ways",
        "ways of one node among the others",
        "read without them",
        osm(more='<way id="900" version="1"><nd ref="1"/><tag k="highway" v="path"/></way>'),
        ROADS,
        reads(),
    ),
    Case(
        "osm-negative-ids",
        "roads drawn in an editor and never uploaded: numbers below 0",
        "read",
        osm(change=lambda text: re.sub(r'(<node id|<way id|<nd ref)="', r'\1="-', text)),
        ROADS,
        reads(),
    ),
    Case(
        "osm-huge-ids",
        "numbers beyond 64 bits",
        "refused",
        osm(change=lambda text: text.replace('<way id="1"', '<way id="99999999999999999999999"', 1)),
        ROADS,
        refused("unreadable_file"),
    ),
    Case(
        "osm-wild-tags",
        "tags with signs of control and hostile words",
        "read",
        osm(
            tags=lambda way: {
                "highway": way.highway,
                "name": '=HYPERLINK("x")<script>',
                "maxspeed": "∞",
                "oneway": "perhaps",
                "layer": "9999999999999",
            }
        ),
        ROADS,
        reads(),
    ),
    Case(
        "osm-is-workbook",
        "a workbook called roads.osm",
        "refused",
        xlsx(homes(), name="roads.osm"),
        ROADS,
        refused("unreadable_file"),
    ),
    Case(
        "roads-are-a-table",
        "the list of facilities where roads should be",
        "refused, with the files that will do",
        raw("roads.csv", lambda: text_of(homes())),
        ROADS,
        refused("unknown_roads"),
    ),
    Case(
        "graphml-cut",
        "GraphML that breaks off",
        "refused: the file is damaged",
        graphml(lambda text: text[: len(text) // 2]),
        ROADS,
        refused("unreadable_file"),
    ),
    Case(
        "graphml-no-edges",
        "GraphML without edges",
        "refused: it holds no road",
        graphml(lambda text: re.sub(r"<edge .*?</edge>\n?", "", text)),
        ROADS,
        refused("no_roads", also=("unreadable_file",)),
    ),
    Case(
        "graphml-no-positions",
        "GraphML of another program: nodes without positions",
        "refused",
        graphml(lambda text: re.sub(r'<data key="d[12]">[^<]*</data>', "", text)),
        ROADS,
        refused("unreadable_file"),
    ),
    Case(
        "graphml-unknown-node",
        "GraphML with an edge to a node that is not there",
        "refused",
        graphml(lambda text: text.replace('source="1"', 'source="7777"', 1)),
        ROADS,
        refused("unreadable_file"),
    ),
    Case(
        "graphml-entities",
        "GraphML with entities that multiply",
        "refused before they do",
        graphml(lambda text: text.replace("?>", "?>" + LAUGHS.replace("DOCTYPE osm", "DOCTYPE graphml"), 1)),
        ROADS,
        refused("xml_doctype"),
    ),
    Case(
        "graphml-words",
        "GraphML with words for a position",
        "refused",
        graphml(lambda text: re.sub(r'<data key="d2">[^<]*<', '<data key="d2">east<', text, count=1)),
        ROADS,
        refused("unreadable_file"),
    ),
    Case(
        "streets-no-crs",
        "a street layer that does not say its coordinate system",
        "refused: which coordinate system?",
        layer(lambda: streets().set_crs(None, allow_override=True), name="streets.gpkg"),
        ROADS,
        refused("missing_crs"),
    ),
    Case(
        "streets-boundary-elsewhere",
        "a boundary in which there are no roads",
        "refused",
        together(layer(_elsewhere, name="elsewhere.gpkg"), pbf()),
        ROADS(boundary=Beside("elsewhere.gpkg")),
        refused("no_roads_in_boundary"),
    ),
)
