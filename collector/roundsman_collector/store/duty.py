"""The duty rota as it is kept: shifts, days off, swaps, patterns. core/duty.py says what they mean.

    shifts / swaps / held_now(connection, ...)         reading, within a scope
    groups_within / people_of(connection, ...)         whose rotas there are, and who can stand in one

    duty_shifts.py       a shift or a day off, entered or taken back by a dispatcher
    duty_patterns.py     how the weeks look; days made like that
    duty_swaps.py        调班: asked and agreed to, or set by a dispatcher
    duty_refusals.py     what stands in the way of a change, for people in any language

A rota belongs to a group, or to one service point of it (`point`). Whoever's scope holds the group sees it; changing it
takes the right to keep the register, which the address asks for. Shifts are written once: taking one back writes
`void_ms`.

Every change begins with writing one row of `meta` (begin): rotas are changed one after the other, in every database, so
that two people who swap at once cannot both be told that it worked.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection

from roundsman_collector.core.duty import Shift, ShiftKind, SwapState
from roundsman_collector.roles import EVERYTHING, ROLES, Scope
from roundsman_collector.store import people
from roundsman_collector.store.audit import Deed
from roundsman_collector.store.people import PersonRow
from roundsman_collector.store.sql import chunks, clean, keep_fact, marks, run

ZONE = "Asia/Shanghai"
"""On whose clock patterns are written: the headquarters'."""
NOTE_LIMIT = 200
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
    return read(connection, f"{where} ORDER BY from_ms, id LIMIT ?", *bound, limit)


def shift(connection: Connection, shift_id: int, *, scope: Scope = EVERYTHING) -> Shift | None:
    """A shift, if the scope reaches its rota."""
    seen, values = _within(scope)
    return next(iter(read(connection, f"id = ? AND {seen}", shift_id, *values)), None)


def held_now(connection: Connection, at_ms: int, rotas: Collection[Rota], persons: Collection[str]) -> list[Shift]:
    """The shifts of these rotas that hold at an instant, and the days off that these people have then, wherever."""
    groups = sorted({one.group for one in rotas})
    holds = "from_ms <= ? AND to_ms > ? AND (void_ms IS NULL OR void_ms > ?)"
    found: dict[int, Shift] = {}
    for part in chunks(groups):
        rows = read(connection, f"group_id IN ({marks(len(part))}) AND {holds}", *part, at_ms, at_ms, at_ms)
        wanted = {(one.group, one.point) for one in rotas}
        found.update((one.id, one) for one in rows if (one.group, one.point) in wanted)
    for part in chunks(sorted(persons)):
        rows = read(
            connection, f"person IN ({marks(len(part))}) AND kind = 'off' AND {holds}", *part, at_ms, at_ms, at_ms
        )
        found.update((one.id, one) for one in rows)
    return list(found.values())


def held_at(connection: Connection, at_ms: int) -> list[Shift]:
    """All shifts that hold at an instant, days off too."""
    holds = "from_ms <= ? AND to_ms > ? AND (void_ms IS NULL OR void_ms > ?)"
    return read(connection, holds, at_ms, at_ms, at_ms)


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


def read(connection: Connection, where: str, *values: object) -> list[Shift]:
    """Shifts that match; `where` is a condition of this package's own making."""
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


# --- writing ---------------------------------------------------------------------------------------------------------


def begin(connection: Connection, deed: Deed) -> None:
    """Change rotas alone from here to the end of the transaction."""
    keep_fact(connection, WRITTEN, str(deed.at_ms))


def insert(connection: Connection, wish: ShiftWish, *, origin: str, swap_id: int | None, deed: Deed) -> int:
    """Write a shift down; returns its id."""
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


def void(connection: Connection, one: Shift, deed: Deed) -> None:
    """Let a shift count no more from now on."""
    run(
        connection,
        "UPDATE duty_shift SET void_ms = ?, void_by = ? WHERE id = ? AND void_ms IS NULL",
        deed.at_ms,
        clean(deed.who, NOTE_LIMIT),
        one.id,
    )
