"""Who could go: service points and their people, skills, and what a suggestion (core/going.py) is made of.

    question(connection, subject, component, now_ms)       Question(facts, candidates) for a device, an agent or a site
    put_member / put_skill / end_skill(connection, ...)    to which point somebody belongs, what somebody can mend
    skills / members / engineers(connection, ...)          reading, within a scope
    without_engineer(connection)                           sites that nobody is responsible for

Candidates are people who may act on tickets, are not shut out, and whose scope reaches the group or the customer of the
site: a handful of people per question, whatever the size of the fleet. What is kept of a person here may be changed by
whoever keeps the register and shares a group or customer with them.

A point covers the sites that name it; a site that names none is covered by its group's points with its zone.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection

from roundsman_collector.core.calendar import instant, zone
from roundsman_collector.core.duty import Shift, on_duty
from roundsman_collector.core.going import Candidate, Facts, Skill
from roundsman_collector.roles import EVERYTHING, ROLES, Role, Scope
from roundsman_collector.store import audit, duty, entries, people
from roundsman_collector.store.audit import Deed
from roundsman_collector.store.duty import ZONE, Rota
from roundsman_collector.store.entry_kinds import KINDS, EntryError
from roundsman_collector.store.people import PersonRow
from roundsman_collector.store.sql import chunks, clean, marks, run
from roundsman_wire.topics import is_id

GOERS: tuple[Role, ...] = tuple(role for role, rights in ROLES.items() if "act" in rights)
VISITING = ("departed", "on_site")
LOADING = ("dispatched", *VISITING)
"""Tickets in these states are work that somebody was sent for and has not done."""
SKILLS_LIMIT = 200
SUBJECT_LIMIT = 64


class SkillRow(NamedTuple):
    """What somebody can mend; `qualified_until` is the last day of it, None: no end."""

    person: str
    kind: str
    component: str
    qualified_until: str | None
    from_ms: int
    made_by: str


class Member(NamedTuple):
    """Somebody of a service point, since when, and who said so."""

    person: str
    point: str
    from_ms: int
    made_by: str


class Engineer(NamedTuple):
    """Somebody who could be sent: who they are, where from, what they can, what they have."""

    person: PersonRow
    point: str
    skills: tuple[SkillRow, ...]
    load: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """What suggest() needs."""

    facts: Facts
    candidates: tuple[Candidate, ...]


# --- the suggestion --------------------------------------------------------------------------------------------------


def question(connection: Connection, subject: str, component: str, now_ms: int) -> Question:
    """The facts about a subject as it stands now, and who could go there."""
    facts = facts_of(connection, subject, component)
    everybody = _reaching(connection, facts.group, facts.customer)
    logins = [one.id for one in everybody]
    points = {one.person: one.point for one in members(connection, persons=logins)}
    known = _by_person(skills(connection, persons=logins))
    rotas = [Rota(group=facts.group), *(Rota(group=facts.group, point=point) for point in sorted(facts.points))]
    held = duty.held_now(connection, now_ms, rotas if facts.group else [], logins)
    on = _first_duties(on_duty(held, now_ms))
    off = {one.person for one in held if one.kind == "off"}
    loads, visits = _loads(connection, logins)
    candidates = tuple(
        Candidate(
            login=one.id,
            name=one.name,
            role=one.role,
            point=points.get(one.id, ""),
            duty=None if one.id not in on else on[one.id].kind,
            is_off=one.id in off,
            skills=tuple(skill_of(row) for row in known.get(one.id, ())),
            load=loads.get(one.id, 0),
            visit=visits.get(one.id, ""),
        )
        for one in everybody
    )
    return Question(facts=facts, candidates=candidates)


def skill_of(row: SkillRow) -> Skill:
    """A skill as core/going.py judges it: it holds to the end of its last day, on the headquarters' clock."""
    until_ms = None
    if row.qualified_until is not None:
        until_ms = instant(date.fromisoformat(row.qualified_until) + timedelta(days=1), 0, zone(ZONE))
    return Skill(kind=row.kind, component=row.component, until_ms=until_ms)


# Place and who is responsible for it, site, group, customer, zone, who is responsible for the site, the point it names.
OF_PLACE = "p.id, COALESCE(p.engineer, '')"
OF_SITE = "s.id, s.group_id, s.customer, s.zone, COALESCE(s.engineer, ''), COALESCE(s.point, '')"
STANDING = (
    "JOIN place p ON p.id = i.place AND p.to_ms IS NULL JOIN site s ON s.id = p.site AND s.to_ms IS NULL "
    "WHERE i.to_ms IS NULL AND "
)
LOOKED_UP = {
    "": f"SELECT {OF_PLACE}, {OF_SITE} FROM installation i {STANDING}i.device = ?",
    "@": (
        f"SELECT {OF_PLACE}, {OF_SITE} FROM agent JOIN assignment a ON a.agent_no = agent.no AND a.to_ms IS NULL "
        f"JOIN installation i ON i.device = a.device {STANDING}agent.id = ? ORDER BY i.device LIMIT 1"
    ),
    "#": f"SELECT '', '', {OF_SITE} FROM site s WHERE s.to_ms IS NULL AND s.id = ?",
}


