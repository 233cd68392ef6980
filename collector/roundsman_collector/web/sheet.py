"""A document of reports/ on paper: what forms/sheet.html shows. Forms have a page for each copy, reports flow; A4.

    sheet(document, company, saying, pictures)          what the template needs, in the reader's language
    sheet_file(document, company, saying, pictures)     the whole page as one file, style and signatures included

Signatures are part of the page (`data:`), so that it can be saved, mailed and printed without the server. What is empty
is a line to fill in by hand. It reads in black and white.
"""

from typing import Any

from markupsafe import Markup

from roundsman_collector.reports.cutting import cut
from roundsman_collector.reports.document import Document, Facts, Heading, Part, Table, missing
from roundsman_collector.reports.dossier import Company
from roundsman_collector.web.letterhead import letterhead
from roundsman_collector.web.page import STATIC, environment
from roundsman_collector.web.parts_shown import Pictures, parts_of, spread
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.setting import Setting

__all__ = ["Pictures", "sheet", "sheet_file"]

DENSE = ("work_order", "register")
"""Forms that need the whole page for what is known."""
FEW = 4
"""One that lacks more than this is filled in by hand, and gets room for it,"""
LONG = 40
"""... unless it has more lines than this: then it is set tighter, to stay on its page."""
MANY = 12
"""Rows in its tables beyond which a form is set tighter, to stay on its page."""
COUNTED = ("一", "二", "三", "四")
STYLES = ("print.css", "forms.css", "report.css")


def sheet(document: Document, company: Company, saying: Saying, pictures: Pictures) -> dict[str, Any]:
    """What the page shows: of long details the first rows."""
    document = cut(document)
    setting = Setting(document, saying)
    head = {
        "company": setting.label(company.name),
        "service_phone": company.service_phone,
        "supervision_phone": company.supervision_phone,
        "title": setting.label(document.title),
        "number": document.number,
        "period": setting.label(document.period),
        "state": setting.label(document.state),
        "known": setting.when.minute(document.known_ms),
        "zone": setting.zone,
    }
    is_by_hand, is_long = document.form not in DENSE or len(missing(document)) > FEW, _lines(document) > LONG
    return {
        **head,
        "say": saying,
        "own": letterhead(company.letterhead, {**head, "language": saying.language, "form": document.form}),
        "layout": document.layout,
        "shape": document.shape,
        "copies": _copies(document, setting),
        "mark": setting.label(document.mark),
        "note": setting.label(document.note),
        "revision": document.revision,
        "parts": parts_of(document, saying, pictures),
        "has_headings": any(isinstance(part, Heading) for part in document.parts),
        "missing": [setting.label(one) for one in missing(document)],
        "is_roomy": is_by_hand and not is_long,
        "is_tight": document.shape == "portrait" and (_rows(document) > MANY or (is_by_hand and is_long)),
    }


def sheet_file(document: Document, company: Company, saying: Saying, pictures: Pictures) -> str:
    """The page as one file that needs nothing beside it."""
    style = Markup("\n".join((STATIC / name).read_text("utf-8") for name in STYLES))
    shown = sheet(document, company, saying, pictures)
    return environment(saying.language).get_template("forms/sheet.html").render(**shown, inlined=style, back=None)


def _copies(document: Document, setting: Setting) -> list[str]:
    """`第一联 客户联`; one without a mark where there are none."""
    zh = setting.saying.language == "zh"
    marks = [
        f"第{COUNTED[place]}联 {setting.label(one)}" if zh else f"{place + 1}. {setting.label(one)}"
        for place, one in enumerate(document.copies)
    ]
    return marks or [""]


def _lines(document: Document) -> float:
    """How long it is on paper, in lines of one field, about."""
    return sum(_length(part) for part in document.parts)


def _length(part: Part) -> float:
    match part:
        case Facts():
            return 1 + sum(
                (1 if is_wide else 0.5) * (0.3 + 0.7 * field.lines) for field, is_wide in spread(part.fields)
            )
        case Table():
            return 2 + (len(part.rows) or part.blanks)
        case _:
            return 0


def _rows(document: Document) -> int:
    return sum(len(part.rows) for part in document.parts if isinstance(part, Table))
