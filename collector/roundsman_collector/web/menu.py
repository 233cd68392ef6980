"""What the menu offers, in its order: a table. Somebody sees the entries whose right they have (roles.py).

A section is one word of the top bar; where it has several entries, they stand as tabs under it. A new page adds a line
here if people should find it by the menu.
"""

from collections.abc import Iterator
from typing import NamedTuple

from roundsman_collector.roles import Right, Who
from roundsman_collector.web.words import N_


class Entry(NamedTuple):
    """A page in the menu: where, its name, and the right it needs."""

    path: str
    name: str
    right: Right


class Section(NamedTuple):
    """A word of the top bar."""

    name: str
    entries: tuple[Entry, ...]


MENU: tuple[Section, ...] = (
    Section(N_("Devices"), (Entry("/devices", N_("Devices"), "see"),)),
    Section(
        N_("Tickets"),
        (
            Entry("/tickets", N_("Tickets"), "see"),
            Entry("/mine", N_("My tickets"), "act"),
            Entry("/kept", N_("Promises kept"), "see"),
            Entry("/forms", N_("Forms"), "see"),
            Entry("/slips", N_("Service slips"), "see"),
        ),
    ),
    Section(
        N_("Duty"),
        (
            Entry("/duty", N_("Duty rota"), "act"),
            Entry("/engineers", N_("Engineers"), "act"),
            Entry("/points", N_("Service points"), "act"),
        ),
    ),
    Section(
        N_("Spares"),
        (
            Entry("/stock/quantities", N_("Spare stock"), "stock"),
            Entry("/stock/moves", N_("Moves"), "stock"),
            Entry("/stock/out", N_("Kept and lent"), "stock"),
            Entry("/stock/items", N_("Spare items"), "stock"),
            Entry("/stock/locations", N_("Stock locations"), "stock"),
        ),
    ),
    Section(
        N_("Inspections"),
        (
            Entry("/rounds", N_("Inspections"), "see"),
            Entry("/tasks", N_("Tasks of plans"), "see"),
            Entry("/plans", N_("Plans"), "see"),
            Entry("/forecasts", N_("What gets worse"), "see"),
        ),
    ),
    Section(
        N_("Ledger"),
        (
            Entry("/availability", N_("Availability"), "see"),
            Entry("/ratios", N_("Ratios"), "see"),
            Entry("/overlays", N_("Maintenance and exclusions"), "see"),
            Entry("/changes", N_("What changed since"), "see"),
        ),
    ),
    Section(
        N_("Statistics"),
        (
            Entry("/reports", N_("Reports"), "see"),
            Entry("/statistics/faults", N_("Faults"), "see"),
            Entry("/statistics/failure-rates", N_("Failure rates"), "see"),
            Entry("/statistics/recurrence", N_("Recurrence warnings"), "act"),
        ),
    ),
    Section(
        N_("Register"),
        (
            Entry("/customers", N_("Customers"), "see"),
            Entry("/sites", N_("Sites"), "see"),
            Entry("/contracts", N_("Contracts"), "see"),
            Entry("/groups", N_("Monitoring centres"), "see"),
            Entry("/calendars", N_("Calendars"), "see"),
            Entry("/rules", N_("Fault rules"), "see"),
            Entry("/levels", N_("Service levels"), "see"),
            Entry("/labels", N_("Labels"), "place"),
            Entry("/import", N_("Import"), "place"),
        ),
    ),
    Section(
        N_("System"),
        (
            Entry("/inbox", N_("Inbox"), "place"),
            Entry("/ways", N_("Who is told"), "tell"),
            Entry("/outbox", N_("Outbox"), "tell"),
            Entry("/people", N_("Users"), "people"),
            Entry("/tokens", N_("Tokens"), "people"),
            Entry("/health", N_("Health and quarantine"), "system"),
            Entry("/audit", N_("Audit log"), "system"),
        ),
    ),
)


class Shown(NamedTuple):
    """A word of the top bar as somebody sees it: where it leads, whether it is here, and its tabs."""

    name: str
    path: str
    is_here: bool
    tabs: tuple[tuple[Entry, bool], ...]


def menu_of(who: Who | None, path: str) -> list[Shown]:
    """The menu of somebody who looks at `path`; nothing for a stranger."""
    return [] if who is None else list(_shown(who, path))


def _shown(who: Who, path: str) -> Iterator[Shown]:
    for section in MENU:
        mine = tuple((entry, _is_at(entry, path)) for entry in section.entries if who.may(entry.right))
        if mine:
            yield Shown(section.name, mine[0][0].path, any(is_here for _, is_here in mine), mine)


def _is_at(entry: Entry, path: str) -> bool:
    return path == entry.path or path.startswith(f"{entry.path}/")
