"""Plans as the engine reads them: those in force, and where each counts.

    in_force(connection) -> [PlanRow, ...]
    places(connection, plans) -> {plan: (core.plans.Place, ...)}      sites with their stays, days and dates
    mark(connection) -> text                                          other than before: something of it has changed

Plans are entries of the register (entries.py): people change them there. Days are those of the sites' clocks.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Connection

from roundsman_collector.core.contract import Dates, local_day
from roundsman_collector.core.plans import NO_DATES, Place, Span
from roundsman_collector.core.postings import USUAL_ZONE
from roundsman_collector.store import entries
from roundsman_collector.store.entry_kinds import dates_of
from roundsman_collector.store.plan_files import changes_from
from roundsman_collector.store.sql import chunks, marks, run


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanRow:
    """A plan in force."""

    id: str
    kind: str
    contract: str | None
    site: str | None
    first_day: date
    last_day: date | None
    changes: Mapping[str, Any]


class _Stay(NamedTuple):
    """A version of a site."""

    site: str
    from_ms: int
    to_ms: int | None
    contract: str | None
    time_zone: str


def in_force(connection: Connection) -> list[PlanRow]:
    """All plans that hold now, by id."""
    rows = run(
        connection,
        "SELECT id, kind, contract, site, first_day, last_day, changes FROM plan WHERE to_ms IS NULL ORDER BY id",
    )
    return [
        PlanRow(
            id=row[0],
            kind=row[1],
            contract=row[2],
            site=row[3],
            first_day=date.fromisoformat(row[4]),
            last_day=date.fromisoformat(row[5]) if row[5] else None,
            changes=changes_from(row[6]),
        )
        for row in rows
    ]


def mark(connection: Connection) -> str:
    """A text that changes whenever plans, or what decides their days, are changed; empty: there are no plans."""
    if run(connection, "SELECT 1 FROM plan LIMIT 1").first() is None:
        return ""
    told = []
    for table in ("plan", "contract", "site", "installation", "calendar_day"):
        sql = f"SELECT count(*), max(made_ms), count(to_ms), max(to_ms) FROM {table}"
        told.append(":".join(str(value) for value in run(connection, sql).one()))
    return " ".join(told)


def places(connection: Connection, plans: Sequence[PlanRow], per_site: Iterable[str]) -> dict[str, tuple[Place, ...]]:
    """Where each plan counts. `per_site`: the plans that have a task for each site; others have one place in all."""
    by_site = set(per_site)
    stays = _stays(connection, plans)
    sites = sorted({stay.site for stay in stays})
    installed = _installed(connection, sites)
    contracts = {one.contract for one in plans if one.contract} | {stay.contract for stay in stays if stay.contract}
    dates = _dates(connection, contracts)
    of_contract: dict[str, list[_Stay]] = defaultdict(list)
    of_site: dict[str, list[_Stay]] = defaultdict(list)
    for stay in stays:
        of_site[stay.site].append(stay)
        if stay.contract is not None:
            of_contract[stay.contract].append(stay)
    found = {}
    for one in plans:
        mine = of_site.get(one.site, []) if one.site else of_contract.get(one.contract or "", [])
        if one.id in by_site:
            found[one.id] = tuple(_places_of(one, mine, of_site, installed, dates))
        else:
            begun = [installed[stay.site] for stay in mine if stay.site in installed]
            zone = mine[0].time_zone if mine else USUAL_ZONE
            day = None if not begun else local_day(min(begun), zone)
            held = dates.get(one.contract or "", NO_DATES)
            found[one.id] = (Place(site="", time_zone=zone, installed_on=day, dates=held),)
    return found


def _places_of(
    plan: PlanRow,
    stays: Sequence[_Stay],
    of_site: Mapping[str, Sequence[_Stay]],
    installed: Mapping[str, int],
    dates: Mapping[str, Dates],
) -> Iterable[Place]:
    for site in sorted({stay.site for stay in stays}):
        last = of_site[site][-1]
        spans = [
            Span(
                local_day(stay.from_ms, last.time_zone),
                None if stay.to_ms is None else local_day(stay.to_ms - 1, last.time_zone),
            )
            for stay in stays
            if stay.site == site
        ]
        begun_ms = installed.get(site)
        yield Place(
            site=site,
            time_zone=last.time_zone,
            stays=tuple(spans),
            installed_on=None if begun_ms is None else local_day(begun_ms, last.time_zone),
            dates=dates.get(plan.contract or last.contract or "", NO_DATES),
        )


def _stays(connection: Connection, plans: Sequence[PlanRow]) -> list[_Stay]:
    """All versions of the sites that plans name, or whose contracts they name, each site's by time."""
    sites = {one.site for one in plans if one.site}
    for part in chunks(sorted({one.contract for one in plans if one.contract})):
        found = run(connection, f"SELECT DISTINCT id FROM site WHERE contract IN ({marks(len(part))})", *part)
        sites.update(found.scalars())
    rows: list[_Stay] = []
    for part in chunks(sorted(sites)):
        found = run(
            connection,
            "SELECT id, from_ms, to_ms, contract, time_zone FROM site "
            f"WHERE id IN ({marks(len(part))}) ORDER BY id, from_ms",
            *part,
        )
        rows += (_Stay(*row) for row in found)
    return rows


def _installed(connection: Connection, sites: Iterable[str]) -> dict[str, int]:
    """When the first device was installed at each of these sites."""
    found: dict[str, int] = {}
    for part in chunks(sites):
        rows = run(
            connection,
            "SELECT place.site, min(installation.from_ms) FROM installation "
            f"JOIN place ON place.id = installation.place WHERE place.site IN ({marks(len(part))}) GROUP BY place.site",
            *part,
        )
        found.update((row[0], int(row[1])) for row in rows)
    return found


def _dates(connection: Connection, contracts: Iterable[str]) -> dict[str, Dates]:
    found = entries.named(connection, "contract", contracts)
    return {one.id: dates_of(one.fields, f"contract {one.id}") for one in found.values()}
