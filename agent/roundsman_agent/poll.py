"""Who is due, and what a round of one device becomes: pure.

    due(turns, done, mono) -> rounds        the probes of one device that are due together are one Round
    wake_at(turns, done, mono) -> ms        when to look again
    sample(...) -> record without `n`       all answers of a round as one sample

A tick is a number, not an event: tick k of a device starts at k * every + phase. After a suspend or a busy spell the
newest tick counts and those before it are gone: no burst. The phase comes from the device's id, so a thousand agents
that start together do not report together; the first round of all is due at once.
"""

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from roundsman_agent.clock import Moment
from roundsman_agent.probe import Answer, Value

_NAME_LIMIT: Final = 160
_TEXT_LIMIT: Final = 400
_READINGS_LIMIT: Final = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """One probe of one device and how often it takes its turn."""

    device: str
    probe: str
    """The probe's name; the second one of the same name in a device is `snmp#2`."""
    every_ms: int
    phase_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Round:
    """The turns of one device that are due now."""

    device: str
    turns: tuple[Turn, ...]


def turns(device: str, probes: Sequence[tuple[str, int]]) -> tuple[Turn, ...]:
    """The turns of a device from (probe, every_ms). They share a phase, so that multiples of a period coincide."""
    phase = zlib.crc32(device.encode()) % min(every for _, every in probes)
    return tuple(Turn(device=device, probe=name, every_ms=every, phase_ms=phase) for name, every in probes)


def tick(turn: Turn, mono: int) -> int:
    """The number of the newest tick of a turn that has begun."""
    return (mono - turn.phase_ms) // turn.every_ms


def due(plan: Sequence[Turn], done: Mapping[Turn, int], mono: int) -> list[Round]:
    """The rounds to start now; `done` holds each turn's last tick."""
    ready: dict[str, list[Turn]] = {}
    for turn in plan:
        if turn not in done or tick(turn, mono) > done[turn]:
            ready.setdefault(turn.device, []).append(turn)
    return [Round(device=device, turns=tuple(some)) for device, some in ready.items()]


def wake_at(plan: Sequence[Turn], done: Mapping[Turn, int], mono: int) -> int:
    """When the next turn is due."""
    return min(
        (mono if turn not in done else (done[turn] + 1) * turn.every_ms + turn.phase_ms for turn in plan),
        default=mono + 60_000,
    )


def sample(device: str, valid_s: float, begun: Moment, answers: Mapping[str, Answer]) -> dict[str, Any]:
    """The sample of a round, without its number: readings and failures of all probes, dated at the round's start.

    A probe that failed as a whole is an Answer without readings whose `failed` names the probe. A value that the wire
    cannot carry becomes null with a reason.
    """
    readings: dict[str, Value] = {}
    failed: dict[str, list[str]] = {}
    for probe, answer in answers.items():
        if not answer.readings and not answer.failed:
            failed[probe] = ["bad_answer", "the probe gave no reading"]
        for name, value in answer.readings.items():
            cause = _misfit(name, value)
            readings[name[:_NAME_LIMIT]] = None if cause else value
            if cause:
                failed[name[:_NAME_LIMIT]] = ["implausible", cause]
        for name, (code, detail) in answer.failed.items():
            failed[name[:_NAME_LIMIT]] = [code[:_NAME_LIMIT], detail[:_TEXT_LIMIT]]
    if len(readings) > _READINGS_LIMIT:
        failed["agent"] = ["bad_answer", f"{len(readings)} readings; the first {_READINGS_LIMIT} are here"]
        readings = dict(list(readings.items())[:_READINGS_LIMIT])
    record: dict[str, Any] = {"kind": "sample", "boot": begun.boot, "mono": begun.mono, "t": begun.wall}
    if not begun.ntp:
        record["ntp"] = False
    record |= {"device": device, "valid_s": valid_s, "readings": readings}
    if failed:
        record["failed"] = dict(list(failed.items())[:_READINGS_LIMIT])
    return record


def _misfit(name: str, value: object) -> str | None:
    """Why the wire cannot carry a value; None when it can."""
    if value is None or isinstance(value, str):
        return None if value is None or len(value) <= _TEXT_LIMIT else f"a word of {len(value)} characters"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"{name} is a {type(value).__name__}; a number, a word or null is expected"
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value} is not a number"
    return "a whole number beyond 64 bits" if isinstance(value, int) and not -(2**63) <= value < 2**63 else None
