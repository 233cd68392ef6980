"""What stands in the way of a change of the duty rota, in words, and as facts that a page says in any language.

check_rota / check_person / check_stands(connection, ...)      raise where a change cannot be
clashes(beside) / decided(swap) / no_shift(7) / no_swap(7)      what is raised elsewhere
"""

from collections.abc import Mapping

from sqlalchemy import Connection

from roundsman_collector.core.duty import Shift
from roundsman_collector.roles import Scope
from roundsman_collector.store import entries
from roundsman_collector.store.duty import Rota, SwapRow, groups_within, people_of
from roundsman_collector.store.entry_kinds import KINDS, EntryError
from roundsman_collector.store.sql import run


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


def check_rota(connection: Connection, rota: Rota, scope: Scope) -> None:
    """Refuse a rota that is not there, or not in reach."""
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


def check_person(connection: Connection, group: str, person: str, field: str) -> None:
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


def check_stands(connection: Connection, one: Shift, now_ms: int) -> None:
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


def clashes(beside: Shift) -> RotaRefused:
    """Somebody has something else at that time."""
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


def decided(found: SwapRow) -> RotaRefused:
    """A swap does not wait for an answer any more."""
    return RotaRefused(
        "decided",
        {"swap": str(found.id), "state": found.state, "by": found.done_by},
        what=f"swap {found.id} was decided already: {found.state} by {found.done_by}",
        where=f"swap {found.id}",
        expected="a swap that waits for an answer",
        do="look at the rota as it stands now",
        field="swap",
    )


def no_shift(shift_id: int) -> EntryError:
    """There is no such duty, or it is out of reach."""
    return EntryError(
        what=f"there is no duty {shift_id}",
        where="shift",
        expected="the number of a duty of a rota that you reach",
        do="look it up in the rota",
        cause="missing",
        field="shift",
    )


def no_swap(swap_id: int) -> EntryError:
    """There is no such swap, or it is not about whoever asks."""
    return EntryError(
        what=f"there is no swap {swap_id}",
        where="swap",
        expected="the number of a swap that you asked for, or that was asked of you",
        do="look it up in the rota",
        cause="missing",
        field="swap",
    )


def value_refused(field: str, what: str, expected: str) -> EntryError:
    """What was written into a field cannot be used."""
    return EntryError(what=what, where=field, expected=expected, do="mend it", field=field)
