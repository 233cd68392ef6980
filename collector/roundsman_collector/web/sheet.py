"""A form on paper: a document of reports/ -> what forms/sheet.html shows. A page for each copy, A4.

    sheet(document, company, saying, pictures)          what the template needs, in the reader's language
    sheet_file(document, company, saying, pictures)     the whole page as one file, style and signatures included

Signatures are part of the page (`data:`), so that it can be saved, mailed and printed without the server. What is empty
is a line to fill in by hand. It reads in black and white.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from markupsafe import Markup

from roundsman_collector.api import telling
from roundsman_collector.reports.document import (
    At,
    Component,
    Document,
    Facts,
    Field,
    Part,
    Piece,
    Reading,
    ReadingName,
    Signature,
    Signatures,
    Span,
    Table,
    Value,
    missing,
    pieces_of,
)
from roundsman_collector.reports.dossier import Company
from roundsman_collector.web.page import STATIC, environment
from roundsman_collector.web.round import Clock
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.shown import component_name
from roundsman_collector.web.zoned import zone_name
from roundsman_wire.catalogue import Label

DENSE = ("work_order", "register")
"""Forms that need the whole page for what is known."""
FEW = 4
"""One that lacks more than this is filled in by hand, and gets room for it,"""
LONG = 40
"""... unless it has more lines than this: then it is set tighter, to stay on its page."""
MANY = 12
"""Rows in its tables beyond which a form is set tighter, to stay on its page."""
COUNTED = ("一", "二", "三", "四")
STYLES = ("print.css", "forms.css")
Pictures = Mapping[str, str]
"""File id -> what an <img> shows."""


def sheet(document: Document, company: Company, saying: Saying, pictures: Pictures) -> dict[str, Any]:
    """What the page shows."""
    setting = _Setting(document, saying, pictures)
    is_by_hand, is_long = document.form not in DENSE or len(missing(document)) > FEW, _lines(document) > LONG
    return {
        "say": saying,
        "title": setting.label(document.title),
        "number": document.number,
        "shape": document.shape,
        "company": setting.label(company.name),
        "service_phone": company.service_phone,
        "supervision_phone": company.supervision_phone,
        "copies": setting.copies(document.copies),
        "mark": "" if document.mark is None else setting.label(document.mark),
        "note": "" if document.note is None else setting.label(document.note),
        "parts": [setting.part(one) for one in document.parts],
        "missing": [setting.label(one) for one in missing(document)],
        "is_roomy": is_by_hand and not is_long,
        "is_tight": document.shape == "portrait" and (_rows(document) > MANY or (is_by_hand and is_long)),
        "zone": zone_name(saying, setting.when.zone),
        "known": setting.when.minute(document.known_ms),
    }


def sheet_file(document: Document, company: Company, saying: Saying, pictures: Pictures) -> str:
    """The page as one file that needs nothing beside it."""
    style = Markup("\n".join((STATIC / name).read_text("utf-8") for name in STYLES))
    shown = sheet(document, company, saying, pictures)
    return environment(saying.language).get_template("forms/sheet.html").render(**shown, inlined=style, back=None)


class _Setting:
    """Sets the parts of one document in type."""

    def __init__(self, document: Document, saying: Saying, pictures: Pictures) -> None:
        self.saying = saying
        self.when = Clock({"time_zone": document.time_zone})
        self.pictures = pictures

    def label(self, label: Label) -> str:
        return label.of(self.saying.language)

    def copies(self, copies: Iterable[Label]) -> list[str]:
        """`第一联 客户联`; one without a mark where there are none."""
        zh = self.saying.language == "zh"
        marks = [
            f"第{COUNTED[place]}联 {self.label(one)}" if zh else f"{place + 1}. {self.label(one)}"
            for place, one in enumerate(copies)
        ]
        return marks or [""]

    def part(self, part: Part) -> dict[str, Any]:
        match part:
            case Facts():
                return self._facts(part)
            case Table():
                return self._table(part)
            case Signatures():
                return {"kind": "signatures", "signers": [self._signer(one) for one in part.signers]}

    def _facts(self, part: Facts) -> dict[str, Any]:
        return {
            "kind": "facts",
            "title": "" if part.title is None else self.label(part.title),
            "fields": [
                {
                    "label": self.label(field.label),
                    "value": self.value(field.value),
                    "is_wide": is_wide,
                    "lines": field.lines,
                }
                for field, is_wide in _spread(part.fields)
            ],
        }

    def _table(self, part: Table) -> dict[str, Any]:
        rows = [[self.value(cell) for cell in row] for row in part.rows]
        none = "" if part.none is None or rows else self.label(part.none)
        return {
            "kind": "table",
            "title": "" if part.title is None else self.label(part.title),
            "columns": [self.label(one) for one in part.columns],
            "widths": part.widths,
            "rows": rows,
            "blanks": 0 if rows or none else part.blanks,
            "none": none,
        }

    def _signer(self, one: Signature) -> dict[str, Any]:
        return {
            "label": self.label(one.label),
            "name": one.name,
            "at": "" if one.at_ms is None else self.when.minute(one.at_ms),
            "picture": self.pictures.get(one.picture, ""),
        }

    def value(self, value: Value) -> str:
        """A value as one line of text; empty where there is none."""
        found = pieces_of(value)
        joint = " " if any(isinstance(piece, At) for piece in found) else " · "
        return joint.join(said for piece in found if (said := self._piece(piece)))

    def _piece(self, piece: Piece) -> str:
        match piece:
            case Label():
                return self.label(piece)
            case At(ms=ms):
                return self.when.minute(ms)
            case Span(ms=ms):
                return self.saying.span(ms)
            case Reading(name=name, value=value):
                return self.saying.value(telling.reading(name, value))
            case ReadingName(name=name):
                return str(telling.reading(name, None)[f"name_{self.saying.language}"])
            case Component(name=name):
                return component_name(self.saying, name)
            case str():
                return piece.strip()


def _lines(document: Document) -> float:
    """How long it is on paper, in lines of one field, about."""
    return sum(_length(part) for part in document.parts)


def _length(part: Part) -> float:
    match part:
        case Facts():
            return 1 + sum(
                (1 if is_wide else 0.5) * (0.3 + 0.7 * field.lines) for field, is_wide in _spread(part.fields)
            )
        case Table():
            return 2 + (len(part.rows) or part.blanks)
        case Signatures():
            return 0


def _rows(document: Document) -> int:
    return sum(len(part.rows) for part in document.parts if isinstance(part, Table))


def _spread(fields: Iterable[Field]) -> list[tuple[Field, bool]]:
    """Which fields take the whole width: wide ones, and one that would stand alone before them or at the end."""
    found: list[tuple[Field, bool]] = []
    is_open = False  # the last one stands alone in its line so far
    for field in fields:
        is_wide = field.is_wide or field.lines > 1
        if is_wide and is_open:
            found[-1] = (found[-1][0], True)
        is_open = not is_wide and not is_open
        found.append((field, is_wide))
    if is_open:
        found[-1] = (found[-1][0], True)
    return found
