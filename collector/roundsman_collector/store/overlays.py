"""Overlays as rows: what people propose, and what becomes of it. What lies over which device is read by laid.py.

    propose(connection, Wish(...), deed=..., by=By(...)) -> 7     a row in `overlay`; what counts when: core/overlay.py
    act(connection, 7, "approve", deed=..., by=By(...))           a row in `overlay_event`; EntryError says why not
    one(connection, 7) · page(connection, scope, OverlayFilter(status="proposed"))

Rows are only ever added, each with its line in the audit log.

A second person is a person: a program acts for whoever made its token, and one whose maker is no person approves
nothing. A scope (roles.py) limits what is seen as for everything else; what is written must besides have belonged to
the scope for the whole time that is laid over: nobody changes the figures of a customer that is not theirs.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection

from roundsman_collector.core.availability import STATES
from roundsman_collector.core.overlay import (
    KINDS,
    REASONS,
    SCOPES,
    Event,
    Overlay,
    Standing,
    Status,
    Verb,
    Why,
    refusal,
    standing,
)
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import audit, entries, reach
from roundsman_collector.store.audit import Deed
from roundsman_collector.store.entry_kinds import EntryError, KindName
from roundsman_collector.store.sql import chunks, clean, marks, run
from roundsman_wire.topics import is_id

TEXT_LIMIT = 2000
DOCUMENT_LIMIT = 400
TARGET_LIMIT = 63
LONGEST_AHEAD_MS = 3660 * 86_400_000
PROGRAM = "token:"

COLUMNS = ", ".join(f"o.{name}" for name in Overlay._fields)
DONE = "EXISTS (SELECT 1 FROM overlay_event e WHERE e.overlay_id = o.id AND e.verb = '{}')"
PLANNED = "(o.kind = 'maintenance' AND o.from_ms >= o.made_ms)"
STATUS_IS: dict[Status, str] = {
    "proposed": f"NOT {PLANNED} AND NOT EXISTS (SELECT 1 FROM overlay_event e WHERE e.overlay_id = o.id)",
    "in_force": f"({PLANNED} OR {DONE.format('approve')}) AND NOT {DONE.format('revoke')}",
    "refused": DONE.format("refuse"),
    "revoked": DONE.format("revoke"),
}
SIGHTS: tuple[KindName, ...] = ("place", "site", "customer")
HELD_BY: dict[str, str] = {
    "device": (
        "SELECT DISTINCT s.group_id, s.customer FROM installation t "
        "JOIN place p ON p.id = t.place AND {p} JOIN site s ON s.id = p.site AND {s} WHERE t.device = ? AND {t}"
    ),
    "place": (
        "SELECT DISTINCT s.group_id, s.customer FROM place t JOIN site s ON s.id = t.site AND {s} "
        "WHERE t.id = ? AND {t}"
    ),
    "site": "SELECT DISTINCT t.group_id, t.customer FROM site t WHERE t.id = ? AND {t}",
}
"""To which groups and customers a target belonged at some time of a window."""
EXISTS_AS: dict[str, str] = {
    "device": "SELECT 1 FROM device WHERE id = ?",
    "place": "SELECT 1 FROM place WHERE id = ?",
    "site": "SELECT 1 FROM site WHERE id = ?",
    "customer": "SELECT 1 FROM customer WHERE id = ?",
    "group": "SELECT 1 FROM agent WHERE group_id = ? UNION ALL SELECT 1 FROM monitoring_group WHERE id = ?",
}
REFUSALS: dict[Why, tuple[str, str, str]] = {
    "over": (
        "it is refused or revoked, and nothing becomes of it any more",
        "an overlay that is proposed or in force",
        "propose a new one",
    ),
    "not_proposed": (
        "it waits for nobody's approval",
        "an overlay that is proposed",
        "look at what became of it; revoke it, if it must not count",
    ),
    "end": (
        "it cannot end then",
        "a time after its begin and before its end, of an overlay in force",
        "give a time within it; to let it last longer, propose another one",
    ),
    "right": (
        "only its author, or somebody who may approve, can do this",
        "the right to approve",
        "ask a dispatcher or an administrator",
    ),
    "second_person": (
        "what was measured is changed by two people: not by the author alone, nor by a program of theirs",
        "a second person, who is not the author",
        "ask somebody else who may approve",
    ),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class By:
    """Who does something, as far as it matters here: whether they may approve, and what they reach."""

    may_approve: bool = False
    scope: Scope = EVERYTHING


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """An overlay as somebody wants it; `to_ms` None: it goes on. `state`: what a correction says."""

    kind: str
    scope: str
    target: str
    from_ms: int
    to_ms: int | None = None
    state: str = ""
    reason: str
    text: str = ""
    document: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class OverlayFilter:
    """Which overlays a list shows; what is not given does not limit. `after_ms`: something became of it after that."""

    status: Status | None = None
    kind: str = ""
    scope: str = ""
    target: str = ""
    from_ms: int | None = None
    to_ms: int | None = None
    after_ms: int | None = None


ANY_OVERLAY = OverlayFilter()


class OverlayRow(NamedTuple):
    """An overlay, its log, and what has become of it."""

    overlay: Overlay
    events: tuple[Event, ...]
    standing: Standing


# --- reading ---------------------------------------------------------------------------------------------------------


def one(connection: Connection, overlay: int, scope: Scope = EVERYTHING) -> OverlayRow | None:
    """An overlay with its log, if its target is reached."""
    seen, values = sight(scope)
    found = logged(connection, read(connection, f"o.id = ? AND {seen}", [overlay, *values]))
    return row_of(*found[0]) if found else None


def page(
    connection: Connection, scope: Scope, wanted: OverlayFilter, *, before_id: int | None = None, limit: int = 50
) -> list[OverlayRow]:
    """Overlays that the scope reaches, the newest first, older than `before_id`."""
    where, values = ["o.id < ?"], list[object]([FIRST if before_id is None else before_id])
    if wanted.status is not None:
        where.append(STATUS_IS[wanted.status])
    for column in ("kind", "scope", "target"):
        if getattr(wanted, column):
            where.append(f"o.{column} = ?")
            values.append(getattr(wanted, column))
    if wanted.from_ms is not None:
        where.append("(o.to_ms IS NULL OR o.to_ms > ?)")
        values.append(wanted.from_ms)
    if wanted.to_ms is not None:
        where.append("o.from_ms < ?")
        values.append(wanted.to_ms)
    if wanted.after_ms is not None:
        where.append(
            "(o.made_ms > ? OR EXISTS (SELECT 1 FROM overlay_event e WHERE e.overlay_id = o.id AND e.at_ms > ?))"
        )
        values += [wanted.after_ms, wanted.after_ms]
    seen, bound = sight(scope)
    sql = f"{' AND '.join(where)} AND {seen} ORDER BY o.id DESC"
    return [row_of(*found) for found in logged(connection, read(connection, sql, [*values, *bound], limit))]


FIRST = 2**62


def sight(scope: Scope) -> reach.Condition:
    """The condition under which an overlay `o` is seen: as its target is (reach.py, entries.py)."""
    if scope.everything:
        return reach.ALL, []
    devices, values = reach.within(scope, "o.target")
    parts = [f"(o.scope = 'device' AND {devices})"]
    for kind in SIGHTS:
        condition, bound = entries.sight(kind, scope)
        own = f"SELECT t.id FROM {kind} t WHERE t.to_ms IS NULL AND {condition}"
        parts.append(f"(o.scope = '{kind}' AND o.target IN ({own}))")
        values = [*values, *bound]
    # A group may have agents and sites, and no entry of its own.
    for targets, groups in (
        (sorted(scope.groups), "{}"),
        (sorted(scope.customers), "SELECT s.group_id FROM site s WHERE s.to_ms IS NULL AND s.customer IN ({})"),
    ):
        if targets:
            parts.append(f"(o.scope = 'group' AND o.target IN ({groups.format(marks(len(targets)))}))")
            values = [*values, *targets]
    return f"({' OR '.join(parts)})", values


def read(connection: Connection, where: str, values: Sequence[object], limit: int = -1) -> list[Overlay]:
    """Overlays `o` of which the condition holds; `where` may bear an order. `limit` -1: all of them."""
    bounded, bound = (where, [*values]) if limit < 0 else (f"{where} LIMIT ?", [*values, limit])
    return [Overlay(*row) for row in run(connection, f"SELECT {COLUMNS} FROM overlay o WHERE {bounded}", *bound)]


def logged(connection: Connection, overlays: Iterable[Overlay]) -> list[tuple[Overlay, tuple[Event, ...]]]:
    """Overlays with their events, in the order of the log."""
    listed = list(overlays)
    events: dict[int, list[Event]] = {}
    for part in chunks(one.id for one in listed):
        rows = run(
            connection,
            "SELECT id, overlay_id, at_ms, who, verb, to_ms, text FROM overlay_event "
            f"WHERE overlay_id IN ({marks(len(part))}) ORDER BY at_ms, id",
            *part,
        )
        for row in rows:
            events.setdefault(row[1], []).append(Event(*row))
    return [(one, tuple(events.get(one.id, ()))) for one in listed]


def row_of(overlay: Overlay, events: tuple[Event, ...]) -> OverlayRow:
    now = standing(overlay, events, FIRST)
    assert now is not None, "everything is made before the end of time"
    return OverlayRow(overlay, events, now)


# --- writing ---------------------------------------------------------------------------------------------------------


def propose(connection: Connection, wish: Wish, *, deed: Deed, by: By) -> int:
    """Enter an overlay; returns its id. Raises EntryError."""
    _check_words(wish)
    _check_times(wish, deed.at_ms)
    _check_target(connection, wish, by.scope)
    if is_planned(wish, deed.at_ms) and not by.may_approve:
        raise _wrong(
            wish,
            "kind",
            "planned maintenance counts at once, and you may not approve",
            "the right to approve",
            "ask a dispatcher or an administrator to plan it",
            cause="closed",
        )
    made = run(
        connection,
        "INSERT INTO overlay (kind, scope, target, from_ms, to_ms, state, reason, text, document, made_ms, made_by) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        wish.kind,
        wish.scope,
        wish.target,
        wish.from_ms,
        wish.to_ms,
        wish.state,
        wish.reason,
        clean(wish.text.strip(), TEXT_LIMIT),
        clean(wish.document.strip(), DOCUMENT_LIMIT),
        deed.at_ms,
        deed.who,
    ).scalar_one()
    audit.add(connection, deed, "overlay.propose", f"overlay:{made}", after=asdict(wish))
    return int(made)


def is_planned(wish: Wish, now_ms: int) -> bool:
    """Whether it would be planned maintenance: it counts at once."""
    return wish.kind == "maintenance" and wish.from_ms >= now_ms


def act(
    connection: Connection,
    overlay: int,
    verb: Verb,
    *,
    deed: Deed,
    by: By,
    to_ms: int | None = None,
    text: str = "",
) -> OverlayRow:
    """Approve, refuse, revoke or end (at `to_ms`) an overlay; returns it as it is then. Raises EntryError."""
    # Takes the row, so that two people who decide at once do so one after the other. It changes nothing.
    run(connection, "UPDATE overlay SET id = id WHERE id = ?", overlay)
    before = one(connection, overlay, by.scope)
    if before is None:
        raise _no_overlay(overlay)
    _check_held(connection, before.overlay, by.scope)
    why = refusal(
        before.overlay,
        before.standing,
        verb,
        is_author=is_author(connection, before.overlay.made_by, deed.who),
        may_approve=by.may_approve and _has_person(connection, deed.who),
        now_ms=deed.at_ms,
        to_ms=to_ms,
    )
    if why is not None:
        raise _refused(overlay, why)
    if len(text) > TEXT_LIMIT:
        raise _too_long(f"overlay {overlay}", "text", TEXT_LIMIT)
    # A clock that was set back must not let the log tell another story than the one that happened.
    at_ms = max(deed.at_ms, before.overlay.made_ms, *(event.at_ms for event in before.events))
    run(
        connection,
        "INSERT INTO overlay_event (overlay_id, at_ms, who, verb, to_ms, text) VALUES (?, ?, ?, ?, ?, ?)",
        overlay,
        at_ms,
        deed.who,
        verb,
        to_ms if verb == "end" else None,
        clean(text.strip(), TEXT_LIMIT),
    )
    after = one(connection, overlay)
    assert after is not None, "it was just there"
    audit.add(
        connection,
        deed,
        f"overlay.{verb}",
        f"overlay:{overlay}",
        before=_told(before.standing),
        after={**_told(after.standing), "text": text.strip()},
    )
    return after


def _told(now: Standing) -> dict[str, Any]:
    return {"status": now.status, "to_ms": now.to_ms, "counts_ms": now.counts_ms}


def is_author(connection: Connection, author: str, who: str) -> bool:
    """Whether somebody is the author, or acts for the same person: programs act for whoever made their tokens."""
    return author == who or bool(people_behind(connection, author) & people_behind(connection, who))


def people_behind(connection: Connection, who: str) -> frozenset[str]:
    """For whom somebody acts: a person for himself, a program for whoever made a token of its name."""
    found: set[str] = set()
    look, seen = [who], {who}
    while look:
        name = look.pop()
        if not name.startswith(PROGRAM):
            found.add(name)
            continue
        makers = run(connection, "SELECT DISTINCT made_by FROM token WHERE name = ?", name.removeprefix(PROGRAM))
        fresh = {str(maker) for maker in makers.scalars()} - seen
        seen |= fresh
        look += fresh
    return frozenset(found)


def _has_person(connection: Connection, who: str) -> bool:
    """Whether somebody acts for people who are there, and for nobody else."""
    names = sorted(people_behind(connection, who))
    if not names:
        return False
    sql = f"SELECT count(*) FROM person WHERE disabled_ms IS NULL AND id IN ({marks(len(names))})"
    return int(run(connection, sql, *names).scalar_one()) == len(names)


# --- what refuses ----------------------------------------------------------------------------------------------------


def _check_words(wish: Wish) -> None:
    if wish.kind not in KINDS:
        raise _wrong(wish, "kind", f"there is no kind {wish.kind[:40]!r}", " or ".join(KINDS), "name one of them")
    if wish.scope not in SCOPES:
        raise _wrong(wish, "scope", f"there is no scope {wish.scope[:40]!r}", " or ".join(SCOPES), "name one of them")
    reason = REASONS.get(wish.reason)
    if reason is None or wish.kind not in reason.kinds:
        fitting = " or ".join(name for name, one in REASONS.items() if wish.kind in one.kinds)
        raise _wrong(wish, "reason", f"no reason for this kind: {wish.reason[:40]!r}", fitting, "name one of them")
    if wish.kind == "correction" and wish.state not in STATES:
        what = f"a correction to {wish.state[:40]!r}"
        raise _wrong(wish, "state", what, " or ".join(STATES), "say which state it was; unknown is one of them")
    if wish.kind != "correction" and wish.state:
        raise _wrong(wish, "state", "only a correction says a state", "no state", "leave it out")
    if wish.reason == "other" and not wish.text.strip():
        raise _wrong(wish, "text", "the reason `other` explains nothing", "a text that says why", "write why")
    for name, limit in (("text", TEXT_LIMIT), ("document", DOCUMENT_LIMIT), ("target", TARGET_LIMIT)):
        if len(getattr(wish, name)) > limit:
            raise _too_long(f"{wish.scope} {wish.target[:TARGET_LIMIT]}", name, limit)


def _check_times(wish: Wish, now_ms: int) -> None:
    latest = now_ms + LONGEST_AHEAD_MS
    if not 0 <= wish.from_ms <= latest:
        raise _wrong(wish, "from", f"it cannot begin at {wish.from_ms}", "1970 up to ten years ahead", "mend the time")
    if wish.to_ms is not None and not wish.from_ms < wish.to_ms <= latest:
        what = f"it cannot end at {wish.to_ms}"
        raise _wrong(wish, "to", what, f"a time after its begin, {wish.from_ms}", "mend the time, or leave it open")
    if wish.kind == "correction" and max(wish.from_ms, wish.to_ms or 0) > now_ms:
        what = "a correction says what was, not what will be"
        raise _wrong(wish, "from, to", what, "times up to now, or an open end", "use maintenance for what is planned")


def _check_target(connection: Connection, wish: Wish, scope: Scope) -> None:
    sql = EXISTS_AS[wish.scope]
    names = [wish.target] * sql.count("?")
    is_there = is_id(wish.target) and run(connection, f"{sql} LIMIT 1", *names).first() is not None
    if not is_there or not _is_reached(connection, wish.scope, wish.target, scope):
        raise _wrong(
            wish,
            "target",
            f"there is no {wish.scope} {wish.target[:TARGET_LIMIT]}",
            f"the id of a {wish.scope}",
            "look it up in the list",
            cause="missing",
        )
    _check_window(connection, wish.scope, wish.target, wish.from_ms, wish.to_ms, scope)


def _check_held(connection: Connection, overlay: Overlay, scope: Scope) -> None:
    """Who only sees it, because a part of what it covers is theirs, cannot decide on it."""
    if not _is_reached(connection, overlay.scope, overlay.target, scope):
        raise _not_all_yours(overlay.scope, overlay.target)
    _check_window(connection, overlay.scope, overlay.target, overlay.from_ms, overlay.to_ms, scope)


def _is_reached(connection: Connection, kind: str, target: str, scope: Scope) -> bool:
    if scope.everything:
        return True
    if kind == "device":
        return reach.reaches(connection, scope, target)
    if kind == "customer":
        return target in scope.customers
    if kind == "group":
        return target in scope.groups
    return entries.one(connection, "place" if kind == "place" else "site", target, scope=scope) is not None


def _check_window(
    connection: Connection, kind: str, target: str, from_ms: int, to_ms: int | None, scope: Scope
) -> None:
    """What belonged to somebody else then is not theirs to change, though it may be now."""
    if scope.everything or kind not in HELD_BY:
        return
    end = FIRST if to_ms is None else to_ms
    meets = "{0}.from_ms < ? AND ({0}.to_ms IS NULL OR {0}.to_ms > ?)"
    # A version of a place counts while it meets the window, whatever stood there then: rather too strict than too lax.
    sql = HELD_BY[kind].format(p=meets.format("p"), s=meets.format("s"), t=meets.format("t"))
    joined = sql.count("from_ms <") - 1
    values = [*[end, from_ms] * joined, target, end, from_ms]
    if any(not scope.holds(group, customer) for group, customer in run(connection, sql, *values)):
        raise _not_all_yours(kind, target)


def _wrong(wish: Wish, name: str, what: str, expected: str, do: str, cause: str = "value") -> EntryError:
    where = f"{wish.kind[:20]} of {wish.scope[:20]} {wish.target[:TARGET_LIMIT]}"
    return EntryError(what=what, where=where, expected=expected, do=do, cause=cause, field=name)


def _too_long(where: str, name: str, limit: int) -> EntryError:
    return EntryError(
        what=f"{name} is too long", where=where, expected=f"at most {limit} characters", do="say it shorter", field=name
    )


def _not_all_yours(kind: str, target: str) -> EntryError:
    return EntryError(
        what=f"{kind} {target} was not yours for all of that time",
        where=f"{kind} {target}",
        expected="a time in which it belonged to your own groups or customers",
        do="choose a shorter time, or ask an administrator",
        cause="closed",
        field="target",
    )


def _no_overlay(overlay: int) -> EntryError:
    return EntryError(
        what=f"there is no overlay {overlay}",
        where=f"overlay {overlay}",
        expected="the id of an overlay",
        do="look it up in the list",
        cause="missing",
        field="id",
    )


def _refused(overlay: int, why: Why) -> EntryError:
    what, expected, do = REFUSALS[why]
    cause = "closed" if why in ("right", "second_person") else "conflict"
    return EntryError(what=what, where=f"overlay {overlay}", expected=expected, do=do, cause=cause, field="verb")
