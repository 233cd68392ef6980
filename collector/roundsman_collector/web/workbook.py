"""A document of reports/ as a workbook: whatever is a table there is a sheet here, with all of its rows.

    workbook(document, company, saying) -> IO[bytes]       XLSX, from its beginning; close it

The first sheet holds the head, facts, texts and notes in the order of the document. Figures are numbers, days and times
are those of the calendar (of the site's clock), durations add up; texts stay texts, whatever they begin with. The same
document makes the same bytes.
"""

import math
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import IO, Any, NamedTuple
from zoneinfo import ZoneInfo

from roundsman_collector.api import telling
from roundsman_collector.reports.document import (
    At,
    Bars,
    Count,
    Day,
    Document,
    Facts,
    Heading,
    Notes,
    Number,
    Reading,
    Share,
    Signatures,
    Span,
    Strips,
    Table,
    Text,
    Trend,
    Value,
)
from roundsman_collector.reports.dossier import Company
from roundsman_collector.web.columns import length
from roundsman_collector.web.parts_shown import LEGEND, pareto
from roundsman_collector.web.saying import EPOCH, Saying
from roundsman_collector.web.setting import Setting
from roundsman_collector.web.words import N_

IN_MEMORY = 4 * 1024 * 1024
NAME_LIMIT, FORBIDDEN = 31, "[]:*?/\\'"
"""What a workbook allows as the name of a sheet."""
TEXT_LIMIT = 32_767
"""Characters of a cell."""
ROWS_LIMIT = 1_000_000
"""Rows of a sheet, at most; what is more stands on the next one."""
FINEST = 12
"""Digits of a share, at most."""
DAY_MS = 86_400_000
WIDTHS = (10, 60)
SAMPLE = 200
"""Rows by which a column's width is judged."""
SPAN_FORMAT, DAY_FORMAT, TIME_FORMAT = "[h]:mm:ss", "yyyy-mm-dd", "yyyy-mm-dd hh:mm:ss"
ANNEX = N_("%(title)s: stretches")
LINES, BARS, STRIPS, TABLE = N_("Trend"), N_("Chart"), N_("Uptime"), N_("Table")


class Cell(NamedTuple):
    """A value as a spreadsheet holds it, and how it is shown."""

    value: str | float | datetime | date | None
    form: str = ""


class Sheet(NamedTuple):
    """A table of the workbook."""

    title: str
    head: tuple[str, ...]
    rows: Sequence[tuple[Cell, ...]]
    total: tuple[Cell, ...] = ()


def workbook(document: Document, company: Company, saying: Saying) -> IO[bytes]:
    """The workbook in the reader's language."""
    import xlsxwriter  # type: ignore[import-untyped]

    setting = Setting(document, saying)
    body = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115  whoever asked closes it
    with xlsxwriter.Workbook(body, {"constant_memory": True, "strings_to_formulas": False}) as book:
        book.set_properties({"title": setting.label(document.title), "created": _local(document.known_ms, "UTC")})
        writing = _Writing(book, f"{document.number} · {setting.zone}")
        writing.summary(setting.saying(N_("Summary")), list(_summary(document, company, setting)))
        for part in document.parts:
            for sheet in _sheets(part, setting):
                writing.table(sheet)
    body.seek(0)
    return body


# --- what stands in it -----------------------------------------------------------------------------------------------


def cell(value: Value, setting: Setting) -> Cell:
    """A value as a number, a day or a time where it is one; else as the text that the page has."""
    match value:
        case Count(n=n, unit=unit):
            return Cell(n, _number_format(0, setting.label(unit)))
        case Number(value=number, unit=unit, digits=digits) if math.isfinite(number):
            return Cell(number, _number_format(digits, setting.unit(unit)))
        case Share() if value.fraction is not None:
            return Cell(float(value.fraction), _share_format(value))
        case Span(ms=ms):
            return Cell(ms / DAY_MS, SPAN_FORMAT)
        case Day(day=day):
            return Cell(day, DAY_FORMAT)
        case At(ms=ms) if (local := _local(ms, setting.when.zone)) is not None:
            return Cell(local, TIME_FORMAT)
        case Reading(name=name, value=int() | float() as number) if not isinstance(number, bool):
            return _reading(name, number, setting)
        case _:
            return Cell(setting.text(value) or None)


def _reading(name: str, number: float, setting: Setting) -> Cell:
    told = telling.reading(name, number)
    unit = str(told["unit"])
    if isinstance(told["value"], str) or unit in ("seconds", "bytes") or not math.isfinite(number):
        return Cell(setting.text(Reading(name, number)))
    return Cell(number, _number_format(None, setting.unit(unit)))


