"""A planned file made true: the office's part in one transaction, the engine's part asked for in the same one.

    asked = enter(office, plan, deed=...)     ids of commands; EntryError where somebody was faster
    answers(view, asked, wait_s=...)          what the engine said by then

Either everything is entered and asked for, or nothing. The engine takes its commands within moments; while it is down
they wait, and it takes them when it starts. Entering the same file again changes nothing.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from roundsman_collector.register.plan import ORDER, Plan
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import CommandRow, Deed, Office, View

DEVICES_AT_ONCE = 5000
"""How many devices one command holds: the engine learns its register anew after each that moves voices."""
LOOK_S = 0.05


@dataclass(frozen=True, kw_only=True, slots=True)
class Answers:
    """What the engine made of its commands. `waiting`: it has not come to them yet; `errors`: in its own words."""

    done: int
    waiting: int
    errors: tuple[str, ...]


def enter(
    office: Office, plan: Plan, *, deed: Deed, from_ms: int | None = None, scope: Scope = EVERYTHING
) -> list[int]:
    """Enter what was planned; return the ids of the engine's commands. Raises EntryError, StoreError."""
    assert not plan.errors, "a file with errors is not entered"
    wanted = [(kind, plan.entries[kind]) for kind in ORDER if kind in plan.entries]
    standing = {device: {"place": place} for device, place in plan.installations.items()}
    asked = office.enter_all(
        [*wanted, ("installation", standing)], list(_commands(plan, deed)), deed=deed, from_ms=from_ms, scope=scope
    )
    return asked


def _commands(plan: Plan, deed: Deed) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The engine's part: devices first, then who speaks for them, in commands that each stand for themselves."""
    entries = {one.id: one for one in plan.devices}
    ids = sorted({*entries, *plan.voices})
    for begin in range(0, len(ids), DEVICES_AT_ONCE):
        part = ids[begin : begin + DEVICES_AT_ONCE]
        voices = {device: plan.voices[device] for device in part if device in plan.voices}
        yield (
            "devices",
            {
                "devices": [asdict(entries[device]) for device in part if device in entries],
                "voices": voices,
                "groups": {agent: plan.groups[agent] for agent in set(voices.values()) if agent in plan.groups},
                "address": deed.address,
            },
        )
    wired = sorted(plan.links)
    for begin in range(0, len(wired), DEVICES_AT_ONCE):
        some = wired[begin : begin + DEVICES_AT_ONCE]
        said = [{"subject": one, "kind": kind, "root": plan.links[one, kind], "from_ms": None} for one, kind in some]
        yield "behind", {"links": said, "address": deed.address}


def answers(view: View, asked: Sequence[int], *, wait_s: float) -> Answers:
    """What became of commands, waited for a while."""
    until = time.monotonic() + wait_s
    waiting = list(asked)
    errors: list[str] = []
    while waiting:
        told = [row for command in waiting if (row := view.command(command)) is not None and row.state != "new"]
        errors += [_error(row) for row in told if row.state == "failed"]
        done = {row.id for row in told}
        waiting = [command for command in waiting if command not in done]
        if not waiting or time.monotonic() >= until:
            break
        time.sleep(LOOK_S)
    return Answers(done=len(asked) - len(waiting) - len(errors), waiting=len(waiting), errors=tuple(errors))


def _error(row: CommandRow) -> str:
    return str((row.result or {}).get("error", "the engine said no"))
