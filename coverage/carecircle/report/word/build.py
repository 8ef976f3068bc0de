"""Parts of an official document in Word, as GB/T 9704-2012 has them: fonts, paragraphs, tables, sections, page numbers.

The standard (clauses 5 to 7): A4, 37 mm above, 28 mm on the left, a text block of 156 by 225 mm; title 二号 小标宋;
text 三号 仿宋 with 22 lines a page; headings 黑体, 楷体 and 仿宋; page numbers between dashes, on the outer side.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from xml.sax.saxutils import escape

from docx import Document
from docx.document import Document as Paper
from docx.enum.section import WD_ORIENT, WD_SECTION
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_BREAK, WD_LINE_SPACING
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls, qn
from docx.section import Section
from docx.shared import Mm, Pt, RGBColor
from docx.text.paragraph import Paragraph

from carecircle.outputs import speakable, whole_file

SONG, FANG, KAI, HEI, TITLE, LATIN = "宋体", "仿宋_GB2312", "楷体_GB2312", "黑体", "方正小标宋简体", "Times New Roman"
INSTEAD = {FANG: "仿宋", KAI: "楷体", TITLE: "宋体"}
"""Fonts of the standard that few machines have, and the ones that Word takes instead."""
BODY_POINTS, LINE_POINTS, TABLE_POINTS = 16.0, 28.0, 9.0
_PICTURE_MM = 137.0
"""So wide that two figures find room on a page."""
WIDTH_MM, WIDE_MM = 156.0, 253.0
"""Width of the text upright and across."""
_MARGINS = {"top_margin": 37, "bottom_margin": 35, "left_margin": 28, "right_margin": 26}
_MARGINS_ACROSS = {"top_margin": 28, "bottom_margin": 22, "left_margin": 22, "right_margin": 22}
_LOOSE = re.compile(r"(?<=[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]) (?=\d)|(?<=[\d%]) (?=[\u4e00-\u9fff])")
_HEADINGS = {1: HEI, 2: KAI, 3: FANG}
_ZIP_DATE = (2000, 1, 1, 0, 0, 0)
_NO_DATE = datetime(2000, 1, 1)  # noqa: DTZ001  a date without a place, as documents have it


def new_paper(title: str) -> Paper:
    """Return an empty document: A4 upright, the fonts of the standard, page numbers; no author, no dates."""
    paper = Document()
    _set_fonts(paper)
    _name_substitutes(paper)
    _set_up(paper.sections[0], across=False)
    paper.settings.odd_and_even_pages_header_footer = True
    _number_pages(paper.sections[0])
    facts = paper.core_properties
    facts.title, facts.author, facts.last_modified_by, facts.comments = speakable(title)[:255], "", "", ""
    facts.created = facts.modified = _NO_DATE
    return paper


def _set_fonts(paper: Paper) -> None:
    normal = paper.styles["Normal"]
    normal.font.name, normal.font.size = LATIN, Pt(BODY_POINTS)
    fonts = normal.element.get_or_add_rPr().get_or_add_rFonts()
    fonts.set(qn("w:eastAsia"), FANG)
    for said in paper.styles.element.iter(qn("w:lang")):
        said.set(qn("w:eastAsia"), "zh-CN")
        said.set(qn("w:val"), "en-US")  # else words and numbers are broken anywhere
    for level in _HEADINGS:
        _set_heading(paper, level)


def _set_heading(paper: Paper, level: int) -> None:
    """Give a heading its font; it stays a heading, for the navigation of Word."""
    style = paper.styles[f"Heading {level}"]
    style.font.size, style.font.bold, style.font.italic = Pt(BODY_POINTS), level == 3, False
    style.font.color.rgb = RGBColor(0, 0, 0)
    fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
    for name in list(fonts.attrib):
        del fonts.attrib[name]
    for name, font in {"w:ascii": LATIN, "w:hAnsi": LATIN, "w:eastAsia": _HEADINGS[level]}.items():
        fonts.set(qn(name), font)
    layout = style.paragraph_format
    layout.space_before = layout.space_after = Pt(0)
    layout.keep_with_next = True


def _name_substitutes(paper: Paper) -> None:
    """Say in the table of fonts which font stands in for one that a machine lacks."""
    table = next(part for part in paper.part.package.iter_parts() if str(part.partname) == "/word/fontTable.xml")
    names = "".join(
        f'<w:font w:name="{font}"><w:altName w:val="{other}"/><w:charset w:val="86"/></w:font>'
        for font, other in INSTEAD.items()
    )
    table._blob = table.blob.replace(b"</w:fonts>", names.encode("utf-8") + b"</w:fonts>")  # noqa: SLF001


def _set_up(section: Section, *, across: bool) -> None:
    section.orientation = WD_ORIENT.LANDSCAPE if across else WD_ORIENT.PORTRAIT
    section.page_width, section.page_height = (Mm(297), Mm(210)) if across else (Mm(210), Mm(297))
    for name, size in (_MARGINS_ACROSS if across else _MARGINS).items():
        setattr(section, name, Mm(size))
    section.footer_distance = Mm(12 if across else 25)


def turn(paper: Paper, *, across: bool) -> None:
    """Begin a new page, upright or across; nothing where the page lies so already."""
    last = paper.sections[-1]
    if (last.orientation == WD_ORIENT.LANDSCAPE) != across:
        _set_up(paper.add_section(WD_SECTION.NEW_PAGE), across=across)


def _number_pages(section: Section) -> None:
    """Add page numbers ``— 1 —`` on the outer side: right on odd pages, left on even ones."""
    for footer, side in (
        (section.footer, WD_ALIGN_PARAGRAPH.RIGHT),
        (section.even_page_footer, WD_ALIGN_PARAGRAPH.LEFT),
    ):
        line = footer.paragraphs[0]
        line.alignment = side
        line.paragraph_format.left_indent = line.paragraph_format.right_indent = Pt(14)
        _run(line, "— ", SONG, 14)
        for code in ("begin", "PAGE", "end"):
            line._p.append(_field(code))  # noqa: SLF001
        _run(line, " —", SONG, 14)


def _field(code: str) -> object:
    """Return a part of the field that shows the page's number."""
    mark = (
        f'<w:fldChar w:fldCharType="{code}"/>'
        if code != "PAGE"
        else '<w:instrText xml:space="preserve"> PAGE </w:instrText>'
    )
    fonts = f'<w:rPr><w:rFonts w:ascii="{SONG}" w:hAnsi="{SONG}" w:eastAsia="{SONG}"/><w:sz w:val="28"/></w:rPr>'
    return parse_xml(f"<w:r {nsdecls('w')}>{fonts}{mark}</w:r>")


