"""Swaps (调班): a duty changes hands, for another one or for nothing.

    ask_swap(connection, shift, other=..., other_shift=..., deed=...)      asked of somebody by whose duty it is
    answer_swap(connection, swap, "agreed", deed=...)                      agreed to, refused, withdrawn
    set_swap(connection, shift, other=..., ...)                            set by a dispatcher

A swap takes both shifts back and makes two new ones from now on, in one transaction: if one of them is not as it was
when the swap was asked for, nothing happens, and the answer says what became of it.
"""

from typing import Any

from sqlalchemy import Connection

from roundsman_collector.core.duty import Shift, SwapState, clash
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import audit, duty
from roundsman_collector.store.audit import Deed
from roundsman_collector.store.duty import NOTE_LIMIT, Rota, ShiftWish, SwapRow, shift, swap
from roundsman_collector.store.duty_refusals import (
    RotaRefused,
    check_person,
    check_stands,
    clashes,
    decided,
    no_shift,
    no_swap,
    value_refused,
)
from roundsman_collector.store.entry_kinds import EntryError
from roundsman_collector.store.sql import clean, run


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
    duty.begin(connection, deed)
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
    duty.begin(connection, deed)
    found = swap(connection, swap_id)
    allowed = {"agreed": "other", "refused": "other", "withdrawn": "person"}.get(state)
    if found is None or allowed is None or deed.who not in (found.person, found.other):
        raise no_swap(swap_id)
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
        raise decided(found)
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
    duty.begin(connection, deed)
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
        raise no_shift(shift_id)
    check_stands(connection, mine, deed.at_ms)
    if mine.kind == "off":
        raise value_refused("shift", "a day off is not swapped", "a duty")
    if other == mine.person:
        raise value_refused("other", "this is whose duty it is", "somebody else")
    check_person(connection, mine.group, other, "other")
    if other_shift is None:
        return mine, None
    theirs = shift(connection, other_shift, scope=scope)
    if theirs is None or theirs.group != mine.group:
        raise no_shift(other_shift)
    check_stands(connection, theirs, deed.at_ms)
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
        rows = duty.read(connection, "person = ? AND to_ms > ? AND from_ms < ?", person, begin, taken.to_ms)
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
            raise clashes(beside)


def _carry_out(connection: Connection, swap_id: int, mine: Shift, theirs: Shift | None, other: str, deed: Deed) -> None:
    for taken, person in ((mine, other), *(() if theirs is None else ((theirs, mine.person),))):
        duty.void(connection, taken, deed)
        wish = ShiftWish(
            rota=Rota(group=taken.group, point=taken.point),
            person=person,
            kind=taken.kind,
            from_ms=max(taken.from_ms, deed.at_ms),
            to_ms=taken.to_ms,
            note=taken.note,
        )
        duty.insert(connection, wish, origin="swap", swap_id=swap_id, deed=deed)


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


def _told_swap(mine: Shift, theirs: Shift | None, other: str) -> dict[str, Any]:
    return {
        "shift": mine.id,
        "person": mine.person,
        "other": other,
        "other_shift": None if theirs is None else theirs.id,
    }
