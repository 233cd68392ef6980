"""What time means: silence told, late evidence rebuilt, people's commands carried out, memory swept to disk.

    wake(engine, now_ms)             units whose `wake_at` is over: tell a silence, or look again later
    rebuild_due(engine, pause, now)  units whose backlog has paused (or that waited long enough): rebuilt from evidence
    obey(engine, commands, now_ms)   acknowledge, note, resolve, round: a person's click is a row the engine takes
    sweep(engine, limit, now_ms)     rows of units that are ahead of them, the longest first

Each is one or more commits of its own. A unit whose rebuild fails stays dirty and is told, the others go on.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import structlog

from roundsman_collector.core.causes import KINDS
from roundsman_collector.core.dating import Base, better, event_time, gap_time
from roundsman_collector.core.model import Action, Change, Condition, Item, UnitState, newborn
from roundsman_collector.core.proof import proven
from roundsman_collector.core.rebuild import Telling, rebuild, resting
from roundsman_collector.core.state import load
from roundsman_collector.core.ticket import reconcile
from roundsman_collector.core.turn import tick, wake_at
from roundsman_collector.engine import errands, rules, tickets
from roundsman_collector.engine.engine import Engine, told, unit_row
from roundsman_collector.engine.handover import own
from roundsman_collector.engine.intake import is_ahead
from roundsman_collector.engine.recent import newest_readings
from roundsman_collector.engine.unit import Memory, Unit
from roundsman_collector.store import batch as stored
from roundsman_collector.store.audit import Deed
from roundsman_collector.store.behind import Wanted
from roundsman_collector.store.commands import CommandDone, CommandRow
from roundsman_collector.store.errors import StoreError
from roundsman_collector.store.evidence import EvidenceRow
from roundsman_collector.store.present import DeviceNow, Run
from roundsman_collector.store.quarantine import Count
from roundsman_collector.store.register import DeviceEntry
from roundsman_collector.store.samples import told_in
from roundsman_collector.store.tickets import TicketAcknowledge, TicketChange, TicketNote, TicketResolve
from roundsman_wire.topics import checked_id

log = structlog.get_logger(__name__)

WAKES_AT_ONCE = 1000
REBUILDS_AT_ONCE = 50


def wake(engine: Engine, now_ms: int) -> int:
    """Look at the units that are due; return how many had something to tell."""
    due = engine.store.due_wakes(now_ms, WAKES_AT_ONCE)
    wakes: dict[int, int | None] = {}
    telling: list[tuple[Unit, Change]] = []
    for row in due:
        unit = engine.units.get(row.agent_no)
        if unit is None:
            wakes[row.agent_no] = None
            continue
        change = tick(unit.state, now_ms, engine.book)
        if change is not None:
            telling.append((unit, change))
        wakes[unit.no] = wake_at(unit.state if change is None else change.state)
    if wakes:
        _commit(engine, telling, wakes, now_ms)
    return len(telling)


def rebuild_due(engine: Engine, now_ms: int, *, pause_ms: int, at_latest_ms: int) -> int:
    """Rebuild dirty units whose late evidence has paused for `pause_ms`, or that are dirty for `at_latest_ms`."""
    due = []
    for no in engine.dirty:
        unit = engine.units.get(no)
        if unit is not None and (
            now_ms - unit.late_ms >= pause_ms or now_ms - (unit.dirty_since_ms or now_ms) >= at_latest_ms
        ):
            due.append(unit)
            if len(due) == REBUILDS_AT_ONCE:
                break
    for unit in due:
        rebuild_unit(engine, unit, now_ms)
    return len(due)


def rebuild_unit(engine: Engine, unit: Unit, now_ms: int) -> bool:
    """Tell a unit anew from its evidence since the checkpoint before it became dirty; False: it failed, stays dirty.

    Evidence of a time whose other evidence was pruned tells nothing any more: it is kept, shown and counted (law 8).
    """
    assert unit.dirty_from_ms is not None
    try:
        start, after_seq = _start(engine, unit, unit.dirty_from_ms)
        rows = [] if unit.head_seq is None else engine.store.evidence_of(unit.no, unit.head_seq, after_seq + 1)
        items, bases = items_of(rows, unit.memory)
        too_late = _too_late(rows, unit, start, now_ms) if start.last_t >= unit.dirty_from_ms else []
        change = rebuild(start, items, engine.book)
        was_told = unit.state.silent or any(device.quiet for device in unit.state.devices)
        silence = tick(change.state, now_ms, engine.book) if was_told else None
        if silence is not None:
            change = _joined(change, silence)
        unit.memory = unit.memory._replace(bases=bases)
        dirty = unit.dirty_from_ms, unit.dirty_since_ms
        unit.dirty_from_ms = unit.dirty_since_ms = None
        try:
            _commit(engine, [(unit, change)], {unit.no: wake_at(change.state)}, now_ms, too_late, items)
        except BaseException:
            unit.dirty_from_ms, unit.dirty_since_ms = dirty
            raise
    except StoreError as error:
        if error.again:
            raise
        problem: Exception = error
    except Exception as error:  # one unit's evidence must not stop the others
        problem = error
    else:
        engine.dirty.pop(unit.no, None)
        return True
    log.error("a rebuild failed; the unit stays as told before", agent=unit.agent, cause=str(problem), exc_info=problem)
    unit.late_ms = now_ms
    unit.dirty_since_ms = now_ms
    return False


def _joined(change: Change, silence: Change) -> Change:
    telling = Telling(change.state)
    for one in (change, silence):
        telling.add(Change(state=one.state, retold=one.retold, conditions=one.conditions))
    both = telling.change()
    return Change(state=both.state, retold=both.retold, conditions=both.conditions, whole=change.whole)


def _start(engine: Engine, unit: Unit, from_ms: int) -> tuple[UnitState, int]:
    """The state to rebuild from and the last evidence in it: a checkpoint before `from_ms`, or the agent's horizon."""
    checkpoint = engine.store.checkpoint_before(unit.no, from_ms)
    horizon = engine.store.horizon(unit.no)
    if checkpoint is None or (horizon is not None and checkpoint.seq < horizon.seq):
        checkpoint = horizon
    if checkpoint is None:
        return newborn(unit.agent), 0
    return resting(load(checkpoint.body)), checkpoint.seq