def _run(paragraph: Paragraph, words: str, font: str, size: float, *, bold: bool = False, colour: str = "") -> None:
    run = paragraph.add_run(speakable(words))
    run.font.size, run.font.bold, run.font.name = Pt(size), bold, LATIN
    run.element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), font)
    if colour:
        run.font.color.rgb = RGBColor.from_string(colour)


def _spaced(paragraph: Paragraph, points: float = LINE_POINTS) -> Paragraph:
    layout = paragraph.paragraph_format
    layout.line_spacing_rule, layout.line_spacing = WD_LINE_SPACING.EXACTLY, Pt(points)
    layout.space_before = layout.space_after = Pt(0)
    return paragraph


def add_title(paper: Paper, lines: Sequence[str], below: Sequence[str]) -> None:
    """Add the title, 二号 in the middle, and lines under it."""
    for words in lines:
        title = _spaced(paper.add_paragraph(), 36)
        title.alignment = WD_ALIGN_PARAGRAPH.CENTER
        _run(title, words, TITLE, 22)
    for line in below:
        under = _spaced(paper.add_paragraph())
        under.alignment = WD_ALIGN_PARAGRAPH.CENTER
        _run(under, line, KAI, BODY_POINTS)
    _spaced(paper.add_paragraph(), 14)


def add_heading(paper: Paper, words: str, level: int = 1) -> None:
    """Add a heading: 1 黑体, 2 楷体, 3 仿宋 in bold; the number is part of the words."""
    heading = _spaced(paper.add_paragraph(speakable(words), style=f"Heading {level}"))
    heading.paragraph_format.first_line_indent = Pt(2 * BODY_POINTS)


def add_page_break(paper: Paper) -> None:
    """Begin a new page."""
    _spaced(paper.add_paragraph()).add_run().add_break(WD_BREAK.PAGE)


def close(words: str) -> str:
    """Return words without the spaces that tables and pages have between Chinese and numbers; documents have none.

    Examples
    --------
    >>> close("共 76 处，占 12.5%")
    '共76处，占12.5%'
    """
    return _LOOSE.sub("", words)


def add_body(paper: Paper, words: str) -> None:
    """Add a paragraph of text, its first line two signs in."""
    line = _spaced(paper.add_paragraph())
    line.alignment = WD_ALIGN_PARAGRAPH.JUSTIFY
    line.paragraph_format.first_line_indent = Pt(2 * BODY_POINTS)
    _run(line, words, FANG, BODY_POINTS)


def add_note(paper: Paper, words: str) -> None:
    """Add a small line under a table."""
    line = _spaced(paper.add_paragraph(), 14)
    _run(line, words, SONG, TABLE_POINTS)


def add_caption(paper: Paper, words: str, *, above: bool) -> None:
    """Add what a table (above it) or a figure (below) is called."""
    line = _spaced(paper.add_paragraph(), 20)
    line.alignment = WD_ALIGN_PARAGRAPH.CENTER
    line.paragraph_format.keep_with_next = above
    line.paragraph_format.space_after = Pt(0 if above else 6)
    _run(line, words, HEI, 12)


