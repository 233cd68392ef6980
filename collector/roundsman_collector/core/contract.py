"""In which phase a contract is on a local day of the site: 质保 warranty, 维保 maintenance, 过保 expired. Pure.

    phase(dates, day) -> "before_acceptance" | "warranty" | "maintenance" | "expired"

    accepted_on        warranty_until    maintenance_until
        |---- warranty ------|---- maintenance ---|
    before_acceptance                                 expired

Every date is a last (or first) day *inclusive*. A date that is not known is None and claims nothing: without
`accepted_on` the warranty has begun (somebody knows its end, so there was an acceptance), and a contract without any
date is not accepted yet. Accepted and with neither end known, nothing covers it: expired.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Literal

from roundsman_collector.core.calendar import EPOCH, MILLISECOND, zone

Phase = Literal["before_acceptance", "warranty", "maintenance", "expired"]

PHASES: dict[Phase, tuple[str, str]] = {
    "before_acceptance": ("未验收", "before acceptance"),
    "warranty": ("质保", "under warranty"),
    "maintenance": ("维保", "under maintenance"),
    "expired": ("过保", "expired"),
}
LONGEST = timedelta(days=36525)
"""No contract lasts a hundred years; such a date is a slip of the pen."""


class ContractError(ValueError):
    """Dates that cannot be those of one contract."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Dates:
    """The days that decide: acceptance, the last day of warranty, the last day of maintenance.

    `labour_until`: the last day on which labour on site is free, where that is not the warranty's.
    """

    accepted_on: date | None = None
    warranty_until: date | None = None
    maintenance_until: date | None = None
    labour_until: date | None = None

    def __post_init__(self) -> None:
        named = (
            ("accepted_on", self.accepted_on),
            ("warranty_until", self.warranty_until),
            ("maintenance_until", self.maintenance_until),
        )
        known = [(name, day) for name, day in named if day is not None]
        for (earlier, first), (later, last) in pairwise(known):
            if last < first:
                raise ContractError(f"{later} {last} lies before {earlier} {first}")
            if last - first > LONGEST:
                raise ContractError(f"{later} {last} lies more than a hundred years after {earlier} {first}")
        if self.labour_until is not None and self.accepted_on is not None:
            if self.labour_until < self.accepted_on:
                raise ContractError(f"labour_until {self.labour_until} lies before accepted_on {self.accepted_on}")
            if self.labour_until - self.accepted_on > LONGEST:
                raise ContractError(
                    f"labour_until {self.labour_until} lies more than a hundred years after accepted_on"
                )

    @property
    def has_phase(self) -> bool:
        """Whether any date says in which phase the contract is."""
        return any(day is not None for day in (self.accepted_on, self.warranty_until, self.maintenance_until))


def phase(dates: Dates, day: date) -> Phase:
    """The phase on a local day; the last day of a phase belongs to it."""
    if not dates.has_phase or (dates.accepted_on is not None and day < dates.accepted_on):
        return "before_acceptance"
    if dates.warranty_until is not None and day <= dates.warranty_until:
        return "warranty"
    if dates.maintenance_until is not None and day <= dates.maintenance_until:
        return "maintenance"
    return "expired"


def phase_at(dates: Dates, at_ms: int, time_zone: str) -> Phase:
    """The phase at an instant, by the day that the site's calendar shows then."""
    return phase(dates, local_day(at_ms, time_zone))


def local_day(at_ms: int, time_zone: str) -> date:
    """The date that a calendar in this time zone shows at an instant."""
    return (EPOCH + at_ms * MILLISECOND).astimezone(zone(time_zone)).date()
