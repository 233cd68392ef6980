"""What a printed form or a report is made of, and what it lacks. Pure.

    Document(form="work_order", number="2026-000007-W1", title=..., parts=(Facts(...), Table(...), Signatures(...)))
    missing(document) -> (Label(zh="到场时间", en="arrived"), ...)

One document is a page, a print and a workbook (web/sheet.py, web/workbook.py): no number is written twice. A *form*
is a page that people fill in, a *report* flows over as many pages as it needs, each with its number on it.

A field has a value or is a line to fill in by hand. A field that `is_needed` and has none is missing: nothing may be
left out (不得遗漏任何一项). Where there is nothing to say, people say so: 无, none.

A value is a text as somebody wrote it, a label in both languages, or something that is set in type later: a time, a
reading, a number, a part of a device. A tuple is several of them on one line.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any, Literal, NamedTuple

from roundsman_collector.core.inspection import Verdict
from roundsman_wire.catalogue import Label


class At(NamedTuple):
    """A time, told on the site's clock to the minute."""

    ms: int


class Span(NamedTuple):
    """How long."""

    ms: int


class Reading(NamedTuple):
    """A reading as the catalogue names it."""

    name: str
    value: Any


class ReadingName(NamedTuple):
    """The name alone."""

    name: str


class Component(NamedTuple):
    """A part of a device: `printer`, `disk[/]`."""

    name: str


class Count(NamedTuple):
    """How many: `Count(3, Label(zh="台", en="devices"))`."""

    n: int
    unit: Label | None = None


class Number(NamedTuple):
    """A number with so many digits behind the point; `unit`: one of the catalogue's, or a sign as it is written."""

    value: float
    unit: str = ""
    digits: int = 1


class Share(NamedTuple):
    """`part` of `whole` in percent. Never rounded up to 100 nor down to 0; a dash where there is nothing to share."""

    part: Fraction | float | None
    whole: Fraction | float = 1
    digits: int = 2

    @property
    def fraction(self) -> Fraction | None:
        """From 0 to 1; None: nobody knows, or nothing was to be counted."""
        return None if self.part is None or not self.whole else Fraction(self.part) / Fraction(self.whole)


class Day(NamedTuple):
    """A day of the calendar."""

    day: date


class Found(NamedTuple):
    """What an inspection found: a sign and a word."""

    verdict: Verdict


class Phrase(NamedTuple):
    """A sentence with values in it: `Phrase(Label(zh="共 {0} 起，余 {1} 起", en="{0} faults, {1} left"), (…, …))`."""

    text: Label
    values: "tuple[Piece, ...]"


