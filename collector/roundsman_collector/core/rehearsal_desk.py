"""The tickets of a rehearsal: opened, held back for a cause, joined to its ticket, absorbed, released. Pure.

    desk.act(agent, actions, now_ms)     what `reconcile` calls for, once a change is known
    desk.step(conditions, now_ms)        what becomes of faults that wait or are explained, by all that is known
    desk.due_ms                          when it is to be asked again though nothing came

core/waiting.py decides; here is only the memory that an engine keeps in its store. It asks of every fault each time
where the engine keeps a queue of looks: a test has few.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from roundsman_collector.core.causes import KINDS
from roundsman_collector.core.model import Action, Condition, DeviceState, Milliseconds, Ticket
from roundsman_collector.core.policy import SILENT, Rule
from roundsman_collector.core.rulebook import Rulebook
from roundsman_collector.core.waiting import (
    PATIENCE_MS,
    Key,
    Standing,
    Wiring,
    began_by_ms,
    causes_of,
    detection_ms,
    due_ms,
    is_well,
    release_ms,
    together,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """A ticket and what has become of it. status: open · joined (absorbed by the ticket of its cause) · resolved ·
    voided. `explains`: the faults of others, with or without tickets of their own, that it stands for."""

    id: int
    agent: str
    subject: str
    component: str
    code: str
    status: str
    outcome: str
    fault_from_ms: Milliseconds
    fault_to_ms: Milliseconds | None
    opened_ms: Milliseconds
    closed_ms: Milliseconds | None
    explains: tuple[Key, ...] = ()
    cause: Key | None = None

    @property
    def key(self) -> Key:
        """What it is of."""
        return self.subject, self.component, self.code


QuietSpan = tuple[Milliseconds, Milliseconds | None, Milliseconds]
"""No ticket opens in [from, to), as is known since the third."""


@dataclass(kw_only=True, slots=True)
class _Held:
    """A fault without an open ticket of its own: it waits until `due_ms`, or `ticket` explains it.

    Explained, `due_ms` is 0 while its cause holds, and then when it gets a ticket of its own if it is still there. A
    fault of a root that begins before `recovers_ms` explains it, too: it had no time to recover from the one before.
    """

    agent: str
    condition: Condition
    due_ms: Milliseconds
    ticket: int | None = None
    recovers_ms: Milliseconds = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """What a desk must know of the place it works for.

    agent       subject -> the agent that speaks for it
    machine     subject -> the device: itself, or the one that an agent (`@…`) runs on; "" for none
    arrive_by   subject -> by when it is to be heard of; 0 where nobody said
    is_heard    device -> whether somebody speaks for it, and is not silent
    state       device -> what is remembered of it
    quiet       device -> when no ticket opens: (from, to, since when that is known)
    """

    book: Rulebook
    wiring: Wiring
    agent: Callable[[str], str]
    machine: Callable[[str], str]
    arrive_by: Callable[[str], Milliseconds]
    is_heard: Callable[[str], bool]
    state: Callable[[str], DeviceState | None]
    quiet: Mapping[str, Sequence[QuietSpan]]


class RehearsalDesk:
    """All tickets of a rehearsal."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.tickets: dict[int, Kept] = {}
        self.due_ms: Milliseconds | None = None
        self._held: dict[Key, _Held] = {}
        self._standing: dict[str, list[Standing]] = {}
        self._conditions: dict[Key, Condition] = {}

    def open_of(self, agent: str) -> list[Ticket]:
        """The open tickets of an agent and its devices, as the core needs them."""
        return [
            Ticket(
                id=one.id,
                subject=one.subject,
                component=one.component,
                code=one.code,
                fault_from_ms=one.fault_from_ms,
            )
            for one in self.tickets.values()
            if one.agent == agent and one.status == "open"
        ]

    def act(self, agent: str, actions: Iterable[Action], now_ms: Milliseconds) -> None:
        """Do what is called for; what may have a cause waits for it."""
        for action in actions:
            condition = action.condition
            if action.ticket is None:
                assert condition is not None
                if key_of(condition) not in self._held:
                    self._begin(agent, condition, now_ms)
                continue
            kept = self.tickets[action.ticket]
            if action.verb == "amend":
                if condition is not None and condition.code != SILENT:
                    kept = replace(kept, fault_from_ms=condition.since_ms)
            else:
                status = "voided" if action.verb == "void" else "resolved"
                to_ms = None if condition is None else condition.to_ms
                kept = replace(kept, status=status, outcome=action.outcome, fault_to_ms=to_ms, closed_ms=now_ms)
            self.tickets[kept.id] = kept

    def step(self, conditions: Iterable[Condition], now_ms: Milliseconds) -> None:
        """Look at every fault that has a ticket, waits for one, or is explained, until nothing moves any more."""
        self._conditions = {key_of(one): one for one in conditions if one.to_ms is None}
        self._standing = {}
        for key, condition in self._conditions.items():
            device = self.site.machine(condition.subject)
            if condition.explains in KINDS and device in self.site.wiring.roots:
                one = Standing(key, device, condition.explains, condition.since_ms)
                self._standing.setdefault(device, []).append(one)
        for key in [key for key in self._held if key not in self._conditions]:
            del self._held[key]
        while self._moves(now_ms):
            pass
        looks = [
            one.due_ms if one.ticket is not None else min(one.due_ms, now_ms + PATIENCE_MS)
            for one in self._held.values()
            if one.due_ms > now_ms
        ]
        self.due_ms = min(looks, default=None)

    # --- one fault -------------------------------------------------------------------------------------------------

    def _begin(self, agent: str, condition: Condition, now_ms: Milliseconds) -> None:
        rule, device = self._rule(condition), self.site.machine(condition.subject)
        above = self.site.wiring.above(device) if rule is not None and rule.explained_by else ()
        quiet_to_ms = self._quiet_to(condition.subject, now_ms)
        if not above and quiet_to_ms is None:
            self._open(agent, condition, now_ms)
            return
        found_in = [self._detected_in(root, now_ms) for root in self._suspects(condition, now_ms)]
        due = due_ms(now_ms, max(found_in, default=0))
        self._held[key_of(condition)] = _Held(agent=agent, condition=condition, due_ms=due)

    def _moves(self, now_ms: Milliseconds) -> bool:
        """Whether one fault finds its ticket, or another one."""
        for key, held in self._held.items():
            held.condition = self._conditions[key]
            if self._moved(key, held, now_ms):
                return True
        for kept in self.tickets.values():
            condition = self._conditions.get(kept.key)
            if kept.status == "open" and condition is not None:
                cause = self._cause(condition)
                if cause is not None and self._ticket_for(cause, now_ms) not in (None, kept.id):
                    self._join(kept.key, _Held(agent=kept.agent, condition=condition, due_ms=now_ms), cause, now_ms)
                    self.tickets[kept.id] = replace(kept, status="joined", cause=cause.key, closed_ms=now_ms)
                    return True
        return False

    def _moved(self, key: Key, held: _Held, now_ms: Milliseconds) -> bool:
        cause = self._cause(held.condition, held.recovers_ms)
        if cause is not None:
            into = self._ticket_for(cause, now_ms)
            if into is None:
                held.due_ms = max(held.due_ms, now_ms)
                return False
            if into == held.ticket:
                held.due_ms = 0
                return False
            self._leave(key, held)
            self._join(key, held, cause, now_ms)
            return True
        quiet_to_ms = self._quiet_to(held.condition.subject, now_ms)
        if quiet_to_ms is not None:
            held.due_ms = quiet_to_ms
            return False
        if held.ticket is not None and held.due_ms <= 0:  # its cause is well: it has time to be well, too
            given_ms = release_ms(self._rule(held.condition), self.site.arrive_by(held.condition.subject))
            held.due_ms = held.recovers_ms = now_ms + given_ms
        is_waiting = held.ticket is not None or self._suspects(held.condition, now_ms)
        if now_ms < held.due_ms and is_waiting:
            return False
        self._leave(key, held)
        del self._held[key]
        self._open(held.agent, held.condition, now_ms)
        return True

    def _open(self, agent: str, condition: Condition, now_ms: Milliseconds) -> int:
        new = Kept(
            id=len(self.tickets) + 1,
            agent=agent,
            subject=condition.subject,
            component=condition.component,
            code=condition.code,
            status="open",
            outcome="",
            fault_from_ms=condition.since_ms,
            fault_to_ms=None,
            opened_ms=now_ms,
            closed_ms=None,
        )
        self.tickets[new.id] = new
        return new.id

    def _join(self, key: Key, held: _Held, cause: Standing, now_ms: Milliseconds) -> None:
        into = self._ticket_for(cause, now_ms)
        assert into is not None
        held.ticket, held.due_ms = into, 0
        self._held[key] = held
        root = self.tickets[into]
        self.tickets[into] = replace(root, explains=tuple(dict.fromkeys([*root.explains, key])))

    def _leave(self, key: Key, held: _Held) -> None:
        if held.ticket is not None:
            kept = self.tickets[held.ticket]
            self.tickets[kept.id] = replace(kept, explains=tuple(one for one in kept.explains if one != key))

    # --- what explains what ------------------------------------------------------------------------------------------

    def _cause(self, condition: Condition, recovers_ms: Milliseconds = 0) -> Standing | None:
        """The fault that explains this one: of those that have a ticket the farthest root's, else the farthest's."""
        rule, device = self._rule(condition), self.site.machine(condition.subject)
        if rule is None or not rule.explained_by:
            return None
        above = self.site.wiring.above(device)
        roots = [one.root for one in above if self._standing.get(one.root)]
        slack = together(self.site.arrive_by(condition.subject), *map(self.site.arrive_by, roots))
        mine = key_of(condition)
        found = [
            one
            for one in causes_of(above, self._standing, rule, max(condition.since_ms, recovers_ms), slack)
            if one.key != mine and not self._is_first(device, condition, one)
        ]
        ticketed = [one for one in found if self._known_ticket(one.key) is not None]
        return next(iter([*ticketed, *found]), None)

    def _is_first(self, device: str, condition: Condition, other: Standing) -> bool:
        """Whether `other` is explained by this fault as much as it explains it, and came later."""
        is_cause = any(one.key == key_of(condition) for one in self._standing.get(device, ()))
        if not is_cause or all(one.root != device for one in self.site.wiring.above(other.device)):
            return False
        return (condition.since_ms, key_of(condition)) < (other.since_ms, other.key)

    def _ticket_for(self, cause: Standing, now_ms: Milliseconds) -> int | None:
        """The ticket that stands for a root's fault; opened where there is none; None while that waits itself."""
        known = self._known_ticket(cause.key)
        if known is not None:
            return known
        if cause.key in self._held or self._quiet_to(cause.key[0], now_ms) is not None:
            return None
        condition = self._conditions[cause.key]
        return self._open(self.site.agent(condition.subject), condition, now_ms)

    def _known_ticket(self, key: Key) -> int | None:
        held = self._held.get(key)
        if held is not None:
            return held.ticket
        return next((one.id for one in self.tickets.values() if one.status == "open" and one.key == key), None)

    def _rule(self, condition: Condition) -> Rule | None:
        at_ms = max(condition.from_ms, condition.confirmed.t)
        return self.site.book.at(condition.subject, at_ms).rule(condition.code)

    def _suspects(self, condition: Condition, now_ms: Milliseconds) -> list[str]:
        """Roots that may turn out to be the cause of a fault: heard of, and not known to have been well since."""
        rule, device = self._rule(condition), self.site.machine(condition.subject)
        if rule is None or not rule.explained_by:
            return []
        began_by = began_by_ms(condition, self.site.arrive_by(condition.subject))
        above = {one.root for one in self.site.wiring.above(device) if one.lacks in rule.explained_by}
        return [root for root in above if self._detected_in(root, now_ms) and not self._is_well(root, began_by, now_ms)]

    def _is_well(self, root: str, since_ms: Milliseconds, now_ms: Milliseconds) -> bool:
        state = self.site.state(root)
        return state is not None and is_well(state, since_ms, self.site.book.at(root, now_ms))

    def _detected_in(self, root: str, now_ms: Milliseconds) -> Milliseconds:
        """How long a root may be faulty until it is known; 0 for one that nobody hears of, whose agent is silent."""
        if not self.site.is_heard(root):
            return 0
        return detection_ms(self.site.book.at(root, now_ms), self.site.arrive_by(root), KINDS)

    def _quiet_to(self, subject: str, now_ms: Milliseconds) -> Milliseconds | None:
        """Until when no ticket opens for a subject; None: one may."""
        ends = [
            FOREVER if to_ms is None else to_ms
            for from_ms, to_ms, counts_ms in self.site.quiet.get(self.site.machine(subject), ())
            if max(from_ms, counts_ms) <= now_ms and (to_ms is None or now_ms < to_ms)
        ]
        return max(ends, default=None)


FOREVER = 2**62


def key_of(condition: Condition) -> Key:
    """What a ticket of a condition is of."""
    return condition.subject, condition.component, condition.code