def add_picture(paper: Paper, path: Path, caption: str) -> None:
    """Add a figure with its caption; the two stay together."""
    line = paper.add_paragraph()
    line.alignment = WD_ALIGN_PARAGRAPH.CENTER
    line.paragraph_format.keep_with_next = True
    line.paragraph_format.space_before = line.paragraph_format.space_after = Pt(2)
    picture = line.add_run().add_picture(str(path), width=Mm(_PICTURE_MM))
    picture._inline.docPr.set("descr", speakable(caption))  # noqa: SLF001
    add_caption(paper, caption, above=False)


def add_numbers(paper: Paper, numbers: Sequence[tuple[str, str, str]]) -> None:
    """Add big numbers side by side: each with its words below, and what it is of."""
    cells = []
    width = WIDTH_MM / max(len(numbers), 1)
    for number, words, of in numbers:
        size = 22 if len(number) <= 8 else 16
        lines = [
            cell_line(number, TITLE, size, align="center", bold=True, colour="1F4E79"),
            cell_line(words, SONG, 10.5, align="center"),
            cell_line(of, SONG, TABLE_POINTS, align="center", colour="595959"),
        ]
        cells.append(cell("".join(lines), width, fill="EEF3F8"))
    append(paper, table_xml([row_xml("".join(cells))], [width] * len(numbers), border="FFFFFF"))
    _spaced(paper.add_paragraph(), 10)


def cell_line(
    words: str,
    font: str = SONG,
    size: float = TABLE_POINTS,
    *,
    align: str = "left",
    bold: bool = False,
    colour: str = "",
) -> str:
    """Return a paragraph of a cell as WordprocessingML; line feeds become breaks."""
    parts = [f'<w:t xml:space="preserve">{escape(part)}</w:t>' for part in speakable(words).split("\n")]
    looks = f'<w:rFonts w:ascii="{LATIN}" w:hAnsi="{LATIN}" w:eastAsia="{font}"/>'
    looks += "<w:b/>" * bold + (f'<w:color w:val="{colour}"/>' if colour else "")
    looks += f'<w:sz w:val="{round(2 * size)}"/>'
    return (
        '<w:p><w:pPr><w:spacing w:before="20" w:after="20" w:line="240" w:lineRule="auto"/>'
        f'<w:jc w:val="{align}"/></w:pPr><w:r><w:rPr>{looks}</w:rPr>{"<w:br/>".join(parts)}</w:r></w:p>'
    )


def cell(lines: str, width_mm: float, *, fill: str = "", span: int = 1, merge: str = "") -> str:
    """Return a cell; `merge` is ``restart`` or ``continue`` for cells that are one above the other."""
    looks = f'<w:tcW w:w="{_twips(width_mm)}" w:type="dxa"/>'
    looks += f'<w:gridSpan w:val="{span}"/>' if span > 1 else ""
    looks += f'<w:vMerge w:val="{merge}"/>' if merge else ""
    looks += f'<w:shd w:val="clear" w:color="auto" w:fill="{fill}"/>' if fill else ""
    return f'<w:tc><w:tcPr>{looks}<w:vAlign w:val="center"/></w:tcPr>{lines}</w:tc>'


def row_xml(cells: str, *, head: bool = False) -> str:
    """Return a row that does not break over pages; heads come again on each."""
    return f"<w:tr><w:trPr><w:cantSplit/>{'<w:tblHeader/>' * head}</w:trPr>{cells}</w:tr>"


def table_xml(rows: Sequence[str], widths_mm: Sequence[float], *, border: str = "000000") -> str:
    """Return a table in the middle of the page, with thin lines."""
    sides = ("top", "left", "bottom", "right", "insideH", "insideV")
    lines = "".join(f'<w:{side} w:val="single" w:sz="4" w:space="0" w:color="{border}"/>' for side in sides)
    margins = "".join(f'<w:{side} w:w="57" w:type="dxa"/>' for side in ("left", "right"))
    grid = "".join(f'<w:gridCol w:w="{_twips(width)}"/>' for width in widths_mm)
    total = sum(_twips(width) for width in widths_mm)
    return (
        f'<w:tbl {nsdecls("w")}><w:tblPr><w:tblW w:w="{total}" w:type="dxa"/><w:jc w:val="center"/>'
        f'<w:tblBorders>{lines}</w:tblBorders><w:tblLayout w:type="fixed"/><w:tblCellMar>{margins}</w:tblCellMar>'
        f"</w:tblPr><w:tblGrid>{grid}</w:tblGrid>{''.join(rows)}</w:tbl>"
    )


def append(paper: Paper, table: str) -> None:
    """Add a table after what is there."""
    paper.element.body.insert_element_before(parse_xml(table), "w:sectPr")


def _twips(millimetres: float) -> int:
    return round(millimetres / 25.4 * 1440)


def save(paper: Paper, path: Path) -> None:
    """Write a document; the same one gives the same bytes."""
    draft = io.BytesIO()
    paper.save(draft)
    with whole_file(path) as place, zipfile.ZipFile(draft) as old, zipfile.ZipFile(place, "w") as new:
        for name in old.namelist():
            entry = zipfile.ZipInfo(name, _ZIP_DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o600 << 16
            new.writestr(entry, old.read(name))
