"""What time means: silence told, people's commands carried out, memory swept to disk; rebuilds.py is a part of it.

    wake(engine, now_ms)             units whose `wake_at` is over: tell a silence, or look again later
    obey(engine, commands, now_ms)   steps of tickets, rounds, entries: a person's click is a row the engine takes
    sweep(engine, limit, now_ms)     rows of units that are ahead of them, the longest first

Each is one or more commits of its own; `commit` is one for changes that bring no evidence.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog

from roundsman_collector.core.causes import KINDS
from roundsman_collector.core.lifecycle import is_persons
from roundsman_collector.core.model import Action, Change, Condition
from roundsman_collector.core.proof import Prove, doubts, proven
from roundsman_collector.core.ticket import reconcile
from roundsman_collector.core.turn import tick, wake_at
from roundsman_collector.engine import errands, rules, steps, task_steps, tickets
from roundsman_collector.engine.engine import Engine, told, unit_row
from roundsman_collector.engine.handover import own
from roundsman_collector.engine.recent import newest_readings
from roundsman_collector.engine.unit import Memory, Unit
from roundsman_collector.store import batch as stored
from roundsman_collector.store.audit import Deed
from roundsman_collector.store.behind import Wanted
from roundsman_collector.store.commands import CommandDone, CommandRow
from roundsman_collector.store.errors import StoreError
from roundsman_collector.store.present import DeviceNow, Run
from roundsman_collector.store.quarantine import Count
from roundsman_collector.store.register import DeviceEntry
from roundsman_collector.store.tickets import TicketChange
from roundsman_wire.topics import checked_id

log = structlog.get_logger(__name__)

WAKES_AT_ONCE = 1000
_NOTHING: Mapping[int, Prove] = {}


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
        commit(engine, telling, wakes, now_ms)
    return len(telling)


def commit(
    engine: Engine,
    changes: Sequence[tuple[Unit, Change]],
    wakes: Mapping[int, int | None],
    now_ms: int,
    counts: Sequence[Count] = (),
    prove: Mapping[int, Prove] = _NOTHING,
) -> None:
    """One transaction for changes that bring no evidence; then memory follows.

    `prove` asks the evidence of units that were rebuilt, by their numbers.
    """
    ticket_changes: list[TicketChange] = []
    all_actions: list[tuple[Unit, list[Action]]] = []
    all_held: list[tuple[Unit, Change, list[Condition]]] = []
    rows, before = [], []
    changes = [(unit, own(change, unit.devices, engine.since)) for unit, change in changes]
    for unit, change in changes:
        wanted = reconcile(change, unit.tickets, engine.book, unit.settling, unit.dirty_from_ms is not None)
        doubted = doubts(wanted, unit.tickets)
        known = prove[unit.no](doubted) if doubted and unit.no in prove else {}
        actions, held = engine.desk.sift(unit, proven(wanted, unit.tickets, known), now_ms)
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
        engine.desk.adopt(unit, change, held, now_ms, prove.get(unit.no))
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
    days = engine.days.told(now_ms, engine.next_seq)
    if units or days.rows:
        engine.store.commit(
            stored.Batch(
                now_ms=now_ms,
                units=[unit_row(unit, memory) for unit, memory in units],
                device_now=_present(engine, units),
                read_from_seq=engine.read_from_seq(set(numbers)),
                reading_days=days,
            )
        )
        engine.days.kept(days)
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
            told = error.told if isinstance(error, steps.StepRefused) else {}
            result = {"error": str(error), **told}
            answer = CommandDone(command=command.id, ok=False, done_ms=now_ms, result=result)
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
    if command.verb == task_steps.STEP:
        task_steps.take(engine, command, now_ms)
    elif command.verb == steps.REPORT:
        steps.report(engine, command, now_ms)
    elif is_persons(command.verb):
        steps.take(engine, command, now_ms)
    else:
        raise ValueError(
            f"no command {command.verb!r}; there are {', '.join([*ENTERING, 'round', 'task', 'open'])} and steps"
        )


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
    """Enter or change one device: args {id, kind, model, name_zh, name_en, serial, vendor, batch}."""
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
        vendor=said.get("vendor"),  # a command of a version before it was known
        batch=said.get("batch"),
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
    "level": rules.put_level,
    "moved": rules.moved,
}
"""Commands that change who there is, who speaks for whom, and by which rules they are judged."""