def _too_late(rows: Sequence[EvidenceRow], unit: Unit, start: UnitState, now_ms: int) -> list[Count]:
    """What came since the unit became dirty, and speaks of the time before the evidence that is kept."""
    since_ms = unit.dirty_since_ms or now_ms
    late, _ = items_of([row for row in rows if row.received_ms >= since_ms], unit.memory)
    count = sum(1 for item in late if item.t <= start.last_t)
    example = f"{unit.agent}: of a time whose evidence was pruned"
    return [Count(name="late", cause="beyond_horizon", at_ms=now_ms, count=count, example=example)] if count else []


def items_of(rows: Sequence[EvidenceRow], memory: Memory) -> tuple[list[Item], dict[str, Base]]:
    """The dated items of evidence rows, and the bases of boots with what their clock records add."""
    reports = [(row, *told_in(row)) for row in rows if row.kind in ("report", "history")]
    bases = dict(memory.bases)
    for _, _, records in reports:
        for record in records:
            if record["kind"] == "clock":
                bases[record["boot"]] = better(bases.get(record["boot"]), record)
    return list(_items(reports, memory, bases)), bases


def _items(
    reports: Sequence[tuple[EvidenceRow, str, list[Mapping[str, Any]]]], memory: Memory, bases: Mapping[str, Base]
) -> Iterator[Item]:
    for row, birth, records in reports:
        spec = memory.specs.get(birth)
        for record in records:
            t = event_time(record, bases.get(record["boot"]))
            if t is None or is_ahead(t, row.received_ms):  # a base that came later may date what is nonsense
                continue
            if record["kind"] == "gap" and record["from_t"] is not None:
                t = gap_time(record, t)
            yield Item(t, row.stream, record["n"], record, spec)


def _commit(
    engine: Engine,
    changes: Sequence[tuple[Unit, Change]],
    wakes: Mapping[int, int | None],
    now_ms: int,
    counts: Sequence[Count] = (),
    items: Sequence[Item] = (),
) -> None:
    """One transaction for changes that bring no evidence; then memory follows. `items`: the evidence of a rebuild."""
    ticket_changes: list[TicketChange] = []
    all_actions: list[tuple[Unit, list[Action]]] = []
    all_held: list[tuple[Unit, Change, list[Condition]]] = []
    rows, before = [], []
    changes = [(unit, own(change, unit.devices, engine.since)) for unit, change in changes]
    for unit, change in changes:
        wanted = reconcile(change, unit.tickets, engine.book, unit.settling, unit.dirty_from_ms is not None)
        actions, held = engine.desk.sift(unit, proven(wanted, unit.tickets, items), now_ms)
        all_actions.append((unit, actions))
        all_held.append((unit, change, held))
        ticket_changes += tickets.changes(unit, actions, engine.book, now_ms)
        before.append((unit, unit.state))
        unit.state = change.state
        rows.append(unit_row(unit))
    try:
        done = engine.store.commit(
            stored.Batch(
                now_ms=now_ms,
                units=rows,
                tells=[one for _, change in changes for one in change.retold],
                conditions=[one for _, change in changes for one in told(change)],
                tickets=ticket_changes,
                wakes=wakes,
                counters=counts,
            )
        )
    except BaseException:
        for unit, state in before:
            unit.state = state
        raise
    opened = iter(done.tickets)
    for unit, actions in all_actions:
        unit.tickets = tickets.after(unit, actions, [next(opened) for action in actions if action.verb == "open"])
        engine.unswept.setdefault(unit.no, engine.next_seq)
    for unit, change, held in all_held:
        engine.desk.adopt(unit, change, held, now_ms, items)
    for no, at in wakes.items():
        unit_or_none = engine.units.get(no)
        if unit_or_none is not None:
            unit_or_none.wake_ms = at


