"""Lines and bars of a report as SVG that carries its own ink: for the page, for print and for PDF.

    trend(points, days=(first, last), words=words)     a line over days with its limit and where it is going
    bar(share, mark)                                   one bar of a row; `mark`: the share of all up to it

Nothing needs colour: a limit is dashed, what is to come is dotted.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import pairwise
from math import floor, log10
from typing import NamedTuple

from markupsafe import Markup

from roundsman_collector.reports.document import Trend

WIDE, HIGH = 720, 190
LEFT, RIGHT, TOP, FOOT = 64, 20, 14, 24
"""The room around the field, in which the scales stand."""
INK, GREY, LINE, RED = "#16202b", "#4e5a66", "#c4ccd4", "#8f1710"
FONT = "Noto Sans CJK SC, Source Han Sans SC, PingFang SC, Microsoft YaHei, sans-serif"
STEPS = 4
BAR_HEIGHT = 11


class Words(NamedTuple):
    """What a line says: `heard` for who cannot see it, the limit, and the forecast, each with its number."""

    heard: str
    limit: str
    forecast: str


class _Field(NamedTuple):
    """From days and values to places."""

    first: date
    days: int
    low: float
    high: float

    def x(self, day: date) -> float:
        return LEFT + (WIDE - LEFT - RIGHT) * (day - self.first).days / self.days

    def y(self, value: float) -> float:
        return TOP + (HIGH - TOP - FOOT) * (self.high - value) / (self.high - self.low)


def trend(shown: Trend, words: Words) -> Markup:
    """A line over days. What is forecast further away than the line is long stands in words only."""
    known = [(day, value) for day, value in shown.points if value is not None]
    if not known:
        return Markup("")
    field = _field(shown, [value for _, value in known])
    drawn = "".join((*_scales(field), *_line(shown, field), *_ahead(shown, field, known[-1])))
    texts = Markup("").join(_texts(shown, field, words))
    return Markup(
        '<svg class="trend" role="img" aria-label="{heard}" viewBox="0 0 {wide} {high}" width="100%">'
        '<title>{heard}</title>{drawn}<g font-family="{font}" font-size="11" fill="{grey}">{texts}</g></svg>'
    ).format(heard=words.heard, wide=WIDE, high=HIGH, drawn=Markup(drawn), font=FONT, grey=GREY, texts=texts)


def _field(shown: Trend, values: Sequence[float]) -> _Field:
    first, last = shown.points[0][0], shown.points[-1][0]
    length = max(1, (last - first).days)
    if shown.forecast is not None and shown.limit is not None:
        length = min(max(length, (shown.forecast - first).days), 2 * length)
    held = [*values, *(() if shown.limit is None else (shown.limit,))]
    step = _step(max(held) - min(held) or abs(held[0]) or 1.0)
    return _Field(first, length, floor(min(held) / step) * step, (floor(max(held) / step) + 1) * step)


def _step(length: float) -> float:
    """A round number (1, 2 or 5 of a power of ten) of which some make the length."""
    rough = length / STEPS
    power = 10.0 ** floor(log10(rough))
    return next(step * power for step in (1.0, 2.0, 5.0, 10.0) if step * power >= rough)


def _ticks(field: _Field) -> Iterator[float]:
    step = _step(field.high - field.low)
    number = round((field.high - field.low) / step)
    yield from (field.low + place * step for place in range(number + 1))


def _scales(field: _Field) -> Iterator[str]:
    for value in _ticks(field):
        yield (f'<path d="M{LEFT} {field.y(value):.1f}H{WIDE - RIGHT}" stroke="{LINE}" stroke-width=".6" fill="none"/>')


def _line(shown: Trend, field: _Field) -> Iterator[str]:
    """Dots, joined where one day follows the other."""
    for (day, value), (next_day, next_value) in pairwise(shown.points):
        if value is not None and next_value is not None:
            yield (
                f'<path d="M{field.x(day):.1f} {field.y(value):.1f}L{field.x(next_day):.1f} {field.y(next_value):.1f}" '
                f'stroke="{INK}" stroke-width="1.6" fill="none"/>'
            )
    for day, value in shown.points:
        if value is not None:
            yield f'<circle cx="{field.x(day):.1f}" cy="{field.y(value):.1f}" r="1.9" fill="{INK}"/>'


def _ahead(shown: Trend, field: _Field, last: tuple[date, float]) -> Iterator[str]:
    if shown.limit is None:
        return
    y = field.y(shown.limit)
    yield f'<path d="M{LEFT} {y:.1f}H{WIDE - RIGHT}" stroke="{RED}" stroke-dasharray="7 3" fill="none"/>'
    if shown.forecast is not None and field.first < shown.forecast <= field.first + timedelta(days=field.days):
        x = field.x(shown.forecast)
        yield (
            f'<path d="M{field.x(last[0]):.1f} {field.y(last[1]):.1f}L{x:.1f} {y:.1f}V{HIGH - FOOT}" '
            f'stroke="{INK}" stroke-width="1.2" stroke-dasharray="1.5 3" fill="none"/>'
        )


def _texts(shown: Trend, field: _Field, words: Words) -> Iterator[Markup]:
    for value in _ticks(field):
        yield _text(LEFT - 6, field.y(value) + 4, "end", f"{value:,.6g}")
    last = field.first + timedelta(days=field.days)
    yield _text(LEFT, HIGH - 8, "start", field.first.isoformat())
    yield _text(WIDE - RIGHT, HIGH - 8, "end", last.isoformat())
    if shown.limit is not None:
        yield _text(WIDE - RIGHT - 4, field.y(shown.limit) - 4, "end", words.limit)
    if words.forecast:
        yield _text((LEFT + WIDE - RIGHT) / 2, HIGH - 8, "middle", words.forecast)


def _text(x: float, y: float, anchor: str, text: str) -> Markup:
    return Markup('<text x="{}" y="{}" text-anchor="{}">{}</text>').format(f"{x:.1f}", f"{y:.1f}", anchor, text)


def bar(share: float, mark: float | None = None) -> Markup:
    """A bar over `share` of its place; `mark`: a line where all up to it end."""
    drawn = f'<rect x="0" y="1" width="{100 * share:.2f}%" height="{BAR_HEIGHT - 2}" fill="#5b6b7b"/>'
    if mark is not None:
        drawn += f'<rect x="{100 * mark - 0.5:.2f}%" y="0" width="1%" height="{BAR_HEIGHT}" fill="{RED}"/>'
    return Markup(
        '<svg class="bar" aria-hidden="true" width="100%" height="{}">{}</svg>'  # its words stand beside it
    ).format(BAR_HEIGHT, Markup(drawn))