Figure = Count | Number | Share | Span
Piece = str | Label | At | Day | Figure | Reading | ReadingName | Component | Found | Phrase
Value = Piece | tuple[Piece, ...] | None
"""None, an empty text or an empty tuple: nobody has said it yet."""
NONE = Label(zh="无", en="none")


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """A line of a form. `lines`: how much room it has on paper, at least; more than one takes the whole width."""

    label: Label
    value: Value = None
    is_needed: bool = False
    is_wide: bool = False
    lines: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """Fields, two beside each other."""

    fields: tuple[Field, ...]
    title: Label | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Rows; `blanks`: empty ones to fill in by hand, where there are none. `widths`: of a form's columns, in
    percent; a report's are found by what stands in them.

    `is_detail`: of very many rows paper shows the first (cutting.py), the workbook all. `whole`: how many there are,
    where some were left out.
    """

    columns: tuple[Label, ...]
    rows: tuple[tuple[Value, ...], ...]
    title: Label | None = None
    blanks: int = 2
    widths: tuple[int, ...] = ()
    none: Label | None = None
    """What is said where there are no rows and there will be none."""
    total: tuple[Value, ...] = ()
    """The row below, under a line."""
    is_detail: bool = False
    whole: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Heading:
    """The name of what follows; level 1 above level 2."""

    label: Label
    level: Literal[1, 2] = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Text:
    """Paragraphs. Line breaks within one stay."""

    paragraphs: tuple[Value, ...]
    title: Label | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Notes:
    """Small print, numbered: how the numbers above came to be."""

    entries: tuple[Value, ...]
    title: Label | None = None


class StripRow(NamedTuple):
    """What was the matter with one thing: (state, from_ms, to_ms), with the states of web/strip.py.

    What no stretch speaks of is unknown; `closed` does not count and is not drawn.
    """

    name: Value
    stretches: tuple[tuple[str, int, int], ...]
    figures: tuple[Value, ...] = ()
    """What stands behind the strip, under `Strips.columns`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Strips:
    """The uptime of some things over [from_ms, to_ms), each a strip. `is_detail` and `whole` as in a table."""

    rows: tuple[StripRow, ...]
    from_ms: int
    to_ms: int
    title: Label | None = None
    columns: tuple[Label, ...] = ()
    is_detail: bool = True
    whole: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Trend:
    """A line over days, where it must not go (`limit`), and the day on which it would (`forecast`).

    A point without a value is a hole in the line. `unit` as in Number.
    """

    title: Label
    points: tuple[tuple[date, float | None], ...]
    unit: str = ""
    limit: float | None = None
    forecast: date | None = None


class Bar(NamedTuple):
    """A bar as long as its value; `words` stand behind it."""

    label: Value
    value: float
    words: Value = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Bars:
    """Bars below each other; `is_pareto`: the longest first, each with the share of all up to it."""

    rows: tuple[Bar, ...]
    title: Label | None = None
    is_pareto: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Signature:
    """Where somebody signs. `picture`: the id of the file that holds what was drawn. `has_stamp`: room for a seal."""

    label: Label
    name: str = ""
    at_ms: int | None = None
    picture: str = ""
    is_needed: bool = False
    has_stamp: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Signatures:
    """Who signs, beside each other."""

    signers: tuple[Signature, ...]


Part = Facts | Table | Heading | Text | Notes | Strips | Trend | Bars | Signatures
Shape = Literal["portrait", "landscape"]
Layout = Literal["form", "report"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """A form or a report as it is printed. `copies`: a page for each of them, marked; empty: one, without a mark.

    `mark`: one word across it, such as 作废. `note`: small print at its foot. `period`, `revision` (from 1) and `state`
    (临时, 终稿, 已签发) stand in the head of a report.
    """

    form: str
    number: str
    title: Label
    parts: tuple[Part, ...]
    time_zone: str
    known_ms: int
    copies: tuple[Label, ...] = ()
    mark: Label | None = None
    note: Label | None = None
    shape: Shape = "portrait"
    layout: Layout = "form"
    period: Label | None = None
    revision: int | None = None
    state: Label | None = None


def pieces_of(value: Value) -> tuple[Piece, ...]:
    """The pieces of a value: one, several, or none. (A time is a tuple, too, but one piece.)"""
    if value is None:
        return ()
    return (value,) if isinstance(value, Piece) else value


def is_figure(value: Value) -> bool:
    """Whether a value is a single figure: those of a column stand below each other."""
    return isinstance(value, Figure)


def is_said(value: Value) -> bool:
    """Whether a field has a value. Blanks are none."""
    return any(not isinstance(piece, str) or bool(piece.strip()) for piece in pieces_of(value))


def missing(document: Document) -> tuple[Label, ...]:
    """What the form needs and nobody has said yet, in the order of the form."""
    return tuple(_missing(document))


def _missing(document: Document) -> Iterator[Label]:
    for part in document.parts:
        match part:
            case Facts(fields=fields):
                yield from (field.label for field in fields if field.is_needed and not is_said(field.value))
            case Signatures(signers=signers):
                yield from (one.label for one in signers if one.is_needed and not (one.picture or one.at_ms))
            case _:
                pass