def sweep(engine: Engine, limit: int, now_ms: int) -> int:
    """Write the rows of at most `limit` units that are ahead of them; return how many."""
    numbers = []
    for no in engine.unswept:
        numbers.append(no)
        if len(numbers) == limit:
            break
    units = [(unit, unit.memory) for no in numbers if (unit := engine.units.get(no)) is not None]
    if units:
        engine.store.commit(
            stored.Batch(
                now_ms=now_ms,
                units=[unit_row(unit, memory) for unit, memory in units],
                device_now=_present(engine, units),
                read_from_seq=engine.read_from_seq(set(numbers)),
            )
        )
    for no in numbers:
        del engine.unswept[no]
    for unit, memory in units:
        if memory.newest:
            unit.memory = memory._replace(newest=())
    return len(numbers)


def _present(engine: Engine, units: Sequence[tuple[Unit, Memory]]) -> list[DeviceNow]:
    """How the devices of these units look now, with the newest readings of those that were heard of since."""
    readings = newest_readings(engine.store, (one for _, memory in units for one in memory.newest))
    present = []
    for unit, memory in units:
        is_settling = unit.dirty_from_ms is not None or memory.has_holes
        newest = {one.device: one for one in memory.newest}
        for device in memory.state.devices:
            if device.device in unit.devices:
                heard = newest.get(device.device)
                present.append(
                    DeviceNow(
                        device.device,
                        unit.no,
                        device.last_t,
                        device.covered_to,
                        unit.received_ms,
                        is_settling,
                        None if heard is None else readings.get((heard.seq, heard.n)),
                        None if heard is None else heard.t,
                        tuple(Run(one.code, one.component, one.recovering, one.first.t) for one in device.tracks),
                    )
                )
    return present


def obey(engine: Engine, commands: Sequence[CommandRow], now_ms: int) -> int:
    """Carry out what people asked for; each command is answered, also when it cannot be done."""
    for command in commands:
        try:
            _carry_out(engine, command, now_ms)
        except (StoreError, KeyError, TypeError, ValueError) as error:
            if isinstance(error, StoreError) and error.again:
                raise
            answer = CommandDone(command=command.id, ok=False, done_ms=now_ms, result={"error": str(error)})
            engine.store.commit(stored.Batch(now_ms=now_ms, commands_done=[answer]))
    return len(commands)


def _carry_out(engine: Engine, command: CommandRow, now_ms: int) -> None:
    if command.verb in ENTERING:
        answer = CommandDone(
            command=command.id, ok=True, done_ms=now_ms, result=ENTERING[command.verb](engine, command, now_ms)
        )
        engine.store.commit(stored.Batch(now_ms=now_ms, commands_done=[answer]))
        return
    if command.verb == "round":
        errands.begin(engine, command, now_ms)
        return
    ticket = int(command.args["ticket"])
    change = _wanted(command, ticket, now_ms)
    answer = CommandDone(command=command.id, ok=True, done_ms=now_ms, result={"ticket": ticket})
    engine.store.commit(stored.Batch(now_ms=now_ms, tickets=[change], commands_done=[answer]))
    if isinstance(change, TicketResolve):
        for unit in engine.units.values():
            unit.tickets = tuple(one for one in unit.tickets if one.id != ticket)


def _register(engine: Engine, command: CommandRow, now_ms: int) -> Mapping[str, Any]:
    """Enter an agent and its devices: args {agent, group, devices: [{id, kind, name_zh, name_en}, ...]}."""
    said = command.args
    devices = [
        DeviceEntry(id=one["id"], kind=one["kind"], name_zh=one["name_zh"], name_en=one["name_en"])
        for one in said["devices"]
    ]
    number = engine.store.add_agent(str(said["agent"]), str(said["group"]), devices, now_ms)
    rules.forget(engine, [one.id for one in devices])
    engine.load_register()
    return {"agent_no": number}


