"""What a printed form is made of, and what it lacks. Pure.

    Document(form="work_order", number="2026-000007-W1", title=..., parts=(Facts(...), Table(...), Signatures(...)))
    missing(document) -> (Label(zh="到场时间", en="arrived"), ...)

A field has a value or is a line to fill in by hand. A field that `is_needed` and has none is missing: nothing may be
left out (不得遗漏任何一项). Where there is nothing to say, people say so: 无, none.

A value is a text as somebody wrote it, a label in both languages, or something that is set in type later: a time, a
reading, a part of a device. A tuple is several of them on one line.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

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


Piece = str | Label | At | Span | Reading | ReadingName | Component
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
    """Rows; `blanks`: empty ones to fill in by hand, where there are none. `widths`: of the columns, in percent."""

    columns: tuple[Label, ...]
    rows: tuple[tuple[Value, ...], ...]
    title: Label | None = None
    blanks: int = 2
    widths: tuple[int, ...] = ()
    none: Label | None = None
    """What is said where there are no rows and there will be none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Signature:
    """Where somebody signs. `picture`: the id of the file that holds what was drawn."""

    label: Label
    name: str = ""
    at_ms: int | None = None
    picture: str = ""
    is_needed: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Signatures:
    """Who signs, beside each other."""

    signers: tuple[Signature, ...]


Part = Facts | Table | Signatures
Shape = Literal["portrait", "landscape"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """A form as it is printed. `copies`: a page for each of them, marked; empty: one, without a mark.

    `mark`: one word across it, such as 作废. `note`: small print at its foot.
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


def pieces_of(value: Value) -> tuple[Piece, ...]:
    """The pieces of a value: one, several, or none. (A time is a tuple, too, but one piece.)"""
    if value is None:
        return ()
    if isinstance(value, str | Label | At | Span | Reading | ReadingName | Component):
        return (value,)
    return value


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
            case Table():
                pass
