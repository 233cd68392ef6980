"""The parts of a document as templates/forms/part.html shows them, a dict with its `kind` for each."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Any, assert_never

from markupsafe import Markup

from roundsman_collector.reports.document import (
    Bar,
    Bars,
    Document,
    Facts,
    Field,
    Found,
    Heading,
    Notes,
    Part,
    Shape,
    Signature,
    Signatures,
    Strips,
    Table,
    Text,
    Trend,
    Value,
    is_figure,
    is_said,
)
from roundsman_collector.web import charts
from roundsman_collector.web.columns import LOOKED_AT, widths
from roundsman_collector.web.drawing import paper_svg
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.setting import Setting
from roundsman_collector.web.strip import CLOSED, WORST_FIRST, Stretch, StripState, pieces
from roundsman_collector.web.words import N_

STRIP_HEIGHT = 16
LEGEND_HEIGHT = 10
AXIS = 5
FEW_FIGURES = 4
LEGEND: Mapping[StripState, str] = {
    "up": N_("normal"),
    "warning": N_("fault, in use"),
    "down": N_("down"),
    "maintenance": N_("excluded"),
    "unknown": N_("unknown"),
}
Shown = dict[str, Any]
Pictures = Mapping[str, str]
"""File id -> what an <img> shows."""


def parts_of(document: Document, saying: Saying, pictures: Pictures) -> list[Shown]:
    """Every part of a document."""
    setting = Setting(document, saying)
    return [_part(part, place, setting, document, pictures) for place, part in enumerate(document.parts)]


def _part(part: Part, place: int, setting: Setting, document: Document, pictures: Pictures) -> Shown:
    match part:
        case Facts():
            return _facts(part, setting)
        case Table():
            return _table(part, setting, document)
        case Heading():
            return {"kind": "heading", "text": setting.label(part.label), "level": part.level}
        case Text():
            return {
                "kind": "text",
                "title": setting.label(part.title),
                "paragraphs": [setting.paragraph(one) for one in part.paragraphs],
            }
        case Notes():
            return {
                "kind": "notes",
                "title": setting.label(part.title),
                "entries": [setting.paragraph(one) for one in part.entries],
            }
        case Strips():
            return _strips(part, f"s{place}", setting, document)
        case Trend():
            return _trend(part, setting)
        case Bars():
            return _bars(part, setting)
        case Signatures():
            return {"kind": "signatures", "signers": [_signer(one, setting, pictures) for one in part.signers]}
        case _:
            assert_never(part)


def _facts(part: Facts, setting: Setting) -> Shown:
    return {
        "kind": "facts",
        "title": setting.label(part.title),
        "fields": [
            {
                "label": setting.label(field.label),
                "value": setting.html(field.value),
                "is_wide": is_wide,
                "lines": field.lines,
            }
            for field, is_wide in spread(part.fields)
        ],
    }


def spread(fields: Iterable[Field]) -> list[tuple[Field, bool]]:
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


def _table(part: Table, setting: Setting, document: Document) -> Shown:
    none = "" if part.none is None or part.rows else setting.label(part.none)
    columns = [setting.label(one) for one in part.columns]
    rows = [[setting.html(cell) for cell in row] for row in part.rows]
    return {
        "kind": "table",
        "title": setting.label(part.title),
        "columns": columns,
        "figures": _figures(part.rows, len(part.columns)),
        "widths": _widths(part, columns, rows, document.shape) if document.layout == "report" else part.widths,
        "rows": rows,
        "total": [setting.html(cell) for cell in part.total],
        "blanks": 0 if part.rows or none else part.blanks,
        "none": none,
        "cut": _cut(len(part.rows), part.whole, setting.saying),
    }


def _widths(part: Table, columns: list[str], rows: list[list[Markup]], shape: Shape) -> tuple[int, ...]:
    told = [[cell.striptags() for cell in row] for row in rows[:LOOKED_AT]]
    return widths(columns, told, shape, _whole(part))


def _whole(part: Table) -> set[int]:
    """The columns that hold nothing but figures and verdicts: neither is broken."""
    return {
        place
        for place in range(len(part.columns))
        if all(
            is_figure(row[place]) or isinstance(row[place], Found)
            for row in part.rows
            if place < len(row) and is_said(row[place])
        )
    }


def _figures(rows: Iterable[tuple[Value, ...]], columns: int) -> list[bool]:
    """Which columns hold nothing but figures."""
    held = [[row[place] for row in rows if place < len(row) and is_said(row[place])] for place in range(columns)]
    return [bool(cells) and all(is_figure(cell) for cell in cells) for cells in held]


def _cut(shown: int, whole: int | None, saying: Saying) -> str:
    """What is said where rows were left out."""
    if whole is None or whole <= shown:
        return ""
    return saying(
        "%(shown)s of %(whole)s rows; all of them are in the workbook.",
        shown=saying.count(shown),
        whole=saying.count(whole),
    )


def _strips(part: Strips, key: str, setting: Setting, document: Document) -> Shown:
    window = (part.from_ms, part.to_ms)
    known_ms = min(part.to_ms, document.known_ms)
    states = {state for row in part.rows for state, _, _ in row.stretches} | {"unknown"}
    return {
        "kind": "strips",
        "title": setting.label(part.title),
        "columns": [setting.label(one) for one in part.columns],
        "widths": _strip_widths(len(part.columns)),
        "rows": [
            {
                "name": setting.text(row.name),
                "strip": paper_svg(
                    pieces(_stretches(row.stretches), window, known_ms),
                    height=STRIP_HEIGHT,
                    text=setting.text(row.name),
                    key=f"{key}-{place}",
                ),
                "figures": [setting.html(one) for one in row.figures],
            }
            for place, row in enumerate(part.rows)
        ],
        "axis": [
            setting.when.minute(window[0] + (window[1] - window[0]) * step // (AXIS - 1))[:10] for step in range(AXIS)
        ],
        "legend": [
            {
                "word": setting.saying(word),
                "strip": paper_svg(
                    pieces((Stretch(0, 1, state),), (0, 1), 1),
                    height=LEGEND_HEIGHT,
                    text=setting.saying(word),
                    key=f"{key}-{state}",
                ),
            }
            for state, word in LEGEND.items()
            if state in states
        ],
        "cut": _cut(len(part.rows), part.whole, setting.saying),
    }


def _strip_widths(figures: int) -> tuple[int, ...]:
    """Names, strips, and a little for each figure."""
    name, figure = (28, 10) if figures < FEW_FIGURES else (22, 8)
    return (name, 100 - name - figure * figures, *(figure for _ in range(figures)))


def _stretches(told: Iterable[tuple[str, int, int]]) -> Iterator[Stretch]:
    for name, from_ms, to_ms in told:
        state = next((one for one in (*WORST_FIRST, CLOSED) if one == name), None)
        if state is None:
            raise ValueError(f"a strip has the state {name!r}: expected one of {(*WORST_FIRST, CLOSED)}")
        yield Stretch(from_ms, to_ms, state)


def _trend(part: Trend, setting: Setting) -> Shown:
    saying, unit = setting.saying, setting.unit(part.unit)
    title = setting.label(part.title)
    limit = "" if part.limit is None else saying("limit %(limit)s", limit=f"{part.limit:,.6g} {unit}".rstrip())
    forecast = "" if part.forecast is None else saying("reached about %(day)s", day=part.forecast.isoformat())
    known = [value for _, value in part.points if value is not None]
    heard = saying.listed(
        one
        for one in (title, *(f"{value:,.6g} {unit}".rstrip() for value in known[:1] + known[1:][-1:]), limit, forecast)
        if one
    )
    return {
        "kind": "trend",
        "title": f"{title}{saying.aside(unit)}" if unit else title,
        "chart": charts.trend(part, charts.Words(heard, limit, forecast)),
        "none": "" if known else saying("No values."),
    }


def _bars(part: Bars, setting: Setting) -> Shown:
    rows = pareto(part)
    most = max((row.value for row, _ in rows), default=0) or 1
    return {
        "kind": "bars",
        "title": setting.label(part.title),
        "is_pareto": part.is_pareto,
        "rows": [
            {
                "label": setting.text(row.label),
                "bar": charts.bar(max(0.0, row.value) / most, upto if part.is_pareto else None),
                "words": setting.text(row.words),
                "upto": f"{100 * upto:.1f}%",
            }
            for row, upto in rows
        ],
    }


def pareto(part: Bars) -> list[tuple[Bar, float]]:
    """The bars in their order, each with the share of all up to it, from 0 to 1."""
    rows = sorted(part.rows, key=lambda row: -row.value) if part.is_pareto else list(part.rows)
    whole = sum(row.value for row in rows) or 1
    return list(zip(rows, (total / whole for total in accumulate(row.value for row in rows)), strict=True))


def _signer(one: Signature, setting: Setting, pictures: Pictures) -> Shown:
    return {
        "label": setting.label(one.label),
        "name": one.name,
        "at": "" if one.at_ms is None else setting.when.minute(one.at_ms),
        "picture": pictures.get(one.picture, ""),
        "has_stamp": one.has_stamp,
    }
