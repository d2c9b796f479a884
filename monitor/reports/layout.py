"""How a report lies on its pages: type, tables, pictures, foot. A4, and letters of most of Europe."""

import io
from collections.abc import Sequence
from functools import cache
from html import escape
from pathlib import Path

import matplotlib
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Image, Paragraph, SimpleDocTemplate, Table, TableStyle

MARGIN = 18 * mm
_WIDTH = A4[0] - 2 * MARGIN


@cache
def use_fonts() -> None:
    """DejaVu comes with matplotlib and has the letters of most of Europe; PDF's own fonts have not."""
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    for name, file in (("Text", "DejaVuSans.ttf"), ("TextBold", "DejaVuSans-Bold.ttf")):
        pdfmetrics.registerFont(TTFont(name, folder / file))


_STYLES = {
    "title": ParagraphStyle("title", fontName="TextBold", fontSize=15, leading=19, spaceAfter=6),
    "heading": ParagraphStyle("heading", fontName="TextBold", fontSize=12, leading=16, spaceBefore=10, spaceAfter=4),
    "part": ParagraphStyle(
        "part", fontName="TextBold", fontSize=9.5, leading=13, spaceBefore=9, spaceAfter=3, keepWithNext=1
    ),
    "body": ParagraphStyle("body", fontName="Text", fontSize=8.5, leading=12, spaceAfter=2),
    "note": ParagraphStyle("note", fontName="Text", fontSize=7.5, leading=10, textColor=colors.HexColor("#4A4A4A")),
    "cell": ParagraphStyle("cell", fontName="Text", fontSize=7, leading=9, splitLongWords=1),
    "head": ParagraphStyle("head", fontName="TextBold", fontSize=7, leading=9),
}


def words(text: str, style: str) -> Paragraph:
    """Text from outside: nothing in it is obeyed as markup."""
    return Paragraph(escape(text).replace("\n", "<br/>"), _STYLES[style])


def boxed(text: str) -> Table:
    """What must not be overlooked."""
    box = Table([[words(text, "body")]], colWidths=[_WIDTH])
    edge, ground = colors.HexColor("#9A3F00"), colors.HexColor("#FBE9DD")
    box.setStyle(TableStyle([("BOX", (0, 0), (-1, -1), 0.8, edge), ("BACKGROUND", (0, 0), (-1, -1), ground)]))
    return box


def table(rows: Sequence[Sequence[str]], shares: Sequence[float]) -> Table:
    """Texts under a head that comes again on every page; `shares` of the page's width, by column."""
    cells = [[words(cell, "cell" if index else "head") for cell in row] for index, row in enumerate(rows)]
    made = Table(cells, colWidths=[share * _WIDTH for share in shares], repeatRows=1)
    lines = [
        ("LINEBELOW", (0, 0), (-1, -1), 0.3, colors.HexColor("#BBBBBB")),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("BACKGROUND", (0, 0), (-1, 0), colors.HexColor("#EDEDED")),
        ("TOPPADDING", (0, 0), (-1, -1), 1.5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
    ]
    made.setStyle(TableStyle(lines))
    made.spaceAfter = 4
    return made


def picture(content: bytes, share: float) -> Image:
    """As wide as that share of the page, and never higher than a third of it."""
    image = Image(io.BytesIO(content))
    factor = min(share * _WIDTH / image.imageWidth, A4[1] / 3 / image.imageHeight)
    image.drawWidth, image.drawHeight = factor * image.imageWidth, factor * image.imageHeight
    image.spaceBefore, image.hAlign = 4, "LEFT"
    return image


def foot(canvas: Canvas, document: SimpleDocTemplate) -> None:
    """On every page: its number, and what the report is not."""
    canvas.saveState()
    canvas.setFont("Text", 7)
    canvas.drawString(MARGIN, 10 * mm, "Crackmonitor · no structural assessment")
    canvas.drawRightString(A4[0] - MARGIN, 10 * mm, f"Page {document.page}")
    canvas.restoreState()