def facts_of(connection: Connection, subject: str, component: str) -> Facts:
    """What a subject is and where it stands: a device, `@` and an agent, `#` and a site."""
    sign, name = (subject[:1], subject[1:]) if subject[:1] in ("@", "#") else ("", subject)
    kind = ""
    if sign == "":
        kind = str(run(connection, "SELECT kind FROM device WHERE id = ?", name).scalar() or "")
    row = run(connection, LOOKED_UP[sign], name).first()
    if row is None:
        return Facts(subject=subject, kind=kind, component=component, group=_spoken_group(connection, sign, name))
    place, place_engineer, site, group, customer, zone_, site_engineer, point = (str(one) for one in row)
    return Facts(
        subject=subject,
        kind=kind,
        component=component,
        group=group,
        customer=customer,
        site=site,
        place=place if sign == "" else "",
        zone=zone_,
        place_engineer=place_engineer if sign == "" else "",
        site_engineer=site_engineer,
        points=frozenset(covering(connection, group, zone_, point)),
        asks_for_skill=bool(kind) and _is_skill_kept(connection, kind),
    )


def _spoken_group(connection: Connection, sign: str, name: str) -> str:
    """The group of the agent that a subject is, or that speaks for it; empty: none."""
    if sign == "@":
        return str(run(connection, "SELECT group_id FROM agent WHERE id = ?", name).scalar() or "")
    if sign == "#":
        return ""
    sql = (
        "SELECT agent.group_id FROM assignment a JOIN agent ON agent.no = a.agent_no "
        "WHERE a.device = ? AND a.to_ms IS NULL"
    )
    return str(run(connection, sql, name).scalar() or "")


def covering(connection: Connection, group: str, zone_: str, named: str) -> list[str]:
    """The service points that cover a site: the one that it names, else its group's with its zone."""
    if named:
        sql = "SELECT id FROM service_point WHERE id = ? AND to_ms IS NULL"
        return [str(one) for one in run(connection, sql, named).scalars()]
    rows = run(connection, "SELECT id, zones FROM service_point WHERE group_id = ? AND to_ms IS NULL", group)
    return sorted(str(row[0]) for row in rows if zone_ in str(row[1]).split())


def _is_skill_kept(connection: Connection, kind: str) -> bool:
    """Whether anybody has a skill for a kind of device: where nobody has, nobody keeps skills of it."""
    found = run(connection, "SELECT 1 FROM skill WHERE kind = ? AND to_ms IS NULL LIMIT 1", kind)
    return found.first() is not None


def _reaching(connection: Connection, group: str, customer: str) -> list[PersonRow]:
    """Who may act and reaches a group or customer, by login."""
    rows = run(
        connection,
        f"SELECT DISTINCT person.id FROM person JOIN person_scope s ON s.person = person.id "
        f"WHERE person.disabled_ms IS NULL AND person.role IN ({marks(len(GOERS))}) AND (s.kind = 'all' "
        "OR (s.kind = 'group' AND s.target = ?) OR (s.kind = 'customer' AND s.target = ?))",
        *GOERS,
        group,
        customer,
    ).scalars()
    wanted = set(rows)
    return [one for one in people.persons(connection) if one.id in wanted]


def _first_duties(shifts: Iterable[Shift]) -> dict[str, Shift]:
    """The duty of each person: the primary one, where somebody has two."""
    found: dict[str, Shift] = {}
    for one in shifts:
        found.setdefault(one.person, one)
    return found


def _loads(connection: Connection, logins: Sequence[str]) -> tuple[dict[str, int], dict[str, str]]:
    """How many tickets each of these people was sent for and has not done, and for which one they are out now."""
    loads: dict[str, int] = {}
    visits: dict[str, str] = {}
    for part in chunks(logins):
        mine = f"engineer IN ({marks(len(part))})"
        states = marks(len(LOADING))
        rows = run(
            connection,
            f"SELECT engineer, count(*) FROM ticket WHERE {mine} AND state IN ({states}) GROUP BY engineer",
            *part,
            *LOADING,
        )
        loads.update((str(row[0]), int(row[1])) for row in rows)
        out = run(
            connection,
            f"SELECT engineer, number FROM ticket WHERE {mine} AND state IN ({marks(len(VISITING))}) ORDER BY id",
            *part,
            *VISITING,
        )
        visits.update((str(row[0]), str(row[1])) for row in out)
    return loads, visits


