"""Errands: what agents are asked to do, from a person's command to the agents' results.

    begin(engine, command, now_ms)      a round and an errand for each of its agents, one commit, command answered
    outgoing(engine, now_ms)            what is to be published now, at most AT_ONCE: after the commit, never before it
    sent(engine, ids, now_ms)           it is on the line
    unsent(engine, ids)                 it is not: there was no line
    send_again(engine, now_ms)          messages may be lost (QoS 0): fresh errands without an answer go once more
    end_rounds(engine, now_ms)          rounds whose errands are answered, or whose time is over; people's commands too

Results come as records of evidence (intake.py) and are written in the same commit. An agent remembers what it was
asked, so a copy is harmless; it refuses what is not fresh, so nothing has to be taken back. Nothing here waits:
whatever is unfinished stands in the database and is found again after a restart.

What people ask beside rounds (store/asked.py) is an errand too. What changes something goes once: it waits for an agent
that is on the line, and is noted as sent before it is published, so that no restart sends it again.
"""

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from roundsman_collector.core.lifecycle import NOT_SEEN
from roundsman_collector.core.looking import MODES, Mode
from roundsman_collector.engine import unseen
from roundsman_collector.engine.engine import Engine
from roundsman_collector.engine.tickets import SITE_ZONE
from roundsman_collector.store import batch as stored
from roundsman_collector.store.commands import CommandRow
from roundsman_collector.store.rounds import ErrandNew, ErrandOut, RoundAnswered, RoundBegun, RoundDevice
from roundsman_wire.codec import encode
from roundsman_wire.topics import COMMAND, down

AT_ONCE = 200
"""Errands published at once; clockwork asks five times a second, so a round of 10,000 agents is on its way in 10 s."""
CHANGING_AT_ONCE = 2000
"""Those of them that change something are few, and some wait for an agent that is away."""
AGAIN_MS = 15_000
WITHIN_MS = 120_000
SHORTEST_MS, LONGEST_MS = 5_000, 15 * 60_000
NAME_LIMIT = 160
INSPECT = "inspect"
CONSENT = "standing: an inspection only reads (docs/agent.md)"


def begin(engine: Engine, command: CommandRow, now_ms: int) -> None:
    """Make the round that a person asks for: args {site, from_ms, to_ms, within_ms?, mode?, task?}. ValueError says why
    not."""
    name = str(command.args["site"])
    found = engine.store.round_of(name)
    if found is None:
        raise ValueError(f"there is no site, group or device {name!r}; sites are entered in the register")
    target, devices, unfinished = found
    mode = _mode(command.args)
    for number, state, other in unfinished:
        if state == "running":
            raise ValueError(f"round {number} of {target.kind} {name} is under way; wait until it is over")
        if other == mode:
            raise ValueError(f"round {number} of {target.kind} {name} is open; finish it first")
    if not devices:
        raise ValueError(f"{target.kind} {name} has no device; install one there first")
    from_ms, to_ms = _period(command.args, now_ms)
    within_ms = int(command.args.get("within_ms") or WITHIN_MS)
    if not SHORTEST_MS <= within_ms <= LONGEST_MS:
        raise ValueError(f"a round takes from {SHORTEST_MS} to {LONGEST_MS} ms, not {within_ms}")
    begun = RoundBegun(
        command=command.id,
        target=target,
        devices=devices,
        errands=_errands(engine, devices),
        from_ms=from_ms,
        to_ms=to_ms,
        asked_ms=now_ms,
        asked_by=command.who,
        until_ms=now_ms + within_ms,
        after_seq=engine.store.last_seq(),
        year=datetime.fromtimestamp(now_ms / 1000, SITE_ZONE).year,
        mode=mode,
        task=None if command.args.get("task") is None else int(command.args["task"]),
    )
    engine.store.commit(stored.Batch(now_ms=now_ms, rounds=[begun]))


def _mode(args: Mapping[str, Any]) -> Mode:
    said = args.get("mode") or "remote"
    found = next((mode for mode in MODES if mode == said), None)
    if found is None:
        raise ValueError(f"there is no round of mode {said!r}; there are {', '.join(MODES)}")
    return found


