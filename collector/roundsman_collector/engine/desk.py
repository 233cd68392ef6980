"""Between a fault that is worth a ticket and that ticket: who waits for a cause, joins it, is absorbed or released.

    kept, held = desk.sift(unit, actions, now_ms)      what opens at once, and what waits; nothing is remembered yet
    desk.adopt(unit, change, held, now_ms)             the change is stored: remember who waits, what began and ended
    desk.step(now_ms)                                  one commit for all that is due: opened, joined, merged, released

What is remembered here is no second truth: a fault that holds and has no ticket waits; one with a row among a ticket's
children is explained. `load` reads both from the store, so a kill -9 loses nothing but the time that was waited.

Everything goes through one queue of looks (when, at which fault). A look asks core/waiting.py what explains the fault
now. A root that is well again only makes its children be looked at once their own time is over: if it has failed again
by then they stay, so a root that flaps moves nobody each time.
"""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import structlog

from roundsman_collector.core.causes import KINDS
from roundsman_collector.core.lifecycle import SENT, UNSENT
from roundsman_collector.core.model import Action, Change, Condition, Ref, Ticket
from roundsman_collector.core.policy import Rule
from roundsman_collector.core.proof import Doubt, Prove
from roundsman_collector.core.ticket import opens_ticket
from roundsman_collector.core.ticket_log import ROBOT
from roundsman_collector.core.waiting import (
    PATIENCE_MS,
    Key,
    Standing,
    Verdict,
    Wiring,
    began_by_ms,
    causes_of,
    detection_ms,
    due_ms,
    is_well,
    release_ms,
    together,
)
from roundsman_collector.engine import tickets
from roundsman_collector.engine.held import Held, Ledge, Plan, key_of
from roundsman_collector.engine.unit import Unit
from roundsman_collector.store import batch as stored
from roundsman_collector.store.children import Child
from roundsman_collector.store.conditions import ConditionRow
from roundsman_collector.store.errors import StoreError
from roundsman_collector.store.tickets import (
    TicketChange,
    TicketJoin,
    TicketLeave,
    TicketNote,
    TicketOpened,
)

if TYPE_CHECKING:
    from roundsman_collector.engine.engine import Engine

log = structlog.get_logger(__name__)

AT_ONCE = 2000
"""So many faults are looked at in a step, and so many tickets merged."""
AGAIN_MS = 2_000
"""A fault that waits for another's ticket, or for the end of maintenance, is looked at again so much later."""
QUIET_ASKED_MS = 1_000
QUIET_MANY, QUIET_MANY_MS = 5_000, 30_000
"""What is under maintenance is asked for so often; less often where it is much."""
PAUSE_MS = 60_000
"""After a step that failed, and not because the disk is full or busy: what there is is read anew, and tried then."""
NEVER_WAS = "late evidence shows that the fault never was"
CAUSED = "another fault has caused it: what it gets power or its uplink from has failed"
Told = Mapping[Key, Sequence[Condition]]