# --- skills and service points ---------------------------------------------------------------------------------------


def skills(connection: Connection, *, persons: Sequence[str], at_ms: int | None = None) -> list[SkillRow]:
    """What these people can mend, now or at a time, by person, kind and component."""
    found: list[SkillRow] = []
    in_force, instants = _in_force(at_ms)
    for part in chunks(persons):
        rows = run(
            connection,
            "SELECT person, kind, component, qualified_until, from_ms, made_by FROM skill "
            f"WHERE person IN ({marks(len(part))}) AND {in_force} ORDER BY person, kind, component",
            *part,
            *instants,
        )
        found += [SkillRow(*row) for row in rows]
    return found


def members(
    connection: Connection, *, persons: Sequence[str] | None = None, point: str | None = None, at_ms: int | None = None
) -> list[Member]:
    """Who belongs to which service point, now or at a time: of these people, or of one point; by person."""
    in_force, instants = _in_force(at_ms)
    select = f"SELECT person, point, from_ms, made_by FROM point_person WHERE {in_force}"
    if persons is not None:
        found = [
            Member(*row)
            for part in chunks(persons)
            for row in run(connection, f"{select} AND person IN ({marks(len(part))})", *instants, *part)
        ]
    else:
        found = [Member(*row) for row in run(connection, select, *instants)]
    return sorted(one for one in found if point in (None, one.point))


def engineers(connection: Connection, *, scope: Scope = EVERYTHING, person: str | None = None) -> list[Engineer]:
    """Everybody who could be sent and whom the scope has something in common with, by login; one of them, if named."""
    everybody = [
        one
        for one in people.persons(connection)
        if one.disabled_ms is None and one.role in GOERS and shares(scope, one.scope) and person in (None, one.id)
    ]
    logins = [one.id for one in everybody]
    points = {one.person: one.point for one in members(connection, persons=logins)}
    known = _by_person(skills(connection, persons=logins))
    loads, _ = _loads(connection, logins)
    return [
        Engineer(one, points.get(one.id, ""), tuple(known.get(one.id, ())), loads.get(one.id, 0)) for one in everybody
    ]


def shares(scope: Scope, other: Scope) -> bool:
    """Whether two scopes have a group or customer in common."""
    if scope.everything or other.everything:
        return True
    return bool(scope.groups & other.groups or scope.customers & other.customers)


def put_member(
    connection: Connection, person: str, point: str | None, *, deed: Deed, scope: Scope = EVERYTHING
) -> bool:
    """Let somebody belong to a service point from now on (None: to none); False: it was so. Raises EntryError."""
    _check_mine(connection, person, scope)
    before = next(iter(members(connection, persons=[person])), None)
    if (None if before is None else before.point) == point:
        return False
    if point is not None and entries.one(connection, "point", point, scope=scope) is None:
        raise entries.no_entry(KINDS["point"], point[:63])
    begin = deed.at_ms if before is None else max(deed.at_ms, before.from_ms + 1)
    run(connection, "UPDATE point_person SET to_ms = ? WHERE person = ? AND to_ms IS NULL", begin, person)
    if point is not None:
        run(
            connection,
            "INSERT INTO point_person (person, from_ms, made_ms, made_by, point) VALUES (?, ?, ?, ?, ?)",
            person,
            begin,
            deed.at_ms,
            clean(deed.who, 400),
            point,
        )
    told = None if before is None else {"point": before.point}
    audit.add(connection, deed, "person.point", f"person:{person}", before=told, after={"point": point})
    return True


def put_skill(
    connection: Connection,
    person: str,
    kind: str,
    component: str = "",
    *,
    qualified_until: str | None = None,
    deed: Deed,
    scope: Scope = EVERYTHING,
) -> bool:
    """Let somebody be able to mend a kind of device from now on; False: it was so. Raises EntryError."""
    _check_mine(connection, person, scope)
    _check_words(connection, kind, component, qualified_until)
    held = skills(connection, persons=[person])
    before = next((one for one in held if (one.kind, one.component) == (kind, component)), None)
    if before is not None and before.qualified_until == qualified_until:
        return False
    if before is None and len(held) >= SKILLS_LIMIT:
        raise _value("kind", f"{person} has {len(held)} skills already", f"at most {SKILLS_LIMIT}")
    begin = deed.at_ms if before is None else max(deed.at_ms, before.from_ms + 1)
    _end(connection, person, kind, component, begin)
    run(
        connection,
        "INSERT INTO skill (person, kind, component, from_ms, made_ms, made_by, qualified_until) "
        "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (person, kind, component, from_ms) DO UPDATE "
        "SET to_ms = NULL, qualified_until = excluded.qualified_until",
        person,
        kind,
        component,
        begin,
        deed.at_ms,
        clean(deed.who, 400),
        qualified_until,
    )
    told = {"kind": kind, "component": component, "qualified_until": qualified_until}
    earlier = None if before is None else {**told, "qualified_until": before.qualified_until}
    audit.add(connection, deed, "person.skill", f"person:{person}", before=earlier, after=told)
    return True