def _number_format(digits: int | None, unit: str) -> str:
    """Thousands apart, so many digits, and the unit behind it; None: as many digits as there are."""
    shown = "General" if digits is None else f"#,##0.{'0' * digits}" if digits else "#,##0"
    quoted = unit.replace('"', "")
    return f'{shown}" {quoted}"' if quoted else shown


def _share_format(share: Share) -> str:
    """As many digits as it takes not to show 100 % or 0 % where it is not."""
    found = float(share.fraction or 0)
    digits = share.digits
    while 0 < found < 1 and digits < FINEST and f"{100 * found:.{digits}f}" in (f"{100:.{digits}f}", f"{0:.{digits}f}"):
        digits += 1
    return f"0.{'0' * digits}%" if digits else "0%"


def _local(ms: int, zone: str) -> datetime | None:
    """A time on a clock, as spreadsheets know it: without a zone, and not before 1900."""
    try:
        local = (EPOCH + timedelta(milliseconds=ms)).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    except OverflowError:
        return None
    return local if local.year >= 1900 else None


def _summary(document: Document, company: Company, setting: Setting) -> Iterator[tuple[Cell, ...]]:
    """Lines of one text, or of a name and a value."""
    said = setting.saying
    yield (Cell(setting.label(document.title), "title"),)
    if setting.label(company.name):
        yield (Cell(setting.label(company.name)),)
    for name, text in (
        (N_("Report number"), document.number),
        (N_("Period reported on"), setting.label(document.period)),
        (N_("Revision"), "" if document.revision is None else str(document.revision)),
        (N_("State"), setting.label(document.state)),
    ):
        if text:
            yield Cell(said(name)), Cell(text)
    yield Cell(said(N_("Data known at"))), cell(At(document.known_ms), setting)
    yield Cell(said(N_("Times"))), Cell(setting.zone)
    for part in document.parts:
        yield from _lines(part, setting)
    if document.note is not None:
        yield (Cell(setting.label(document.note)),)


def _lines(part: object, setting: Setting) -> Iterator[tuple[Cell, ...]]:
    match part:
        case Heading(label=label):
            yield ()
            yield (Cell(setting.label(label), "title"),)
        case Facts(fields=fields, title=title):
            yield from _titled(setting.label(title))
            yield from ((Cell(setting.label(one.label)), cell(one.value, setting)) for one in fields)
        case Text(paragraphs=texts, title=title) | Notes(entries=texts, title=title):
            yield from _titled(setting.label(title))
            yield from ((Cell(setting.paragraph(one)),) for one in texts)
        case Signatures(signers=signers):
            yield ()
            for one in signers:
                at = Cell(None) if one.at_ms is None else cell(At(one.at_ms), setting)
                yield Cell(setting.label(one.label)), Cell(one.name or None), at
        case Trend() as trend:
            yield from _titled(setting.label(trend.title))
            if trend.limit is not None:
                yield Cell(setting.saying(N_("Limit"))), cell(Number(trend.limit, trend.unit, 2), setting)
            if trend.forecast is not None:
                yield Cell(setting.saying(N_("Limit is reached about"))), cell(Day(trend.forecast), setting)
        case _:
            pass


def _titled(title: str) -> Iterator[tuple[Cell, ...]]:
    yield ()
    if title:
        yield (Cell(title, "title"),)


def _sheets(part: object, setting: Setting) -> Iterator[Sheet]:
    said = setting.saying
    match part:
        case Table():
            yield Sheet(
                setting.label(part.title) or said(TABLE),
                tuple(setting.label(one) for one in part.columns),
                [tuple(cell(one, setting) for one in row) for row in part.rows],
                tuple(cell(one, setting) for one in part.total),
            )
        case Strips():
            yield from _strip_sheets(part, setting)
        case Trend():
            unit = setting.unit(part.unit)
            name = f"{said(N_('Value'))}{said.aside(unit)}" if unit else said(N_("Figure"))
            rows = [(Cell(day, DAY_FORMAT), Cell(value)) for day, value in part.points]
            yield Sheet(setting.label(part.title), (said(N_("Day")), name), rows)
        case Bars():
            yield Sheet(
                setting.label(part.title) or said(BARS),
                (said(N_("Name")), said(N_("Figure")), said(N_("Words")), said(N_("up to here"))),
                [
                    (Cell(setting.text(row.label)), Cell(row.value), cell(row.words, setting), Cell(upto, "0.0%"))
                    for row, upto in pareto(part)
                ],
            )
        case _:
            pass


