"""Who goes: engineers, their service points, the rota and its swaps (duty.py, going.py)."""

from datetime import date

from roundsman_collector.core.duty import Plan, Shift, SwapState
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import (
    duty,
    duty_patterns,
    going,
    on_call,
)
from roundsman_collector.store.duty import Rota, SwapRow
from roundsman_collector.store.duty_patterns import PatternRow
from roundsman_collector.store.going import Engineer, Member, Orphans, Question
from roundsman_collector.store.people import PersonRow
from roundsman_collector.store.views.reading import Reading


class DutyReads(Reading):
    """Who could go, and who is on duty."""

    def going(self, subject: str, component: str, now_ms: int) -> Question:
        """What suggest() of core/going.py needs: the facts about a subject of tickets, and who could go there."""
        with self._reading("who could go") as connection:
            return going.question(connection, subject, component, now_ms)

    def on_duty_untold(self, at_ms: int) -> list[str]:
        """Who is on duty at an instant and has no way that hears of it, where any way is told by the rota."""
        with self._reading("who is on duty") as connection:
            return on_call.untold(connection, at_ms)

    def engineers(self, *, scope: Scope = EVERYTHING, person: str | None = None) -> list[Engineer]:
        """Everybody who could be sent, as far as the scope has something in common with them; one, if named."""
        with self._reading("engineers") as connection:
            return going.engineers(connection, scope=scope, person=person)

    def point_members(self, point: str) -> list[Member]:
        """Who belongs to a service point now."""
        with self._reading("the people of a service point") as connection:
            return going.members(connection, point=point)

    def without_engineer(self, *, scope: Scope = EVERYTHING, limit: int = 5) -> Orphans:
        """How many sites have nobody who is responsible for them, and the first of them."""
        with self._reading("sites without a responsible engineer") as connection:
            return going.without_engineer(connection, scope=scope, limit=limit)

    def duty_groups(self, scope: Scope) -> list[str]:
        """The groups whose rotas a scope reaches, by id."""
        with self._reading("groups") as connection:
            return duty.groups_within(connection, scope)

    def duty_people(self, group: str) -> list[PersonRow]:
        """Who can be on duty for a group."""
        with self._reading("who can be on duty") as connection:
            return duty.people_of(connection, group)

    def shifts(
        self,
        from_ms: int,
        to_ms: int,
        *,
        scope: Scope = EVERYTHING,
        group: str | None = None,
        person: str | None = None,
        limit: int = 5000,
    ) -> list[Shift]:
        """Duties and days off that meet [from, to), taken back or not, by their begin."""
        with self._reading("the rota") as connection:
            return duty.shifts(connection, from_ms, to_ms, scope=scope, group=group, person=person, limit=limit)

    def shift(self, shift: int, *, scope: Scope = EVERYTHING) -> Shift | None:
        """A duty or day off, if the scope reaches its rota."""
        with self._reading("a duty") as connection:
            return duty.shift(connection, shift, scope=scope)

    def swaps(
        self,
        *,
        scope: Scope = EVERYTHING,
        group: str | None = None,
        state: SwapState | None = None,
        shift: int | None = None,
        before_id: int | None = None,
        limit: int = 100,
    ) -> list[SwapRow]:
        """Swaps within the scope, the newest first."""
        with self._reading("swaps") as connection:
            return duty.swaps(
                connection, scope=scope, group=group, state=state, shift_id=shift, before_id=before_id, limit=limit
            )

    def swap(self, swap: int, *, scope: Scope = EVERYTHING) -> SwapRow | None:
        """A swap, if the scope reaches its rota."""
        with self._reading("a swap") as connection:
            return duty.swap(connection, swap, scope=scope)

    def duty_pattern(self, rota: Rota, *, scope: Scope = EVERYTHING) -> PatternRow | None:
        """How the weeks of a rota look; None: nobody has said, or it is out of reach."""
        with self._reading("the pattern of a rota") as connection:
            return duty_patterns.pattern(connection, rota, scope=scope)

    def duty_plan(self, rota: Rota, first: date, last: date, *, now_ms: int, scope: Scope = EVERYTHING) -> Plan:
        """What filling days of a rota would do. Raises EntryError."""
        with self._reading("what filling a rota would do") as connection:
            return duty_patterns.planned(connection, rota, first, last, now_ms=now_ms, scope=scope)
