"""Whom to call for what befalls a subject of tickets: who answers for where it stands, and who is on duty there.

    of(connection, ["kiosk-7", "#site-1", "@gw-2"], at_ms) -> {"kiosk-7": OnCall(responsible, primary, backup)}
    untold(connection, at_ms) -> ["li"]                    on duty now, and no way of theirs is told by the rota

Who answers for it: the engineer of the place and the engineer of the site; of an agent those of all that it speaks for.
On duty: whoever the rota of the site's group names at that moment, and the rotas of the service points that cover the
site, with swaps as they were made and nobody who is off. What stands nowhere has the group of the agent that speaks for
it, and nobody who answers for it.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from roundsman_collector.core.duty import on_duty
from roundsman_collector.store import duty, going, ways
from roundsman_collector.store.duty import Rota
from roundsman_collector.store.sql import chunks, marks, run


class OnCall(NamedTuple):
    """Logins: who answers for where a subject stands, who is on duty there and who is the backup."""

    responsible: frozenset[str] = frozenset()
    primary: frozenset[str] = frozenset()
    backup: frozenset[str] = frozenset()


NOBODY = OnCall()

# Of each subject: who answers for the place, for the site; the site's group, zone and the point that it names.
STANDS = "p.engineer, s.engineer, s.group_id, s.zone, s.point"
STANDING = "JOIN place p ON p.id = i.place AND p.to_ms IS NULL JOIN site s ON s.id = p.site AND s.to_ms IS NULL"
WHERE: Mapping[str, str] = {
    "": f"SELECT i.device, {STANDS} FROM installation i {STANDING} WHERE i.to_ms IS NULL AND i.device IN ({{}})",
    "@": (
        f"SELECT DISTINCT '@' || agent.id, {STANDS} FROM agent "
        "JOIN assignment a ON a.agent_no = agent.no AND a.to_ms IS NULL "
        f"JOIN installation i ON i.device = a.device AND i.to_ms IS NULL {STANDING} WHERE agent.id IN ({{}})"
    ),
    "#": (
        "SELECT '#' || s.id, NULL, s.engineer, s.group_id, s.zone, s.point FROM site s "
        "WHERE s.to_ms IS NULL AND s.id IN ({})"
    ),
}
SPOKEN_FOR: Mapping[str, str] = {
    "": (
        "SELECT a.device, agent.group_id FROM assignment a JOIN agent ON agent.no = a.agent_no "
        "WHERE a.to_ms IS NULL AND a.device IN ({})"
    ),
    "@": "SELECT '@' || agent.id, agent.group_id FROM agent WHERE agent.id IN ({})",
}
"""Of each subject that stands nowhere: the group of the agent that speaks for it."""


def of(connection: Connection, subjects: Collection[str], at_ms: int) -> dict[str, OnCall]:
    """Whom to call for each of these subjects."""
    stands = _stands(connection, subjects)
    responsible = {
        subject: frozenset(one for row in rows for one in (row.of_place, row.of_site) if one)
        for subject, rows in stands.items()
    }
    rotas = _rotas(connection, stands)
    lost = [one for one in subjects if one not in stands]
    rotas |= {subject: {Rota(group=group)} for subject, group in _groups(connection, lost).items()}
    on = _on_duty(connection, {rota for mine in rotas.values() for rota in mine}, at_ms)
    return {
        subject: OnCall(
            responsible.get(subject, frozenset()),
            frozenset(one for rota in rotas.get(subject, ()) for one in on.get((rota, "primary"), ())),
            frozenset(one for rota in rotas.get(subject, ()) for one in on.get((rota, "backup"), ())),
        )
        for subject in subjects
    }


def untold(connection: Connection, at_ms: int) -> list[str]:
    """Who is on duty at an instant and has no way that hears of it; nobody where no way is told by the rota at all."""
    told = {way.person for way in ways.active(connection) if way.person is not None and "duty" in way.filter.also}
    if not told:
        return []
    return sorted({one.person for one in on_duty(duty.held_at(connection, at_ms), at_ms)} - told)


class _Stand(NamedTuple):
    of_place: str | None
    of_site: str | None
    group: str
    zone: str
    point: str | None


def _stands(connection: Connection, subjects: Collection[str]) -> dict[str, list[_Stand]]:
    found: dict[str, list[_Stand]] = {}
    for row in _looked_up(connection, WHERE, subjects):
        found.setdefault(row[0], []).append(_Stand(*row[1:]))
    return found


def _groups(connection: Connection, subjects: Collection[str]) -> dict[str, str]:
    return {row[0]: row[1] for row in _looked_up(connection, SPOKEN_FOR, subjects)}


def _looked_up(connection: Connection, sqls: Mapping[str, str], subjects: Collection[str]) -> list[Sequence[Any]]:
    """What these statements say of subjects, those of each kind together."""
    found: list[Sequence[Any]] = []
    for sign, sql in sqls.items():
        mine = sorted(one[len(sign) :] for one in subjects if (one[0] if one[0] in "@#" else "") == sign)
        for part in chunks(mine):
            found += run(connection, sql.format(marks(len(part))), *part).all()
    return found


def _rotas(connection: Connection, stands: Mapping[str, Sequence[_Stand]]) -> dict[str, set[Rota]]:
    """The rotas that are about each subject; the points that cover sites alike are looked up once."""
    points: dict[tuple[str, str, str], list[str]] = {}
    found: dict[str, set[Rota]] = {}
    for subject, rows in stands.items():
        mine = found.setdefault(subject, set())
        for row in rows:
            key = (row.group, row.zone, row.point or "")
            if key not in points:
                points[key] = going.covering(connection, *key)
            mine |= {Rota(group=row.group), *(Rota(group=row.group, point=point) for point in points[key])}
    return found


def _on_duty(connection: Connection, rotas: Collection[Rota], at_ms: int) -> dict[tuple[Rota, str], set[str]]:
    """Who is on duty in each of these rotas, as primary and as backup; nobody who is off, in whatever rota."""
    held = duty.held_now(connection, at_ms, rotas, ())
    off = duty.held_now(connection, at_ms, (), {one.person for one in held})
    found: dict[tuple[Rota, str], set[str]] = {}
    for shift in on_duty([*held, *off], at_ms):
        found.setdefault((Rota(group=shift.group, point=shift.point), shift.kind), set()).add(shift.person)
    return found