def _period(args: Mapping[str, Any], now_ms: int) -> tuple[int, int]:
    """The time that the round reports on; nothing of it lies in the future."""
    from_ms, to_ms = int(args["from_ms"]), min(int(args["to_ms"]), now_ms)
    if not 0 <= from_ms < to_ms:
        raise ValueError(f"the period [{from_ms}, {to_ms}) holds no time; it begins before it ends, and before now")
    return from_ms, to_ms


def _errands(engine: Engine, devices: list[RoundDevice]) -> list[ErrandNew]:
    """One for each agent: to look at all its devices, or at the one that is meant."""
    spoken_for: dict[int, list[str]] = {}
    for one in devices:
        if one.agent_no is not None:
            spoken_for.setdefault(one.agent_no, []).append(one.device)
    token = secrets.token_hex(8)
    found = []
    for agent_no, mine in spoken_for.items():
        unit = engine.units.get(agent_no)
        is_one_of_many = len(mine) == 1 and unit is not None and len(unit.devices) > 1
        args = {"device": mine[0]} if is_one_of_many else {}
        found.append(ErrandNew(id=f"{token}.{agent_no}", agent_no=agent_no, verb=INSPECT, args=args, consent=CONSENT))
    return found


class Outgoing(NamedTuple):
    """An errand to be published now. `is_once`: it is noted as sent before it is, and goes once."""

    id: str
    message: tuple[str, bytes]
    is_once: bool


def outgoing(engine: Engine, now_ms: int) -> list[Outgoing]:
    """Errands to be published now."""
    reading = engine.store.errands_out(now_ms, AT_ONCE)
    changing = engine.store.errands_out(now_ms, CHANGING_AT_ONCE, changing=True)
    return [
        *(Outgoing(one.id, _written(one), False) for one in reading),
        *(Outgoing(one.id, _written(one), True) for one in changing if _is_online(engine, one.agent)),
    ]


def _is_online(engine: Engine, agent: str) -> bool:
    unit = engine.by_agent.get(agent)
    return unit is not None and unit.memory.online


def _written(one: ErrandOut) -> tuple[str, bytes]:
    """The message; the same whenever it is sent, because its age counts from when it was asked."""
    said = {
        "v": 1,
        "id": one.id,
        "verb": one.verb,
        "args": one.args,
        "at": one.asked_ms,
        "expires_s": (one.expires_ms - one.asked_ms) / 1000,
        "issued_by": one.asked_by[:NAME_LIMIT] or "roundsman",
        "consent": one.consent,
    }
    return down(one.group, one.agent, COMMAND), encode(said)


def sent(engine: Engine, ids: list[str], now_ms: int) -> None:
    """These errands were handed to the line."""
    engine.store.commit(stored.Batch(now_ms=now_ms, errands_sent=ids))


def unsent(engine: Engine, ids: list[str]) -> None:
    """These errands were noted as sent and did not leave."""
    engine.store.unsend_errands(ids)


def send_again(engine: Engine, now_ms: int) -> int:
    """What was sent AGAIN_MS ago, is fresh and unanswered goes once more."""
    return engine.store.send_errands_again(now_ms - AGAIN_MS, now_ms)


def end_rounds(engine: Engine, now_ms: int) -> int:
    """End the rounds that are over: all they saw is in the evidence up to here. Returns how many.

    Whom they did not reach gets a ticket (unseen.py). People's commands whose time is over end as well.
    """
    engine.store.expire_asked(now_ms)
    over = engine.store.rounds_over(now_ms)
    for one in over:
        units = (engine.units.get(errand.agent_no) for errand in one.errands)
        heads = {unit.no: unit.head_seq for unit in units if unit is not None and unit.head_seq is not None}
        tickets = unseen.of_round(engine, one, engine.store.live_tickets_of(NOT_SEEN), now_ms)
        answered = RoundAnswered(round_id=one.id, heads=heads)
        engine.store.commit(stored.Batch(now_ms=now_ms, rounds_over=[answered], tickets=tickets))
    return len(over)
