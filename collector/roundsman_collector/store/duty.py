"""The duty rota as it is kept: shifts, days off, swaps, patterns. core/duty.py says what they mean.

    add(connection, wish, deed=..., scope=...)                     a shift or a day off, by a dispatcher
    remove(connection, shift, deed=..., scope=...)                 it counts no more from now on
    put_pattern / fill(connection, rota, first, last, ...)         how the weeks look; days made like that
    ask_swap / answer_swap / set_swap(connection, ...)             调班: asked and agreed to, or set by a dispatcher
    shifts / swaps / pattern(connection, ...)                      reading, within a scope

A rota belongs to a group, or to one service point of it (`point`). Whoever's scope holds the group sees it; changing it
takes the right to keep the register, which the address asks for. Shifts are written once: taking one back writes
`void_ms`. A swap takes both shifts back and makes two new ones from now on, in one transaction: if one of them is not
as it was when the swap was asked for, nothing happens, and the answer says what became of it.

Every change begins with writing one row of `meta`: rotas are changed one after the other, in every database, so that
two people who swap at once cannot both be told that it worked.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any, NamedTuple, get_args

from sqlalchemy import Connection

from roundsman_collector.core.calendar import instant, zone
from roundsman_collector.core.duty import (
    LONGEST_SHIFT_MS,
    SHIFT_KINDS,
    DutyError,
    Pattern,
    Plan,
    Shift,
    ShiftKind,
    SwapState,
    clash,
    filled,
    laid_out,
    pattern_from,
    written,
)
from roundsman_collector.roles import EVERYTHING, ROLES, Scope
from roundsman_collector.store import audit, calendars, entries, people
from roundsman_collector.store.audit import Deed
from roundsman_collector.store.entry_kinds import KINDS, EntryError
from roundsman_collector.store.people import PersonRow
from roundsman_collector.store.sql import chunks, clean, json_text, keep_fact, many, marks, run

ZONE = "Asia/Shanghai"
"""On whose clock patterns are written: the headquarters'."""
NOTE_LIMIT = 200
HORIZON_MS = 2 * 366 * 86_400_000
"""Nobody plans duties for more than two years, or enters them so long afterwards."""
WRITTEN = "duty_written_ms"
SHIFT = (
    "SELECT id, group_id, point, person, kind, from_ms, to_ms, note, origin, made_ms, made_by, swap_id, "
    "void_ms, void_by FROM duty_shift WHERE "
)
SWAP = (
    "SELECT id, group_id, shift_id, other_id, person, other, note, state, asked_ms, asked_by, done_ms, done_by "
    "FROM duty_swap WHERE "
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rota:
    """Whose rota: a group's, or one service point's of it."""

    group: str
    point: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ShiftWish:
    """A shift, or a day off, as a dispatcher wants it."""

    rota: Rota
    person: str
    kind: ShiftKind
    from_ms: int
    to_ms: int
    note: str = ""


class RotaRefused(EntryError):
    """A change that contradicts the rota as it stands now. `code` and `facts` say it for people in any language.

    duty, off      {person, shift}: somebody has a duty, or a day off, at that time already
    taken_back     {person, shift, by}: the duty was removed by somebody
    swapped        {person, shift, swap}: the duty was given away by a swap
    over           {person, shift}: the duty is over
    other          {person, shift}: the duty is somebody else's than was said
    asked          {swap}: somebody was asked for the same already
    decided        {swap, state, by}: the swap does not wait for an answer any more
    unable         {person, group}: somebody cannot be on duty for a group
    """

    def __init__(
        self, code: str, facts: Mapping[str, str], *, what: str, where: str, expected: str, do: str, field: str
    ) -> None:
        super().__init__(what=what, where=where, expected=expected, do=do, cause="conflict", field=field)
        self.code = code
        self.facts = dict(facts)


class SwapRow(NamedTuple):
    """A swap: `person` gives the duty `shift` to `other`, for `other_shift` or for nothing."""

    id: int
    group: str
    shift: int
    other_shift: int | None
    person: str
    other: str
    note: str
    state: SwapState
    asked_ms: int
    asked_by: str
    done_ms: int | None
    done_by: str


class PatternRow(NamedTuple):
    """How the weeks of a rota look, and who said so when."""

    pattern: Pattern
    made_ms: int
    made_by: str


# --- reading ---------------------------------------------------------------------------------------------------------


def shifts(
    connection: Connection,
    from_ms: int,
    to_ms: int,
    *,
    scope: Scope = EVERYTHING,
    group: str | None = None,
    person: str | None = None,
    limit: int = 5000,
) -> list[Shift]:
    """Shifts that meet [from_ms, to_ms), taken back or not, by their begin: within the scope, of one group or person.

    Days off of a group's people stand in whatever rota they were entered in.
    """
    seen, values = _within(scope)
    where = f"to_ms > ? AND from_ms < ? AND {seen}"
    bound: list[object] = [from_ms, to_ms, *values]
    for column, wanted in (("group_id", group), ("person", person)):
        if wanted is not None:
            where, bound = f"{where} AND {column} = ?", [*bound, wanted]
    return _shifts(connection, f"{where} ORDER BY from_ms, id LIMIT ?", *bound, limit)


def shift(connection: Connection, shift_id: int, *, scope: Scope = EVERYTHING) -> Shift | None:
    """A shift, if the scope reaches its rota."""
    seen, values = _within(scope)
    return next(iter(_shifts(connection, f"id = ? AND {seen}", shift_id, *values)), None)


def held_now(connection: Connection, at_ms: int, rotas: Collection[Rota], persons: Collection[str]) -> list[Shift]:
    """The shifts of these rotas that hold at an instant, and the days off that these people have then, wherever."""
    groups = sorted({one.group for one in rotas})
    holds = "from_ms <= ? AND to_ms > ? AND (void_ms IS NULL OR void_ms > ?)"
    found: dict[int, Shift] = {}
    for part in chunks(groups):
        rows = _shifts(connection, f"group_id IN ({marks(len(part))}) AND {holds}", *part, at_ms, at_ms, at_ms)
        wanted = {(one.group, one.point) for one in rotas}
        found.update((one.id, one) for one in rows if (one.group, one.point) in wanted)
    for part in chunks(sorted(persons)):
        rows = _shifts(
            connection, f"person IN ({marks(len(part))}) AND kind = 'off' AND {holds}", *part, at_ms, at_ms, at_ms
        )
        found.update((one.id, one) for one in rows)
    return list(found.values())


def swaps(
    connection: Connection,
    *,
    scope: Scope = EVERYTHING,
    group: str | None = None,
    state: SwapState | None = None,
    shift_id: int | None = None,
    before_id: int | None = None,
    limit: int = 100,
) -> list[SwapRow]:
    """Swaps within the scope, the newest first: of one group, in one state, about one shift, if named."""
    seen, values = _within(scope)
    where, bound = f"id < ? AND {seen}", list[object]([2**62 if before_id is None else before_id, *values])
    if group is not None:
        where, bound = f"{where} AND group_id = ?", [*bound, group]
    if state is not None:
        where, bound = f"{where} AND state = ?", [*bound, state]
    if shift_id is not None:
        where, bound = f"{where} AND (shift_id = ? OR other_id = ?)", [*bound, shift_id, shift_id]
    return [SwapRow(*row) for row in run(connection, f"{SWAP}{where} ORDER BY id DESC LIMIT ?", *bound, limit)]


def swap(connection: Connection, swap_id: int, *, scope: Scope = EVERYTHING) -> SwapRow | None:
    """A swap, if the scope reaches its rota."""
    seen, values = _within(scope)
    row = run(connection, f"{SWAP}id = ? AND {seen}", swap_id, *values).first()
    return None if row is None else SwapRow(*row)


def pattern(connection: Connection, rota: Rota, *, scope: Scope = EVERYTHING) -> PatternRow | None:
    """How the weeks of a rota look now; None: nobody has said, or it is out of reach."""
    if not scope.holds(rota.group, None):
        return None
    row = run(
        connection,
        "SELECT body, made_ms, made_by FROM duty_pattern WHERE group_id = ? AND point = ? AND to_ms IS NULL",
        rota.group,
        rota.point,
    ).first()
    return None if row is None else PatternRow(pattern_from(json.loads(row[0])), row[1], row[2])


def groups_within(connection: Connection, scope: Scope) -> list[str]:
    """Every group that a scope holds and that there is, by id: one that is entered, has agents or has sites."""
    found = run(
        connection,
        "SELECT id FROM monitoring_group WHERE to_ms IS NULL UNION SELECT group_id FROM agent WHERE removed_ms IS NULL "
        "UNION SELECT group_id FROM site WHERE to_ms IS NULL "
        "UNION SELECT group_id FROM service_point WHERE to_ms IS NULL",
    ).scalars()
    return sorted(str(one) for one in found if scope.holds(str(one), None))


def people_of(connection: Connection, group: str) -> list[PersonRow]:
    """Who can be on duty for a group: whoever may act, is not shut out, and reaches it or a customer of it."""
    customers = set(
        run(connection, "SELECT DISTINCT customer FROM site WHERE group_id = ? AND to_ms IS NULL", group).scalars()
    )
    return [
        one
        for one in people.persons(connection)
        if one.disabled_ms is None
        and "act" in ROLES[one.role]
        and (one.scope.holds(group, None) or bool(one.scope.customers & customers))
    ]


def _shifts(connection: Connection, where: str, *values: object) -> list[Shift]:
    return [
        Shift(
            id=row[0],
            group=row[1],
            point=row[2],
            person=row[3],
            kind=row[4],
            from_ms=row[5],
            to_ms=row[6],
            note=row[7],
            origin=row[8],
            made_ms=row[9],
            made_by=row[10],
            swap=row[11],
            void_ms=row[12],
            void_by=row[13],
        )
        for row in run(connection, SHIFT + where, *values)
    ]


def _within(scope: Scope) -> tuple[str, list[object]]:
    if scope.everything:
        return "1 = 1", []
    groups = list[object](sorted(scope.groups))
    return (f"group_id IN ({marks(len(groups))})", groups) if groups else ("1 = 0", [])


# --- shifts ----------------------------------------------------------------------------------------------------------


def add(connection: Connection, wish: ShiftWish, *, deed: Deed, scope: Scope = EVERYTHING) -> int:
    """Put somebody on duty, or give them a day off; returns the shift's id. Raises EntryError."""
    keep_fact(connection, WRITTEN, str(deed.at_ms))
    _check_rota(connection, wish.rota, scope)
    _check_person(connection, wish.rota.group, wish.person, "person")
    _check_wish(wish, deed)
    held = _shifts(connection, "person = ? AND to_ms > ? AND from_ms < ?", wish.person, wish.from_ms, wish.to_ms)
    beside = clash(
        held,
        group=wish.rota.group,
        point=wish.rota.point,
        person=wish.person,
        kind=wish.kind,
        from_ms=wish.from_ms,
        to_ms=wish.to_ms,
    )
    if beside is not None:
        raise _clashes(beside)
    made = _insert(connection, wish, origin="person", swap_id=None, deed=deed)
    audit.add(connection, deed, "duty.add", f"shift:{made}", after=_told_wish(wish))
    return made


def remove(connection: Connection, shift_id: int, *, deed: Deed, scope: Scope = EVERYTHING) -> None:
    """Let a shift count no more from now on; what it counted up to now stays. Raises EntryError."""
    keep_fact(connection, WRITTEN, str(deed.at_ms))
    found = shift(connection, shift_id, scope=scope)
    if found is None:
        raise _no_shift(shift_id)
    _check_stands(connection, found, deed.at_ms)
    _void(connection, found, deed)
    audit.add(connection, deed, "duty.remove", f"shift:{shift_id}", before=_told(found))


def _check_wish(wish: ShiftWish, deed: Deed) -> None:
    if wish.kind not in SHIFT_KINDS:
        raise _value("kind", f"{str(wish.kind)[:40]!r} is unknown", ", ".join(get_args(ShiftKind)))
    if not 0 < wish.to_ms - wish.from_ms <= LONGEST_SHIFT_MS:
        raise _value("to", "the shift has no end behind its begin, or lasts too long", "an end within 31 days")
    if abs(wish.from_ms - deed.at_ms) > HORIZON_MS:
        raise _value("from", "the begin lies too far away", "a time within two years")


def _insert(connection: Connection, wish: ShiftWish, *, origin: str, swap_id: int | None, deed: Deed) -> int:
    return int(
        run(
            connection,
            "INSERT INTO duty_shift (group_id, point, person, kind, from_ms, to_ms, note, origin, swap_id, made_ms, "
            "made_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
            wish.rota.group,
            wish.rota.point,
            wish.person,
            wish.kind,
            wish.from_ms,
            wish.to_ms,
            clean(wish.note.strip(), NOTE_LIMIT),
            origin,
            swap_id,
            deed.at_ms,
            clean(deed.who, NOTE_LIMIT),
        ).scalar_one()
    )


def _void(connection: Connection, one: Shift, deed: Deed) -> None:
    run(
        connection,
        "UPDATE duty_shift SET void_ms = ?, void_by = ? WHERE id = ? AND void_ms IS NULL",
        deed.at_ms,
        clean(deed.who, NOTE_LIMIT),
        one.id,
    )


# --- patterns --------------------------------------------------------------------------------------------------------


def put_pattern(
    connection: Connection, rota: Rota, document: Mapping[str, Any], *, deed: Deed, scope: Scope = EVERYTHING
) -> Pattern:
    """Say how the weeks of a rota look from now on; it fills no day by itself. Raises EntryError."""
    keep_fact(connection, WRITTEN, str(deed.at_ms))
    _check_rota(connection, rota, scope)
    try:
        wanted = pattern_from(document)
    except DutyError as error:
        raise _value(error.field, error.what, error.expected) from error
    if entries.one(connection, "calendar", wanted.calendar, scope=scope) is None:
        raise _value("calendar", f"there is no calendar {wanted.calendar[:63]}", "a calendar such as cn")
    for at, line in enumerate(wanted.lines):
        for person in line.people:
            _check_person(connection, rota.group, person, f"lines.{at}.people")
    before = pattern(connection, rota)
    if before is not None and before.pattern == wanted:
        return wanted
    begin = deed.at_ms if before is None else max(deed.at_ms, before.made_ms + 1)
    run(
        connection,
        "UPDATE duty_pattern SET to_ms = ? WHERE group_id = ? AND point = ? AND to_ms IS NULL",
        begin,
        rota.group,
        rota.point,
    )
    run(
        connection,
        "INSERT INTO duty_pattern (group_id, point, from_ms, made_ms, made_by, body) VALUES (?, ?, ?, ?, ?, ?)",
        rota.group,
        rota.point,
        begin,
        begin,
        clean(deed.who, NOTE_LIMIT),
        json_text(written(wanted)),
    )
    told = None if before is None else written(before.pattern)
    audit.add(connection, deed, "duty.pattern", _subject(rota), before=told, after=written(wanted))
    return wanted


def planned(
    connection: Connection, rota: Rota, first: date, last: date, *, now_ms: int, scope: Scope = EVERYTHING
) -> Plan:
    """What filling days of a rota would do. Raises EntryError."""
    _check_rota(connection, rota, scope)
    found = pattern(connection, rota)
    if found is None:
        raise EntryError(
            what="nobody has said how the weeks of this rota look",
            where=_subject(rota),
            expected="a pattern",
            do="write a pattern first, then fill days with it",
            cause="conflict",
            field="pattern",
        )
    days = calendars.days(connection, found.pattern.calendar, from_day=found.pattern.from_day, to_day=last)
    try:
        turns = filled(found.pattern, days, first, last, zone(ZONE))
    except DutyError as error:
        raise _value(error.field, error.what, error.expected) from error
    begin, end = instant(first, 0, zone(ZONE)), instant(last + timedelta(days=1), 0, zone(ZONE))
    widest = max((turn.to_ms for turn in turns), default=end)
    held = _shifts(connection, "group_id = ? AND to_ms > ? AND from_ms < ?", rota.group, begin, widest)
    seen = {one.id for one in held}
    for part in chunks(sorted({turn.person for turn in turns})):
        rows = _shifts(
            connection,
            f"person IN ({marks(len(part))}) AND kind = 'off' AND to_ms > ? AND from_ms < ?",
            *part,
            begin,
            widest,
        )
        held += [one for one in rows if one.id not in seen]
    return laid_out(turns, held, group=rota.group, point=rota.point, from_ms=begin, to_ms=end, now_ms=now_ms)


def fill(connection: Connection, rota: Rota, first: date, last: date, *, deed: Deed, scope: Scope = EVERYTHING) -> Plan:
    """Make days of a rota as its pattern says; returns what was done. Raises EntryError."""
    keep_fact(connection, WRITTEN, str(deed.at_ms))
    plan = planned(connection, rota, first, last, now_ms=deed.at_ms, scope=scope)
    for part in chunks(sorted({turn.person for turn in plan.add})):
        for person in part:
            _check_person(connection, rota.group, person, "people")
    who = clean(deed.who, NOTE_LIMIT)
    many(
        connection,
        "UPDATE duty_shift SET void_ms = ?, void_by = ? WHERE id = ? AND void_ms IS NULL",
        [(deed.at_ms, who, one) for one in plan.void],
    )
    many(
        connection,
        "INSERT INTO duty_shift (group_id, point, person, kind, from_ms, to_ms, note, origin, made_ms, made_by) "
        "VALUES (?, ?, ?, ?, ?, ?, '', 'pattern', ?, ?)",
        [
            (rota.group, rota.point, turn.person, turn.kind, turn.from_ms, turn.to_ms, deed.at_ms, who)
            for turn in plan.add
        ],
    )
    if plan.add or plan.void:
        told = {
            "first": first.isoformat(),
            "last": last.isoformat(),
            "added": len(plan.add),
            "taken_back": len(plan.void),
            "left_out": len(plan.left_out),
        }
        audit.add(connection, deed, "duty.fill", _subject(rota), after=told)
    return plan


# --- swaps -----------------------------------------------------------------------------------------------------------


def ask_swap(
    connection: Connection,
    shift_id: int,
    *,
    other: str,
    other_shift: int | None,
    note: str = "",
    deed: Deed,
) -> int:
    """Ask `other` to take a duty of whoever asks, for one of theirs or for nothing; returns the swap's id."""
    keep_fact(connection, WRITTEN, str(deed.at_ms))
    found = shift(connection, shift_id)
    if found is None or found.person != deed.who:
        raise EntryError(
            what=f"you have no duty {shift_id}",
            where=f"shift {shift_id}",
            expected="the number of a duty of your own",
            do="ask whose it is to swap, or let a dispatcher set it",
            cause="missing",
            field="shift",
        )
    mine, theirs = _both(connection, shift_id, other, other_shift, deed, EVERYTHING)
    _check_takes(connection, mine, theirs, other, deed.at_ms)
    _check_not_asked(connection, mine, other)
    made = _insert_swap(connection, mine, other, other_shift, note, "asked", deed)
    audit.add(connection, deed, "duty.ask_swap", f"swap:{made}", after=_told_swap(mine, theirs, other))
    return made


def answer_swap(connection: Connection, swap_id: int, state: SwapState, *, deed: Deed) -> SwapRow:
    """Agree to a swap, refuse it (whom it was asked of), or withdraw it (who asked). Raises EntryError."""
    keep_fact(connection, WRITTEN, str(deed.at_ms))
    found = swap(connection, swap_id)
    allowed = {"agreed": "other", "refused": "other", "withdrawn": "person"}.get(state)
    if found is None or allowed is None or deed.who not in (found.person, found.other):
        raise _no_swap(swap_id)
    if deed.who != getattr(found, allowed):
        raise EntryError(
            what="you asked for this swap yourself" if deed.who == found.person else "you did not ask for this swap",
            where=f"swap {swap_id}",
            expected=f"{found.other} agrees or refuses, {found.person} may withdraw it",
            do="wait for the answer, or withdraw it",
            cause="closed",
            field="swap",
        )
    if found.state != "asked":
        raise _decided(found)
    if state == "agreed":
        mine, theirs = _both(connection, found.shift, found.other, found.other_shift, deed, EVERYTHING)
        _check_takes(connection, mine, theirs, found.other, deed.at_ms)
        _carry_out(connection, swap_id, mine, theirs, found.other, deed)
    _decide(connection, swap_id, state, deed)
    audit.add(connection, deed, f"duty.{state}", f"swap:{swap_id}", after={"state": state})
    after = swap(connection, swap_id)
    assert after is not None, "it was just decided"
    return after


def set_swap(
    connection: Connection,
    shift_id: int,
    *,
    other: str,
    other_shift: int | None,
    note: str = "",
    deed: Deed,
    scope: Scope = EVERYTHING,
) -> int:
    """Let `other` have a duty, for one of theirs or for nothing, as a dispatcher says; returns the swap's id."""
    keep_fact(connection, WRITTEN, str(deed.at_ms))
    mine, theirs = _both(connection, shift_id, other, other_shift, deed, scope)
    _check_takes(connection, mine, theirs, other, deed.at_ms)
    made = _insert_swap(connection, mine, other, other_shift, note, "set", deed)
    _carry_out(connection, made, mine, theirs, other, deed)
    audit.add(connection, deed, "duty.set_swap", f"swap:{made}", after=_told_swap(mine, theirs, other))
    return made


def _both(
    connection: Connection, shift_id: int, other: str, other_shift: int | None, deed: Deed, scope: Scope
) -> tuple[Shift, Shift | None]:
    """The duties that a swap is about, as they stand now."""
    mine = shift(connection, shift_id, scope=scope)
    if mine is None:
        raise _no_shift(shift_id)
    _check_stands(connection, mine, deed.at_ms)
    if mine.kind == "off":
        raise _value("shift", "a day off is not swapped", "a duty")
    if other == mine.person:
        raise _value("other", "this is whose duty it is", "somebody else")
    _check_person(connection, mine.group, other, "other")
    if other_shift is None:
        return mine, None
    theirs = shift(connection, other_shift, scope=scope)
    if theirs is None or theirs.group != mine.group:
        raise _no_shift(other_shift)
    _check_stands(connection, theirs, deed.at_ms)
    if theirs.person != other or theirs.kind == "off":
        raise RotaRefused(
            "other",
            {"person": theirs.person, "shift": str(theirs.id)},
            what=f"duty {other_shift} is {theirs.person}'s",
            where=f"shift {other_shift}",
            expected=f"a duty of {other}",
            do="look at the rota as it stands now",
            field="other_shift",
        )
    return mine, theirs


def _check_stands(connection: Connection, one: Shift, now_ms: int) -> None:
    """Refuse what was taken back, saying by whom and what took its place; and what is over."""
    if one.void_ms is not None:
        row = run(
            connection,
            "SELECT id FROM duty_swap WHERE (shift_id = ? OR other_id = ?) "
            "AND state IN ('agreed', 'set') ORDER BY id DESC LIMIT 1",
            one.id,
            one.id,
        ).first()
        how = f"given away by swap {row[0]}" if row is not None else f"taken back by {one.void_by}"
        told = {"by": one.void_by} if row is None else {"swap": str(row[0])}
        raise RotaRefused(
            "taken_back" if row is None else "swapped",
            {"person": one.person, "shift": str(one.id), **told},
            what=f"duty {one.id} of {one.person} was {how} meanwhile",
            where=f"shift {one.id}",
            expected="a duty that stands",
            do="look at the rota as it stands now",
            field="shift",
        )
    if one.to_ms <= now_ms:
        raise RotaRefused(
            "over",
            {"person": one.person, "shift": str(one.id)},
            what=f"duty {one.id} of {one.person} is over",
            where=f"shift {one.id}",
            expected="a duty that is not over",
            do="what was lived stays as it was",
            field="shift",
        )


def _check_not_asked(connection: Connection, mine: Shift, other: str) -> None:
    """Refuse what the same person was asked already: a request that came twice, or a second thought."""
    waiting = run(
        connection,
        "SELECT id FROM duty_swap WHERE shift_id = ? AND other = ? AND state = 'asked'",
        mine.id,
        other,
    ).scalar()
    if waiting is not None:
        raise RotaRefused(
            "asked",
            {"swap": str(waiting)},
            what=f"{other} was asked to take duty {mine.id} already (swap {waiting})",
            where=f"shift {mine.id}",
            expected="one question at a time",
            do="wait for the answer, or withdraw that one first",
            field="other",
        )


def _check_takes(connection: Connection, mine: Shift, theirs: Shift | None, other: str, now_ms: int) -> None:
    """Refuse a swap by which somebody would have two duties at once, or one on a day off."""
    leaving = {mine.id, *([] if theirs is None else [theirs.id])}
    for taken, person in ((mine, other), *(() if theirs is None else ((theirs, mine.person),))):
        begin = max(taken.from_ms, now_ms)
        rows = _shifts(connection, "person = ? AND to_ms > ? AND from_ms < ?", person, begin, taken.to_ms)
        beside = clash(
            [one for one in rows if one.id not in leaving],
            group=taken.group,
            point=taken.point,
            person=person,
            kind=taken.kind,
            from_ms=begin,
            to_ms=taken.to_ms,
        )
        if beside is not None:
            raise _clashes(beside)


def _carry_out(connection: Connection, swap_id: int, mine: Shift, theirs: Shift | None, other: str, deed: Deed) -> None:
    for taken, person in ((mine, other), *(() if theirs is None else ((theirs, mine.person),))):
        _void(connection, taken, deed)
        wish = ShiftWish(
            rota=Rota(group=taken.group, point=taken.point),
            person=person,
            kind=taken.kind,
            from_ms=max(taken.from_ms, deed.at_ms),
            to_ms=taken.to_ms,
            note=taken.note,
        )
        _insert(connection, wish, origin="swap", swap_id=swap_id, deed=deed)


def _insert_swap(
    connection: Connection,
    mine: Shift,
    other: str,
    other_shift: int | None,
    note: str,
    state: SwapState,
    deed: Deed,
) -> int:
    is_done = state != "asked"
    who = clean(deed.who, NOTE_LIMIT)
    return int(
        run(
            connection,
            "INSERT INTO duty_swap (group_id, shift_id, other_id, person, other, note, state, asked_ms, asked_by, "
            "done_ms, done_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
            mine.group,
            mine.id,
            other_shift,
            mine.person,
            other,
            clean(note.strip(), NOTE_LIMIT),
            state,
            deed.at_ms,
            who,
            deed.at_ms if is_done else None,
            who if is_done else "",
        ).scalar_one()
    )


def _decide(connection: Connection, swap_id: int, state: SwapState, deed: Deed) -> None:
    run(
        connection,
        "UPDATE duty_swap SET state = ?, done_ms = ?, done_by = ? WHERE id = ? AND state = 'asked'",
        state,
        deed.at_ms,
        clean(deed.who, NOTE_LIMIT),
        swap_id,
    )


# --- what refuses a change -------------------------------------------------------------------------------------------


def _check_rota(connection: Connection, rota: Rota, scope: Scope) -> None:
    if rota.group not in groups_within(connection, scope):
        raise EntryError(
            what=f"there is no group {rota.group[:63]}",
            where="rota",
            expected="a group of your own",
            do="look it up in the list of monitoring centres",
            cause="missing",
            field="group",
        )
    if rota.point:
        found = entries.one(connection, "point", rota.point)
        if found is None or found.fields["group_id"] != rota.group:
            raise entries.no_entry(KINDS["point"], rota.point[:63])


def _check_person(connection: Connection, group: str, person: str, field: str) -> None:
    """Refuse whoever cannot be on duty for a group; nobody learns here who else there is."""
    if person not in {one.id for one in people_of(connection, group)}:
        raise RotaRefused(
            "unable",
            {"person": person[:63], "group": group},
            what=f"{person[:63]} cannot be on duty for {group}",
            where=field,
            expected="the login name of somebody who may act on tickets and whose scope reaches the group",
            do="choose somebody of the list, or let an administrator widen their role or scope",
            field=field,
        )


def _clashes(beside: Shift) -> RotaRefused:
    what = "is off" if beside.kind == "off" else "is on duty"
    return RotaRefused(
        "off" if beside.kind == "off" else "duty",
        {"person": beside.person, "shift": str(beside.id)},
        what=f"{beside.person} {what} at that time already (shift {beside.id})",
        where=f"shift {beside.id}",
        expected="a time at which they have nothing",
        do="swap or remove that one first, or choose somebody else",
        field="person",
    )


def _decided(found: SwapRow) -> RotaRefused:
    return RotaRefused(
        "decided",
        {"swap": str(found.id), "state": found.state, "by": found.done_by},
        what=f"swap {found.id} was decided already: {found.state} by {found.done_by}",
        where=f"swap {found.id}",
        expected="a swap that waits for an answer",
        do="look at the rota as it stands now",
        field="swap",
    )


def _no_shift(shift_id: int) -> EntryError:
    return EntryError(
        what=f"there is no duty {shift_id}",
        where="shift",
        expected="the number of a duty of a rota that you reach",
        do="look it up in the rota",
        cause="missing",
        field="shift",
    )


def _no_swap(swap_id: int) -> EntryError:
    return EntryError(
        what=f"there is no swap {swap_id}",
        where="swap",
        expected="the number of a swap that you asked for, or that was asked of you",
        do="look it up in the rota",
        cause="missing",
        field="swap",
    )


def _value(field: str, what: str, expected: str) -> EntryError:
    return EntryError(what=what, where=field, expected=expected, do="mend it", field=field)


# --- what the audit log says -----------------------------------------------------------------------------------------


def _subject(rota: Rota) -> str:
    return f"rota:{rota.group}" + (f"/{rota.point}" if rota.point else "")


def _told(one: Shift) -> dict[str, Any]:
    return {name: value for name, value in asdict(one).items() if name in _TOLD}


def _told_wish(wish: ShiftWish) -> dict[str, Any]:
    return {
        "group": wish.rota.group,
        "point": wish.rota.point,
        "person": wish.person,
        "kind": wish.kind,
        "from_ms": wish.from_ms,
        "to_ms": wish.to_ms,
    }


def _told_swap(mine: Shift, theirs: Shift | None, other: str) -> dict[str, Any]:
    return {
        "shift": mine.id,
        "person": mine.person,
        "other": other,
        "other_shift": None if theirs is None else theirs.id,
    }


_TOLD = frozenset({"group", "point", "person", "kind", "from_ms", "to_ms"})
