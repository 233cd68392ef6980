"""What the agent finds when it looks at itself, from inside and without asking anybody: pure, from facts.

    findings(facts, ["spool", "clock"]) -> [Finding(level, check, text)]       level: OK, WARN, FAIL
    summary(findings) -> "5 checks: 4 ok, 1 warn, 0 fail"                      written(findings) -> lines

`roundsman-agent doctor` looks further: it asks the broker, name servers and devices, and has minutes for it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

Level = Literal["OK", "WARN", "FAIL"]
_CLOCK_WARN_S: Final = 5
_CLOCK_FAIL_S: Final = 60
_NEARLY: Final = 0.8


class Finding(NamedTuple):
    level: Level
    check: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What the agent knows of itself."""

    stream: str
    oldest: int
    newest: int
    spool_bytes: int
    spool_limit: int
    losses: int
    free_bytes: int
    free_floor: int
    is_online: bool
    session: int
    ntp: bool
    ahead_s: int | None
    error_ms: int | None
    probes: int
    broken: Mapping[str, str]
    hung: Sequence[str]


def findings(facts: Facts, checks: Sequence[str]) -> list[Finding]:
    """The checks that were asked for, in that order."""
    return [Finding(level, name, text) for name in checks for level, text in [_CHECKS[name](facts)]]


def summary(found: Sequence[Finding]) -> str:
    warns, fails = (sum(one.level == level for one in found) for level in ("WARN", "FAIL"))
    return f"{len(found)} checks: {len(found) - warns - fails} ok, {warns} warn, {fails} fail"


def written(found: Sequence[Finding]) -> str:
    return "".join(f"{one.level:4}  {one.check}: {one.text}\n" for one in found)


def _spool(facts: Facts) -> tuple[Level, str]:
    waiting = max(facts.newest - facts.oldest + 1, 0)
    said = (
        f"stream {facts.stream}, numbers {facts.oldest}..{facts.newest} (at most {waiting} wait), "
        f"{facts.spool_bytes:,} of {facts.spool_limit:,} bytes, {facts.losses} losses not declared yet"
    )
    is_tight = facts.spool_bytes > facts.spool_limit * _NEARLY
    return ("WARN" if is_tight or facts.losses else "OK"), said


def _line(facts: Facts) -> tuple[Level, str]:
    if not facts.is_online:
        return "FAIL", "not connected to the broker"
    return "OK", f"connected to the broker, session {facts.session}"


def _clock(facts: Facts) -> tuple[Level, str]:
    kept = "kept by NTP" if facts.ntp else "not kept by NTP"
    if facts.ahead_s is None:
        return ("OK" if facts.ntp else "WARN"), f"{kept}; no acknowledgement has told yet how far it is off"
    off = abs(facts.ahead_s)
    side = "ahead" if facts.ahead_s > 0 else "behind"
    said = f"{off:,} s {side} at least" if off else "right"
    level: Level = "FAIL" if off >= _CLOCK_FAIL_S else "WARN" if off >= _CLOCK_WARN_S or not facts.ntp else "OK"
    return level, f"{said}, give or take {(facts.error_ms or 0) / 1000:.1f} s; {kept}"


def _probes(facts: Facts) -> tuple[Level, str]:
    if not facts.broken and not facts.hung:
        return "OK", f"all {facts.probes} answer"
    told = [f"{key} {code}" for key, code in sorted(facts.broken.items())]
    told += [f"{key} hangs" for key in sorted(facts.hung) if key not in facts.broken]
    more = f" and {len(told) - 20} more" if len(told) > 20 else ""
    level: Level = "FAIL" if len(facts.broken) >= facts.probes else "WARN"
    return level, f"{len(told)} of {facts.probes} do not answer: {', '.join(told[:20])}{more}"


def _disk(facts: Facts) -> tuple[Level, str]:
    said = f"{facts.free_bytes:,} bytes free, {facts.free_floor:,} must stay free"
    if facts.free_bytes < facts.free_floor:
        return "FAIL", f"{said}: records wait in memory"
    return ("WARN" if facts.free_bytes < 2 * facts.free_floor else "OK"), said


_CHECKS: Final[Mapping[str, Callable[[Facts], tuple[Level, str]]]] = {
    "spool": _spool,
    "line": _line,
    "clock": _clock,
    "probes": _probes,
    "disk": _disk,
}
