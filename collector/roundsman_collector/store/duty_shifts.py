"""Shifts and days off as a dispatcher enters them and takes them back.

add(connection, wish, deed=..., scope=...)           a shift or a day off
remove(connection, shift, deed=..., scope=...)       it counts no more from now on
"""

from typing import Any, get_args

from sqlalchemy import Connection

from roundsman_collector.core.duty import LONGEST_SHIFT_MS, SHIFT_KINDS, Shift, ShiftKind, clash
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import audit, duty
from roundsman_collector.store.audit import Deed
from roundsman_collector.store.duty import ShiftWish
from roundsman_collector.store.duty_refusals import (
    check_person,
    check_rota,
    check_stands,
    clashes,
    no_shift,
    value_refused,
)

HORIZON_MS = 2 * 366 * 86_400_000
"""Nobody plans duties for more than two years, or enters them so long afterwards."""


def add(connection: Connection, wish: ShiftWish, *, deed: Deed, scope: Scope = EVERYTHING) -> int:
    """Put somebody on duty, or give them a day off; returns the shift's id. Raises EntryError."""
    duty.begin(connection, deed)
    check_rota(connection, wish.rota, scope)
    check_person(connection, wish.rota.group, wish.person, "person")
    _check_wish(wish, deed)
    held = duty.read(connection, "person = ? AND to_ms > ? AND from_ms < ?", wish.person, wish.from_ms, wish.to_ms)
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
        raise clashes(beside)
    made = duty.insert(connection, wish, origin="person", swap_id=None, deed=deed)
    audit.add(connection, deed, "duty.add", f"shift:{made}", after=_told_wish(wish))
    return made


def remove(connection: Connection, shift_id: int, *, deed: Deed, scope: Scope = EVERYTHING) -> None:
    """Let a shift count no more from now on; what it counted up to now stays. Raises EntryError."""
    duty.begin(connection, deed)
    found = duty.shift(connection, shift_id, scope=scope)
    if found is None:
        raise no_shift(shift_id)
    check_stands(connection, found, deed.at_ms)
    duty.void(connection, found, deed)
    audit.add(connection, deed, "duty.remove", f"shift:{shift_id}", before=_told(found))


def _check_wish(wish: ShiftWish, deed: Deed) -> None:
    if wish.kind not in SHIFT_KINDS:
        raise value_refused("kind", f"{str(wish.kind)[:40]!r} is unknown", ", ".join(get_args(ShiftKind)))
    if not 0 < wish.to_ms - wish.from_ms <= LONGEST_SHIFT_MS:
        raise value_refused("to", "the shift has no end behind its begin, or lasts too long", "an end within 31 days")
    if abs(wish.from_ms - deed.at_ms) > HORIZON_MS:
        raise value_refused("from", "the begin lies too far away", "a time within two years")


def _told_wish(wish: ShiftWish) -> dict[str, Any]:
    return {
        "group": wish.rota.group,
        "point": wish.rota.point,
        "person": wish.person,
        "kind": wish.kind,
        "from_ms": wish.from_ms,
        "to_ms": wish.to_ms,
    }


def _told(one: Shift) -> dict[str, Any]:
    return {
        "group": one.group,
        "point": one.point,
        "person": one.person,
        "kind": one.kind,
        "from_ms": one.from_ms,
        "to_ms": one.to_ms,
    }
