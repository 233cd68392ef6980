"""What the statistics report of a contract or a customer is made of, section by section (statistics.py). Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import NamedTuple

from roundsman_collector.core.judgements import Ratings
from roundsman_collector.core.kept import Kept
from roundsman_collector.core.reckoning import Reckoned
from roundsman_collector.reports.document import Value
from roundsman_collector.reports.head import Head
from roundsman_wire.catalogue import Label


@dataclass(frozen=True, kw_only=True, slots=True)
class Named:
    """A site or a device, with its time. `id`: of a device."""

    name: Label
    reckoned: Reckoned
    id: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Running:
    """Section one. `before`: the period before, None where nothing of it is known; `below`: how many devices were less
    than was promised (`is_below`), the worst among them."""

    whole: Reckoned
    before: Reckoned | None
    months: tuple[tuple[str, Reckoned], ...]
    sites: tuple[Named, ...]
    worst: tuple[Named, ...]
    below: int
    target_percent: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranked:
    """So many faults of one kind, or pieces of one part: of all, and with all rows before it."""

    name: Value
    amount: int
    share: Fraction
    running: Fraction


@dataclass(frozen=True, kw_only=True, slots=True)
class Warned:
    """A warning of what came again and again: how strong, what, of which device or model, how often. `root`: what is at
    its root, as far as anybody has found."""

    level: Label
    what: Label
    where: Label
    faults: int
    root: Label | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Faults:
    """Sections two and three. `before`: how many in the period before; `left_out`: why, and how many."""

    count: int
    before: int
    by_class: tuple[Ranked, ...]
    by_component: tuple[Ranked, ...]
    by_cause: tuple[Ranked, ...]
    by_fault: tuple[Ranked, ...]
    by_model: tuple[Ranked, ...]
    done: tuple[Ranked, ...]
    parts: tuple[Ranked, ...]
    left_out: tuple[tuple[Label, int], ...]
    warned: tuple[Warned, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What the customer of a ticket said."""

    number: str
    at_ms: int
    satisfied: bool | None
    rating: int | None
    words: str


class Called(NamedTuple):
    """Follow-ups that plans asked for: how many were due, how many of them were done in time."""

    due: int
    in_time: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Opinion:
    """Section four, and how tickets were worked on."""

    counts: Mapping[str, int]
    called: Called
    clocks: tuple[Kept, ...]
    ratings: Ratings
    said: tuple[Said, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Foretold:
    """A part that will cross its limit: of which device, about when, what to take along ("": nothing)."""

    device: str
    name: Label
    what: Label
    part: Label | None
    likely: date


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """A task of the next period: what, where, by when."""

    what: Label
    site: Label
    opens: date
    due: date


@dataclass(frozen=True, kw_only=True, slots=True)
class Ahead:
    """Section five. `ends`: what ends in the next period, such as a warranty, and on which day."""

    period: Label
    tasks: tuple[Planned, ...]
    foretold: tuple[Foretold, ...]
    ends: tuple[tuple[Label, date], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class StatisticsInputs:
    """Everything that the report says. `measures`, `advice`: what its author wrote, by paragraph."""

    head: Head
    running: Running
    faults: Faults
    opinion: Opinion
    ahead: Ahead
    measures: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()


def is_below(found: Reckoned, target_percent: str | None) -> bool:
    """Whether it was less than was promised, as the contract counts."""
    share = found.owed.availability
    return share is not None and target_percent is not None and 100 * share < Fraction(target_percent)
