"""When a notice is told, and how: alone or in a digest, now or later. Pure.

up to 30 in 5 minutes on one way        each alone
more                                    all that wait go into one digest, at most one in 5 minutes
it could not be told                    again after 30 s, 1 min, 2 min ... 6 h, each a little off; dead after a day
"""

from dataclasses import dataclass

LIMIT = 30
WINDOW_MS = 5 * 60_000
FIRST_PAUSE_MS = 30_000
LONGEST_PAUSE_MS = 6 * 3_600_000
PATIENCE_MS = 24 * 3_600_000
JITTER = 0.2


@dataclass(frozen=True, kw_only=True, slots=True)
class Alone:
    """Tell the next notice by itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Gathered:
    """Tell everything that waits in one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Later:
    """Tell nothing before this time: the last digest was just sent."""

    until_ms: int


Plan = Alone | Gathered | Later


def plan(*, count: int, sent_lately: int, digest_ms: int | None, now_ms: int) -> Plan:
    """What to do with `count` waiting notices of a way that has told `sent_lately` within WINDOW_MS.

    `digest_ms`: when its last digest was made. One from the future, as a wrong clock leaves, is as good as none.
    """
    if count + sent_lately <= LIMIT:
        return Alone()
    if digest_ms is not None and 0 <= now_ms - digest_ms < WINDOW_MS:
        return Later(until_ms=digest_ms + WINDOW_MS)
    return Gathered()


def pause_ms(tries: int, luck: float) -> int:
    """How long to wait after that many tries; luck in [0, 1) spreads those that failed together."""
    pause = min(FIRST_PAUSE_MS << min(max(tries - 1, 0), 20), LONGEST_PAUSE_MS)
    return round(pause * (1 - JITTER + 2 * JITTER * luck))


def wake_after(*, made_ms: int, tries: int, now_ms: int, luck: float, asked_s: float | None = None) -> int | None:
    """When to try again what now failed for the `tries`th time; None: it has been tried for long enough.

    `asked_s`: how long the other end asks to be left alone; believed up to the longest pause.
    """
    pause = pause_ms(tries, luck)
    if asked_s is not None:
        pause = max(pause, min(round(asked_s * 1000), LONGEST_PAUSE_MS))
    wake_at_ms = now_ms + pause
    return wake_at_ms if wake_at_ms <= made_ms + PATIENCE_MS else None