class Desk:
    """Who waits, and who is explained by whom."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self.held = Ledge()
        self._looks: list[tuple[int, Key]] = []
        self._wiring = Wiring()
        self._unit_of: dict[str, Unit] = {}
        """Device -> its unit, of all that stand behind something or are a root."""
        self._standing: dict[str, dict[Key, tuple[Standing, Condition]]] = {}
        """Root -> the faults it has now that explain what stands behind it."""
        self._begun: dict[str, None] = {}
        """Roots whose faults, or tickets, are news: what stands behind them may be theirs."""
        self._gone: dict[Key, int] = {}
        """Faults that are over, with the ticket that explained them."""
        self._ended: dict[str, dict[int, Condition]] = {}
        """Faults that are over and whose tickets were merged, by subject: late evidence may show they never were."""
        self._disproved: dict[int, tuple[Ref, ...]] = {}
        """Merged tickets of faults that never were, with the records that show it."""
        self._quiet: Mapping[str, int | None] = {}
        self._quiet_asked_ms: int | None = None
        self._found_in: dict[str, int] = {}
        self._arrive: dict[tuple[int, str], int] = {}
        self._machines: dict[int, str] = {}
        """What is asked of units again and again: an idle one has to be unpacked for it."""
        self._is_stale = False
        self._paused_until_ms = 0

    # --- what there is -----------------------------------------------------------------------------------------------

    def reread(self) -> None:
        """Who there is, or what stands behind what, has changed: the next step reads it again."""
        self._is_stale = True

    def load(self, now_ms: int) -> None:
        """Read from the store what waits and what is explained. What waited already goes on to wait as long."""
        before = {one.key: one.due_ms for one in self.held if one.ticket is None}
        explained_till = {one.key: one.due_ms for one in self.held if one.ticket is not None}
        self._wiring = Wiring(self._engine.store.links())
        self.held, self._looks, self._gone = Ledge(), [], {}
        self._found_in, self._arrive, self._machines, self._is_stale = {}, {}, {}, False
        owners = {device: unit for unit in self._engine.units.values() for device in unit.devices}
        wired = self._wiring.devices
        self._unit_of = {device: owners[device] for device in wired if device in owners}
        self._load_standing()
        self._load_explained(owners, explained_till, now_ms)
        for row in self._engine.store.unticketed():
            unit, condition = self._owner(owners, row.subject), condition_of(row)
            if unit is not None and opens_ticket(condition, self._engine.book):
                due = before.get(key_of(condition))
                self._wait(unit, condition, self._due(unit, condition, now_ms) if due is None else due)
        self._begun = dict.fromkeys(self._standing)

    def _owner(self, owners: Mapping[str, Unit], subject: str) -> Unit | None:
        return self._engine.by_agent.get(subject[1:]) if subject.startswith("@") else owners.get(subject)

    def _load_standing(self) -> None:
        self._standing = {}
        units = {root: self._unit_of[root] for root in self._wiring.roots if root in self._unit_of}
        units |= {f"@{unit.agent}": unit for unit in tuple(units.values())}
        for subject, rows in self._engine.store.open_conditions(sorted(units)).items():
            for row in rows:
                self._stand(units[subject], condition_of(row))

    def _load_explained(self, owners: Mapping[str, Unit], explained_till: Mapping[Key, int], now_ms: int) -> None:
        rows = list(self._engine.store.open_children())
        facts = self._engine.store.open_conditions(sorted({row.subject for row in rows}))
        conditions = {key_of(one): one for found in facts.values() for one in map(condition_of, found)}
        for row in rows:
            unit, condition = self._owner(owners, row.subject), conditions.get(row.key)
            if unit is not None and condition is not None:
                due = explained_till.get(row.key, 0) or now_ms + self._release_ms(unit, condition)
                root = next((cause.device for cause in self._causes(unit, condition, due)), "")
                self.held.put(Held(unit, condition, due, row.ticket_id, root, row.merged_ticket_id))
                self._look(due, row.key)
            elif unit is not None:
                self._gone[row.key] = row.ticket_id

    # --- what changes, as it is committed ----------------------------------------------------------------------------

    def sift(self, unit: Unit, actions: Sequence[Action], now_ms: int) -> tuple[list[Action], list[Condition]]:
        """The actions that are done at once, and the faults that open no ticket now."""
        held: list[Condition] = []
        kept: list[Action] = []
        for action in actions:
            if action.verb == "open" and action.condition is not None and self._waits(unit, action.condition, now_ms):
                held.append(action.condition)
            else:
                kept.append(action)
        return kept, held

    def _waits(self, unit: Unit, condition: Condition, now_ms: int) -> bool:
        if key_of(condition) in self.held or self._is_quiet(condition.subject, now_ms):
            return True
        device, rule = self._device_of(unit, condition.subject), self._rule(condition)
        return bool(device and rule is not None and rule.explained_by and self._wiring.above(device))

    def adopt(
        self, unit: Unit, change: Change, held: Iterable[Condition], now_ms: int, prove: Prove | None = None
    ) -> None:
        """A change is stored: what it says of faults that wait, of those that are explained, and of roots.

        `prove` asks the evidence of a rebuild, which may show that a fault never was.
        """
        self._found_in.clear()
        self._arrive.clear()
        whole = dict(change.whole)
        told: dict[Key, list[Condition]] = {}
        for condition in change.conditions:
            told.setdefault(key_of(condition), []).append(condition)
        for subject in {*whole, *(key[0] for key in told)}:
            from_ms = whole.get(subject)
            self._adopt_held(subject, told, from_ms, prove)
            device = self._device_of(unit, subject)
            if device is not None and device in self._wiring.roots:
                self._adopt_root(unit, device, subject, told, from_ms, now_ms)
        for condition in held:
            if key_of(condition) not in self.held:
                self._wait(unit, condition, self._due(unit, condition, now_ms))

    def _adopt_held(self, subject: str, told: Told, whole_from_ms: int | None, prove: Prove | None) -> None:
        for held in self.held.of_subject(subject):
            standing, is_over = _what_became(held.condition, told.get(held.key, ()), whole_from_ms)
            if standing is not None:
                held.condition = standing
            elif is_over:
                self.held.drop(held.key)
                if held.ticket is not None:
                    self._gone[held.key] = held.ticket
                if held.merged is not None:
                    self._ended.setdefault(subject, {})[held.merged] = held.condition
        if whole_from_ms is not None and subject in self._ended:
            self._look_for_proof(subject, told, whole_from_ms, prove)

    def _look_for_proof(self, subject: str, told: Told, whole_from_ms: int, prove: Prove | None) -> None:
        """Faults whose tickets were merged are over; a rebuild may show that they never were."""
        for ticket, condition in tuple(self._ended[subject].items()):
            if prove is not None and whole_from_ms <= condition.since_ms:
                del self._ended[subject][ticket]
                reaching = (
                    one
                    for one in told.get(key_of(condition), ())
                    if one.to_ms is None or one.to_ms > condition.since_ms
                )
                if not any(reaching):
                    doubt = Doubt(subject, condition.since_ms)
                    self._disproved[ticket] = prove([doubt])[doubt]
        if not self._ended[subject]:
            del self._ended[subject]

    def _adopt_root(
        self, unit: Unit, device: str, subject: str, told: Told, whole_from_ms: int | None, now_ms: int
    ) -> None:
        known = self._standing.get(device, {})
        before = {key: one for key, (one, _) in known.items() if key[0] == subject}
        for key in before:
            if _what_became(known[key][1], told.get(key, ()), whole_from_ms)[1]:
                del known[key]
        for key, conditions in told.items():
            open_ones = [one for one in conditions if key[0] == subject and one.to_ms is None]
            if open_ones:
                self._stand(unit, open_ones[-1])
        after = {key: one for key, (one, _) in self._standing.get(device, {}).items() if key[0] == subject}
        if any(before.get(key) != one for key, one in after.items()):
            self._begun[device] = None
        if any(key not in after for key in before):
            for held in self.held.under(device):
                held.due_ms = now_ms + self._release_ms(held.unit, held.condition)
                self._look(held.due_ms, held.key)

    def _stand(self, unit: Unit, condition: Condition) -> None:
        device = self._device_of(unit, condition.subject)
        if device is None or device not in self._wiring.roots:
            return
        key = key_of(condition)
        self._standing.setdefault(device, {}).pop(key, None)
        if condition.explains in KINDS:
            one = Standing(key, device, condition.explains, condition.since_ms)
            self._standing[device][key] = one, condition

    def _wait(self, unit: Unit, condition: Condition, due: int) -> None:
        held = Held(unit, condition, due)
        self.held.put(held)
        self._look(0, held.key)  # a cause may be known already, and a root proves well before the time is over

    def _look(self, at_ms: int, key: Key) -> None:
        heapq.heappush(self._looks, (at_ms, key))

    # --- what explains what ------------------------------------------------------------------------------------------

    def _rule(self, condition: Condition) -> Rule | None:
        at_ms = max(condition.from_ms, condition.confirmed.t)
        return self._engine.book.at(condition.subject, at_ms).rule(condition.code)

    def _causes(self, unit: Unit, condition: Condition, explained_till_ms: int = 0) -> list[Standing]:
        """The faults that explain this one now, the farthest first; of two that explain each other, the first.

        Until `explained_till_ms` it had no time to recover from a root's fault before: another one explains it, too.
        """
        device, rule = self._device_of(unit, condition.subject), self._rule(condition)
        if device is None or rule is None or not rule.explained_by:
            return []
        above = self._wiring.above(device)
        standing = {
            one.root: [fault for fault, _ in self._standing[one.root].values()]
            for one in above
            if self._standing.get(one.root)
        }
        if not standing:
            return []
        slack = together(self._arrive_by(unit, condition.subject), *(self._arrive_by_of(root) for root in standing))
        mine = key_of(condition)
        found = causes_of(above, standing, rule, max(condition.since_ms, explained_till_ms), slack)
        return [one for one in found if one.key != mine and not self._is_first(device, condition, one)]

    def _is_first(self, device: str, condition: Condition, other: Standing) -> bool:
        """Whether `other` is explained by this fault as much as it explains it, and came later."""
        is_cause = key_of(condition) in self._standing.get(device, {})
        if not is_cause or all(one.root != device for one in self._wiring.above(other.device)):
            return False
        return (condition.since_ms, key_of(condition)) < (other.since_ms, other.key)

    def _arrive_by_of(self, root: str) -> int:
        unit = self._unit_of.get(root)
        return 0 if unit is None else self._arrive_by(unit, root)

    def _due(self, unit: Unit, condition: Condition, now_ms: int) -> int:
        """Until when a fault waits at most that is known now."""
        found_in = (self._detected_in(root, now_ms) for root in self._suspects(unit, condition, now_ms))
        return due_ms(now_ms, max(found_in, default=0))

    def _suspects(self, unit: Unit, condition: Condition, now_ms: int) -> list[str]:
        """Roots that may turn out to be the cause of a fault: heard of, and not known to have been well since."""
        device, rule = self._device_of(unit, condition.subject), self._rule(condition)
        if device is None or rule is None or not rule.explained_by:
            return []
        began_by = began_by_ms(condition, self._arrive_by(unit, condition.subject))
        above = {one.root for one in self._wiring.above(device) if one.lacks in rule.explained_by}
        return [root for root in above if self._detected_in(root, now_ms) and not self._is_well(root, began_by, now_ms)]

    def _is_well(self, root: str, since_ms: int, now_ms: int) -> bool:
        state = next((one for one in self._unit_of[root].state.devices if one.device == root), None)
        return state is not None and is_well(state, since_ms, self._engine.book.at(root, now_ms))

    def _detected_in(self, root: str, now_ms: int) -> int:
        """How long a root may be faulty until it is known; 0 for one that nobody hears of, whose agent is silent."""
        found = self._found_in.get(root)
        if found is None:
            unit = self._unit_of.get(root)
            is_heard = unit is not None and unit.state.last_t > 0 and not unit.state.silent
            policy = self._engine.book.at(root, now_ms)
            found = detection_ms(policy, self._arrive_by_of(root), KINDS) if is_heard else 0
            self._found_in[root] = found
        return found

    def _release_ms(self, unit: Unit, condition: Condition) -> int:
        return release_ms(self._rule(condition), self._arrive_by(unit, condition.subject))

    def _is_quiet(self, subject: str, now_ms: int) -> bool:
        """Whether maintenance covers a subject now, or it is laid up."""
        asked = self._quiet_asked_ms
        pause_ms = QUIET_MANY_MS if len(self._quiet) > QUIET_MANY else QUIET_ASKED_MS
        if asked is None or not asked <= now_ms < asked + pause_ms:
            self._quiet = self._engine.store.maintenance_now(now_ms)
            self._quiet_asked_ms = now_ms
        until_ms = self._quiet.get(subject, now_ms)
        return until_ms is None or now_ms < until_ms

    def _device_of(self, unit: Unit, subject: str) -> str | None:
        """What stands behind roots for a subject: the device itself, or the machine that the agent runs on."""
        return self._machine(unit) if subject.startswith("@") else subject

    def _machine(self, unit: Unit) -> str | None:
        known = self._machines.get(unit.no)
        if known is None:
            known = unit.machine
            if known is not None:
                self._machines[unit.no] = known
        return known

    def _arrive_by(self, unit: Unit, subject: str) -> int:
        key = unit.no, subject
        if key not in self._arrive:
            self._arrive[key] = unit.arrive_by_ms(subject)
        return self._arrive[key]

    def _ticket_of(self, cause: Standing, plan: Plan) -> int | None:
        """The ticket that stands for a root's fault: its own, or the one that explains it; or that this step opens."""
        held = self.held.get(cause.key)
        if held is not None and held.ticket is not None:
            return held.ticket
        unit = self._unit_of.get(cause.device)
        mine = () if unit is None else unit.tickets
        own = next((one.id for one in mine if (one.subject, one.component, one.code) == cause.key), None)
        return plan.numbers.get(cause.key) if own is None else own

    # --- one step ----------------------------------------------------------------------------------------------------

    def step(self, now_ms: int) -> int:
        """Do what is due, in one commit; return how many faults it was about. What is left is due at once."""
        if now_ms < self._paused_until_ms:
            return 0
        if self._is_stale:
            self.load(now_ms)
        self._found_in.clear()
        self._arrive.clear()
        plan = Plan(over=self._over(), disproved=dict(self._disproved))
        self._plan_absorbing(plan, now_ms)
        self._plan_looks(plan, now_ms)
        if not plan.is_empty:
            changes = self._changes(plan, now_ms)
            try:
                done = self._engine.store.commit(stored.Batch(now_ms=now_ms, tickets=changes))
            except StoreError as error:
                self._failed(plan, error, now_ms)
                return 0
            self._apply(plan, done.tickets, now_ms)
        return len(plan.looked) + len(plan.merged) + sum(map(len, plan.over.values()))

    def _failed(self, plan: Plan, error: StoreError, now_ms: int) -> None:
        """Nothing is stored: it is all still to be done. A full disk is for the caller to tell."""
        for key in plan.looked:
            self._look(now_ms, key)
        self._begun = dict.fromkeys([*plan.begun, *self._begun])
        if error.again:
            raise error
        log.error("faults that wait for a cause could not be settled; they are read anew", cause=str(error))
        self._is_stale, self._paused_until_ms = True, now_ms + PAUSE_MS

    def _over(self) -> dict[int, list[Key]]:
        over: dict[int, list[Key]] = {}
        for key, ticket in self._gone.items():
            over.setdefault(ticket, []).append(key)
        return over

    def _plan_absorbing(self, plan: Plan, now_ms: int) -> None:
        """Look at what stands behind roots whose faults are news, and merge what has a ticket there."""
        while self._begun and len(plan.merged) < AT_ONCE:
            root = next(iter(self._begun))
            if self._standing.get(root) and not self._absorb(plan, root, now_ms):
                return
            del self._begun[root]
            plan.begun.append(root)

    def _absorb(self, plan: Plan, root: str, now_ms: int) -> bool:
        """Whether everything behind a root was seen; else the next step goes on."""
        ticketed: list[tuple[Unit, Ticket]] = []
        for device in sorted(self._wiring.below(root)):
            unit = self._unit_of.get(device)
            if unit is None:
                continue
            subjects = (device, f"@{unit.agent}") if self._machine(unit) == device else (device,)
            for held in (one for subject in subjects for one in self.held.of_subject(subject)):
                # What is explained already can wait: its cause may be about to change, too.
                later_ms = 0 if held.ticket is None else self._release_ms(held.unit, held.condition)
                self._look(now_ms + later_ms, held.key)
            mine = (one for one in unit.tickets if one.subject in subjects and one.id not in plan.merged)
            ticketed += [(unit, ticket) for ticket in mine]
        some = ticketed[:AT_ONCE]
        facts = self._engine.store.open_conditions([ticket.subject for _, ticket in some])
        held_now = {key_of(one): one for found in facts.values() for one in map(condition_of, found)}
        states = {row.id: row.state for row in self._engine.store.tickets_named([ticket.id for _, ticket in some])}
        for unit, ticket in some:
            condition = held_now.get((ticket.subject, ticket.component, ticket.code))
            if condition is not None and states.get(ticket.id) in UNSENT:
                self._plan_merging(plan, unit, ticket, condition, now_ms)
            elif condition is not None and states.get(ticket.id) in SENT:
                self._plan_telling(plan, unit, ticket, condition, now_ms)
        return len(some) == len(ticketed)

    def _plan_merging(self, plan: Plan, unit: Unit, ticket: Ticket, condition: Condition, now_ms: int) -> None:
        verdict = self._judge(Held(unit, condition), now_ms, plan)
        if verdict.cause is None:
            return
        into = plan.final(self._ticket_for(verdict.cause, plan))
        if into != ticket.id:
            child = Child(*key_of(condition), condition.since_ms, ticket.id)
            plan.join(into, child, Held(unit, condition, root=verdict.cause.device, merged=ticket.id))

    def _plan_telling(self, plan: Plan, unit: Unit, ticket: Ticket, condition: Condition, now_ms: int) -> None:
        """Somebody is on the way to what another fault has caused: the ticket stays, and they hear of it once."""
        cause = self._judge(Held(unit, condition), now_ms, plan).cause
        if cause is None or ticket.id in plan.told:
            return
        found = self._engine.store.ticket_with_log(ticket.id)
        if found is not None and not any(event.data.get("lacks") == cause.explains for event in found[1]):
            plan.told[ticket.id] = cause.explains

    def _plan_looks(self, plan: Plan, now_ms: int) -> None:
        while self._looks and self._looks[0][0] <= now_ms and len(plan.looked) < AT_ONCE:
            _, key = heapq.heappop(self._looks)
            held = self.held.get(key)
            if held is None or key in plan.looked:
                continue
            plan.looked.add(key)
            if held.ticket is None:
                self._plan_waiting(plan, held, now_ms)
            else:
                self._plan_explained(plan, held, held.ticket, now_ms)

    def _plan_waiting(self, plan: Plan, held: Held, now_ms: int) -> None:
        verdict = self._judge(held, now_ms, plan)
        if verdict.verb == "wait":
            self._look(verdict.at_ms, held.key)
        elif verdict.cause is None:
            plan.open(held.unit, held.condition)
        else:
            into = self._ticket_for(verdict.cause, plan)
            explained = Held(held.unit, held.condition, root=verdict.cause.device)
            plan.join(into, Child(*held.key, held.condition.since_ms), explained)

    def _plan_explained(self, plan: Plan, held: Held, ticket: int, now_ms: int) -> None:
        """A fault that a ticket explains: does it still, or another one, or none?"""
        verdict = self._judge(held, now_ms, plan)
        if verdict.cause is not None:
            into = plan.final(self._ticket_for(verdict.cause, plan))
            explained = Held(held.unit, held.condition, held.due_ms, ticket, verdict.cause.device, held.merged)
            if into != ticket:
                plan.join(into, Child(*held.key, held.condition.since_ms, is_moved=True), explained)
            elif held.root != verdict.cause.device:
                self.held.put(explained)
        elif verdict.verb == "wait":
            self._look(verdict.at_ms, held.key)
        else:
            plan.released.setdefault(ticket, []).append(held.key)
            plan.open(held.unit, held.condition)

    def _judge(self, held: Held, now_ms: int, plan: Plan) -> Verdict:
        """What becomes of a fault now; see core/waiting.py."""
        is_explained = held.ticket is not None
        causes = self._causes(held.unit, held.condition, held.due_ms if is_explained else 0)
        for cause in causes:
            if self._ticket_of(cause, plan) is not None:
                return Verdict("join", cause=cause)
        is_cause_held = any(cause.key in self.held or self._is_quiet(cause.key[0], now_ms) for cause in causes)
        if is_cause_held or self._is_quiet(held.condition.subject, now_ms):
            return Verdict("wait", now_ms + AGAIN_MS)
        if causes:
            return Verdict("join", cause=causes[0])
        if now_ms < held.due_ms and (is_explained or self._suspects(held.unit, held.condition, now_ms)):
            return Verdict("wait", held.due_ms if is_explained else min(held.due_ms, now_ms + PATIENCE_MS))
        return Verdict("open")

    def _ticket_for(self, cause: Standing, plan: Plan) -> int:
        """The ticket that stands for a root's fault; one is opened where there is none: its children are news."""
        known = self._ticket_of(cause, plan)
        if known is not None:
            return known
        return plan.open(self._unit_of[cause.device], self._standing[cause.device][cause.key][1])

    def _changes(self, plan: Plan, now_ms: int) -> list[TicketChange]:
        changes: list[TicketChange] = []
        for ticket, keys in plan.over.items():
            changes.append(TicketLeave(ticket=ticket, at_ms=now_ms, children=keys))
        for ticket, keys in plan.released.items():
            changes.append(TicketLeave(ticket=ticket, at_ms=now_ms, children=keys, is_release=True))
        for ticket, refs in plan.disproved.items():
            data = tickets.proof_data(refs)
            changes.append(TicketNote(ticket=ticket, at_ms=now_ms, who=ROBOT, text=NEVER_WAS, data=data))
        for ticket, lacks in plan.told.items():
            data = {"lacks": lacks}
            changes.append(TicketNote(ticket=ticket, at_ms=now_ms, who=ROBOT, text=CAUSED, data=data))
        for place, (unit, condition) in enumerate(plan.opened):
            changes.append(tickets.opened(unit, condition, self._engine.book, now_ms, number=-1 - place))
        joined: dict[int, list[Child]] = {}
        for ticket, members in plan.joined.items():
            joined.setdefault(plan.final(ticket), []).extend(one.child for one in members)
        return [*changes, *(TicketJoin(ticket=one, at_ms=now_ms, children=mine) for one, mine in joined.items())]

    def _apply(self, plan: Plan, opened: Sequence[TicketOpened], now_ms: int) -> None:
        """The plan is stored: memory follows."""
        for key in (key for keys in plan.over.values() for key in keys):
            self._gone.pop(key, None)
        for ticket in plan.disproved:
            self._disproved.pop(ticket, None)
        for (unit, condition), new in zip(plan.opened, opened, strict=True):
            unit.tickets = (*unit.tickets, tickets.as_ticket(new.id, condition))
            self.held.drop(key_of(condition))
            self._has_ticket(unit, condition)
        ids = {-1 - place: new.id for place, new in enumerate(opened)}
        into = {ticket: ids.get(final := plan.final(ticket), final) for ticket in plan.merged}
        if into:
            for one in self.held:
                if one.ticket in into:
                    one.ticket = into[one.ticket]
        for ticket, members in plan.joined.items():
            final = plan.final(ticket)
            for child, held in members:
                unit = held.unit
                if child.ticket is not None:
                    unit.tickets = tuple(one for one in unit.tickets if one.id != child.ticket)
                held.ticket = ids.get(final, final)
                self.held.put(held)
                self._has_ticket(unit, held.condition)

    def _has_ticket(self, unit: Unit, condition: Condition) -> None:
        """A fault has a ticket now; if it is a root's, what waits for that may join."""
        device = self._device_of(unit, condition.subject)
        if device is not None and key_of(condition) in self._standing.get(device, {}):
            self._begun[device] = None


def condition_of(row: ConditionRow) -> Condition:
    """A stored condition as the core knows it."""
    return Condition(
        subject=row.subject,
        component=row.component,
        code=row.code,
        from_ms=row.event_from_ms,
        to_ms=row.event_to_ms,
        first=row.first,
        confirmed=row.confirmed,
        cause=row.cause,
        effect=row.effect,
        function=row.function,
        explains=row.explains,
        flapping=row.flapping,
    )


def _what_became(
    held: Condition, told: Sequence[Condition], whole_from_ms: int | None
) -> tuple[Condition | None, bool]:
    """What a change says of a fault that held: as it holds on, or (None, True) that it is over or never was."""
    standing = [one for one in told if one.to_ms is None]
    if standing:
        return standing[-1], False
    is_ended = any(one.to_ms is not None and one.to_ms > held.since_ms for one in told)
    is_taken_back = any(one.from_ms == held.from_ms for one in told)
    return None, is_ended or is_taken_back or (whole_from_ms is not None and whole_from_ms <= held.from_ms)