def _revoke(engine: Engine, command: CommandRow, now_ms: int) -> Mapping[str, Any]:
    """An agent may not speak any more: args {agent}. What is remembered of it is written, for the day it comes back."""
    unit = engine.by_agent.get(str(command.args["agent"]))
    if unit is not None:
        engine.store.commit(stored.Batch(now_ms=now_ms, units=[unit_row(unit)]))
    engine.store.remove_agent(str(command.args["agent"]), now_ms)
    engine.load_register()
    return {"agent": command.args["agent"]}


def _device(engine: Engine, command: CommandRow, now_ms: int) -> Mapping[str, Any]:
    """Enter or change one device: args {id, kind, model, name_zh, name_en, serial}."""
    card = _card(command.args)
    changed, _ = engine.store.put_devices([card], {}, {}, _deed(command, now_ms))
    rules.recast(engine, [card.id], now_ms)
    return {"changed": changed}


def _devices(engine: Engine, command: CommandRow, now_ms: int) -> Mapping[str, Any]:
    """Enter or change many: args {devices: [as _device], voices: {device: agent}, groups: {new agent: group}}."""
    said = command.args
    cards = [_card(one) for one in said["devices"]]
    changed, moved = engine.store.put_devices(cards, said["voices"], said["groups"], _deed(command, now_ms))
    rules.recast(engine, [card.id for card in cards], now_ms)
    if moved:
        engine.load_register()
    return {"changed": changed, "moved": moved}


def _assign(engine: Engine, command: CommandRow, now_ms: int) -> Mapping[str, Any]:
    """From now on another agent, or nobody (null), speaks for a device: args {device, agent}."""
    voices = {str(command.args["device"]): command.args["agent"]}
    _, moved = engine.store.put_devices([], voices, {}, _deed(command, now_ms))
    if moved:
        engine.load_register()
    return {"moved": moved}


def _behind(engine: Engine, command: CommandRow, now_ms: int) -> Mapping[str, Any]:
    """What devices get power and uplink from: args {links: [{subject, kind, root or null, from_ms or null}, ...]}."""
    wanted = [_link(one, now_ms) for one in command.args["links"]]
    changed = engine.store.put_behind(wanted, _deed(command, now_ms))
    if changed:
        engine.desk.reread()
    return {"changed": changed}


def _link(said: Mapping[str, Any], now_ms: int) -> Wanted:
    if said["kind"] not in KINDS:
        raise ValueError(f"device {said['subject']} cannot get {said['kind']!r} from another; only power and uplink")
    from_ms = now_ms if said["from_ms"] is None else int(said["from_ms"])
    return Wanted(str(said["subject"]), said["kind"], said["root"], from_ms)


def _card(said: Mapping[str, Any]) -> DeviceEntry:
    return DeviceEntry(
        id=checked_id(said["id"], "the device"),
        kind=checked_id(said["kind"], f"the kind of device {said['id']}"),
        name_zh=str(said["name_zh"]),
        name_en=str(said["name_en"]),
        model=said["model"],
        serial=said["serial"],
    )


def _deed(command: CommandRow, now_ms: int) -> Deed:
    return Deed(who=command.who, at_ms=now_ms, address=str(command.args.get("address", "")))


ENTERING: Mapping[str, Callable[[Engine, CommandRow, int], Mapping[str, Any]]] = {
    "register": _register,
    "revoke": _revoke,
    "device": _device,
    "devices": _devices,
    "assign": _assign,
    "behind": _behind,
    "rules": rules.change,
    "moved": rules.moved,
}
"""Commands that change who there is, who speaks for whom, and by which rules they are judged."""


def _wanted(command: CommandRow, ticket: int, now_ms: int) -> TicketChange:
    text = str(command.args.get("text", ""))
    match command.verb:
        case "acknowledge":
            return TicketAcknowledge(ticket=ticket, at_ms=now_ms, who=command.who, text=text)
        case "note":
            return TicketNote(ticket=ticket, at_ms=now_ms, who=command.who, text=text)
        case "resolve":
            return TicketResolve(ticket=ticket, at_ms=now_ms, outcome="by_person", who=command.who, text=text)
        case _:
            raise ValueError(f"no command {command.verb!r}; there are acknowledge, note, resolve, register and round")