def end_skill(
    connection: Connection, person: str, kind: str, component: str = "", *, deed: Deed, scope: Scope = EVERYTHING
) -> bool:
    """Let somebody not be able to mend that from now on; False: it was so. Raises EntryError."""
    _check_mine(connection, person, scope)
    held = skills(connection, persons=[person])
    before = next((one for one in held if (one.kind, one.component) == (kind, component)), None)
    if before is None:
        return False
    _end(connection, person, kind, component, max(deed.at_ms, before.from_ms + 1))
    told = {"kind": kind, "component": component, "qualified_until": before.qualified_until}
    audit.add(connection, deed, "person.skill_end", f"person:{person}", before=told)
    return True


def _end(connection: Connection, person: str, kind: str, component: str, at_ms: int) -> None:
    run(
        connection,
        "UPDATE skill SET to_ms = ? WHERE person = ? AND kind = ? AND component = ? AND to_ms IS NULL",
        at_ms,
        person,
        kind,
        component,
    )


def _check_mine(connection: Connection, person: str, scope: Scope) -> None:
    """Refuse to write of somebody who is not there, could not be sent, or has nothing in common with the scope."""
    if not engineers(connection, scope=scope, person=person):
        raise EntryError(
            what=f"there is nobody {person[:63]} who could be sent",
            where="person",
            expected="the login name of somebody who may act on tickets, of your groups or customers",
            do="look them up in the list, or let an administrator change their role",
            cause="missing",
            field="person",
        )


def _check_words(connection: Connection, kind: str, component: str, qualified_until: str | None) -> None:
    if not is_id(kind):
        raise _value("kind", f"{kind[:40]!r} is no kind of device", "a kind such as kiosk, nvr, vehicle")
    if component and not is_id(component):
        raise _value("component", f"{component[:40]!r} is no component", "a component such as printer, or nothing")
    try:
        good = qualified_until is None or date.fromisoformat(qualified_until).isoformat() == qualified_until
    except ValueError:
        good = False
    if not good:
        raise _value("qualified_until", f"{str(qualified_until)[:40]!r} is no day", "a day such as 2027-06-30")


def _value(field: str, what: str, expected: str) -> EntryError:
    return EntryError(what=what, where=field, expected=expected, do="mend it", field=field)


def _by_person(rows: Iterable[SkillRow]) -> Mapping[str, list[SkillRow]]:
    found: dict[str, list[SkillRow]] = {}
    for one in rows:
        found.setdefault(one.person, []).append(one)
    return found


def _in_force(at_ms: int | None) -> tuple[str, list[Any]]:
    if at_ms is None:
        return "to_ms IS NULL", []
    return "from_ms <= ? AND (to_ms IS NULL OR to_ms > ?)", [at_ms, at_ms]


# --- sites that nobody is responsible for ----------------------------------------------------------------------------


class Orphans(NamedTuple):
    """How many sites have no responsible engineer, of how many, and the first of them."""

    lacking: int
    sites: int
    first: tuple[str, ...]


def without_engineer(connection: Connection, *, scope: Scope = EVERYTHING, limit: int = 5) -> Orphans:
    """Sites in force without somebody responsible who is still there."""
    seen, values = entries.sight("site", scope)
    nobody = (
        "t.to_ms IS NULL AND NOT EXISTS (SELECT 1 FROM person WHERE person.id = t.engineer "
        f"AND person.disabled_ms IS NULL) AND {seen}"
    )
    count = run(connection, f"SELECT count(*) FROM site t WHERE {nobody}", *values).scalar_one()
    total = run(connection, f"SELECT count(*) FROM site t WHERE t.to_ms IS NULL AND {seen}", *values).scalar_one()
    first = run(connection, f"SELECT t.id FROM site t WHERE {nobody} ORDER BY t.id LIMIT ?", *values, limit).scalars()
    return Orphans(int(count), int(total), tuple(str(one) for one in first))
