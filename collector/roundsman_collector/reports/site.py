"""What reports about a site are made of. Pure: issuing/site.py gathers it, site_parts.py sets it on paper.

Every figure is core/reckoning's and core/kept's, as /availability and /kept say it for the same site, customer and
window: a report only sets it on paper. What a device did for another customer is in none of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from roundsman_collector.core.contract import Phase
from roundsman_collector.core.kept import Kept
from roundsman_collector.core.reckoning import Reckoned, Stretch
from roundsman_collector.reports.head import Head
from roundsman_collector.reports.inspected import Inspected
from roundsman_collector.reports.looked import Mark
from roundsman_collector.reports.worse import Foretold, WorstValue
from roundsman_wire.catalogue import Label


@dataclass(frozen=True, kw_only=True, slots=True)
class DeviceLine:
    """A device that served at the site: what it is, its figure there, its time, and how many tickets it had.

    `inspected`: as the newest round of the period saw it; None: no round of the period was about it. `restarts`: on how
    many days it was started; None: it does not tell.
    """

    id: str
    name: Label
    kind: str
    model: str
    serial: str
    place: Label
    reckoned: Reckoned
    stretches: tuple[Stretch, ...]
    tickets: int
    inspected: Inspected | None = None
    restarts: int | None = None


class Clock(NamedTuple):
    """A clock of a ticket, and how it stands (core/sla.py)."""

    clock: str
    state: str
    is_breached: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class TicketLine:
    """A ticket that was opened in the period, with its times; None: not yet, or never."""

    number: str
    about: Label
    fault: Label
    component: str
    state: str
    opened_ms: int
    replied_ms: int | None
    arrived_ms: int | None
    repaired_ms: int | None
    clocks: tuple[Clock, ...]


class FaultLine(NamedTuple):
    """A fault that monitoring saw of a device while it served here; `to_ms` None: it holds."""

    device: str
    about: Label
    component: str
    code: str
    fault: Label
    from_ms: int
    to_ms: int | None


class TaskLine(NamedTuple):
    """A task that was due in the period: what was planned, whether the customer agreed, what became of it."""

    plan: Label
    period: str
    due_on: date
    state: str
    agreed_by: str
    agreed_ms: int | None
    done_ms: int | None
    round: str


class RoundHeld(NamedTuple):
    """A round of the period."""

    number: str
    asked_ms: int
    done_ms: int | None
    asked_by: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """A site over a period, for one customer. `left_out`: tickets in no figure, by state."""

    head: Head
    address: str
    engineers: tuple[str, ...]
    phase: Phase | None
    target_percent: str | None
    whole: Reckoned
    devices: tuple[DeviceLine, ...]
    rounds: tuple[RoundHeld, ...]
    tasks: tuple[TaskLine, ...]
    marks: tuple[Mark, ...]
    faults: tuple[FaultLine, ...]
    worst: tuple[WorstValue, ...]
    foretold: tuple[Foretold, ...]
    tickets: tuple[TicketLine, ...]
    clocks: tuple[Kept, ...]
    counts: Mapping[str, int] = field(default_factory=dict)
    left_out: tuple[tuple[str, int], ...] = ()

    @property
    def inspected(self) -> list[Inspected]:
        """What the newest rounds saw, in the order of the devices."""
        return [one.inspected for one in self.devices if one.inspected is not None]