def _strip_sheets(part: Strips, setting: Setting) -> Iterator[Sheet]:
    said, title = setting.saying, setting.label(part.title) or setting.saying(STRIPS)
    if part.columns:
        yield Sheet(
            title,
            (said(N_("Name")), *(setting.label(one) for one in part.columns)),
            [(Cell(setting.text(row.name)), *(cell(one, setting) for one in row.figures)) for row in part.rows],
        )
    words: dict[str, str] = {state: said(word) for state, word in LEGEND.items()}
    yield Sheet(
        said(ANNEX, title=title),
        (said(N_("Name")), said(N_("State")), said(N_("From")), said(N_("To")), said(N_("Lasted"))),
        [
            (
                Cell(setting.text(row.name)),
                Cell(words.get(state, state)),
                cell(At(from_ms), setting),
                cell(At(to_ms), setting),
                cell(Span(to_ms - from_ms), setting),
            )
            for row in part.rows
            for state, from_ms, to_ms in row.stretches
        ],
    )


# --- how it is written -----------------------------------------------------------------------------------------------


class _Writing:
    """Sheets of one workbook, each with a name of its own."""

    def __init__(self, book: Any, foot: str) -> None:
        self.book = book
        self.foot = foot.replace("&", "&&")[:200]
        self.names: set[str] = set()
        self.forms: dict[str, Any] = {}
        self.head = book.add_format({"bold": True, "bg_color": "#E8EEF7", "border": 1, "text_wrap": True})
        self.forms["title"] = book.add_format({"bold": True, "font_size": 13})

    def summary(self, name: str, lines: Iterable[tuple[Cell, ...]]) -> None:
        sheet = self._sheet(name)
        sheet.set_column(0, 0, 24)
        sheet.set_column(1, 2, 36)
        for number, line in enumerate(lines):
            self._row(sheet, number, line)

    def table(self, told: Sheet) -> None:
        """A sheet; another one where there are more rows than one can hold."""
        for first in range(0, max(1, len(told.rows)), ROWS_LIMIT):
            rows = told.rows[first : first + ROWS_LIMIT]
            sheet = self._sheet(told.title)
            sheet.freeze_panes(1, 0)
            sheet.repeat_rows(0)
            for column, text in enumerate(told.head):
                shown = [row[column] for row in rows[:SAMPLE] if column < len(row)]
                sheet.set_column(column, column, _width(text, shown))
                sheet.write_string(0, column, text, self.head)
            for number, row in enumerate(rows, 1):
                self._row(sheet, number, row)
            if rows:
                sheet.autofilter(0, 0, len(rows), len(told.head) - 1)
            if told.total and first + ROWS_LIMIT >= len(told.rows):
                self._row(sheet, len(rows) + 1, told.total)

    def _sheet(self, title: str) -> Any:
        sheet = self.book.add_worksheet(self._name(title))
        sheet.set_paper(9)  # A4
        sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
        sheet.set_footer(f"&L{self.foot}&R&P / &N")
        return sheet

    def _name(self, title: str) -> str:
        """A name that a workbook allows, and that no other sheet has; case does not tell two apart."""
        plain = "".join(" " if one in FORBIDDEN or ord(one) < 32 else one for one in title)
        plain = " ".join(plain.split()) or "-"
        number, name = 1, plain[:NAME_LIMIT].strip()
        while name.lower() in self.names or name.lower() == "history":
            number += 1
            end = f" ({number})"
            name = plain[: NAME_LIMIT - len(end)].strip() + end
        self.names.add(name.lower())
        return name

    def _row(self, sheet: Any, number: int, row: Iterable[Cell]) -> None:
        for column, (value, form) in enumerate(row):
            shown = self._form(form)
            match value:
                case None:
                    pass
                case str():
                    sheet.write_string(number, column, value[:TEXT_LIMIT], shown)
                case datetime() | date():
                    sheet.write_datetime(number, column, value, shown)
                case _:
                    sheet.write_number(number, column, value, shown)

    def _form(self, form: str) -> Any:
        if form and form not in self.forms:
            self.forms[form] = self.book.add_format({"num_format": form})
        return self.forms.get(form)


def _width(head: str, column: Iterable[Cell]) -> int:
    """Room for what stands in a column, Chinese counted twice."""
    texts = [head, *(one.value if isinstance(one.value, str) else one.form for one in column)]
    longest = max(map(length, texts))
    return max(WIDTHS[0], min(WIDTHS[1], longest + 2))
