"""What each probe costs: how long it takes, what it moves over its line, how often it fails. Pure.

    costs.note("nvr-2/snmp", answer, took_ms=83)
    costs.told("nvr-2", mono) -> {"probe[snmp].took_ms": 83, "probe[snmp].failures": 0, "probe[snmp].bytes": 4711} or {}

`took_ms` is the slowest answer since it was told last, from the round's beginning; `failures` and `bytes` (both ways,
of visits that answered, where the probe can tell) count from the agent's start. They are told every `cost_every_s` at
most, for the first time so long after the start: a line that is paid by the megabyte carries them once an hour. Only
with a sample that has readings: a device that does not answer must not look as if it did.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from roundsman_agent.probe import Answer


@dataclass(kw_only=True, slots=True)
class _Cost:
    took_ms: int = 0
    failures: int = 0
    bytes_moved: int | None = None


class Costs:
    """See the module; `every_ms` 0: never told."""

    def __init__(self, every_ms: int) -> None:
        self._every_ms = every_ms
        self._of: dict[str, dict[str, _Cost]] = {}
        self._told: dict[str, int] = {}

    def note(self, key: str, answer: Answer, *, took_ms: int) -> None:
        """One visit of `device/probe`."""
        device, _, label = key.partition("/")
        cost = self._of.setdefault(device, {}).setdefault(label, _Cost())
        cost.took_ms = max(cost.took_ms, took_ms)
        cost.failures += label in answer.failed and not answer.readings
        if answer.bytes_moved is not None:
            cost.bytes_moved = (cost.bytes_moved or 0) + answer.bytes_moved

    def told(self, device: str, mono: int) -> Mapping[str, int]:
        """What is to stand in this sample of the device; asked once for each sample."""
        if not self._every_ms or mono - self._told.setdefault(device, mono) < self._every_ms:
            return {}
        self._told[device] = mono
        readings: dict[str, int] = {}
        for label, cost in self._of.get(device, {}).items():
            readings[f"probe[{label}].took_ms"] = cost.took_ms
            readings[f"probe[{label}].failures"] = cost.failures
            if cost.bytes_moved is not None:
                readings[f"probe[{label}].bytes"] = cost.bytes_moved
            cost.took_ms = 0
        return readings
