"""When a notice is told, and how: alone or in a digest, now or later. Pure.

    the way is told by the day              all that happened since, in one digest at its time
    its quiet hours                         when they end; in one digest if more than 5 wait
    ... and whoever hears it is on duty     as if there were neither
    nobody needs it any more                not at all
    up to 30 in 5 minutes on one way        each alone (a chat: up to 10)
    more                                    all that wait go into one digest, at most one in 5 minutes
    it could not be told                    again after 30 s, 1 min, 2 min ... 1 h, each a little off; dead after 3 days

Chat services mute a bot that says too much, DingTalk for ten minutes. However the notices come, tries and tests
included, a bot is never sent more than `Pace.bot` says, which is less than its service allows:

    service     allows                        we send at most
    DingTalk    20 a minute                   18 a minute
    WeCom       20 a minute                   18 a minute
    Feishu      5 a second, 100 a minute      4 a second, 90 a minute
"""

from collections.abc import Mapping
from dataclasses import dataclass

from roundsman_collector.store import Timing
from roundsman_collector.store.timing import daily_after, daily_before, quiet_until

WINDOW_MS = 5 * 60_000
FEW = 5
FIRST_PAUSE_MS = 30_000
LONGEST_PAUSE_MS = 3_600_000
PATIENCE_MS = 3 * 24 * 3_600_000
JITTER = 0.2
MINUTE_MS = 60_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """How much a kind of way bears: `alone` notices by themselves within WINDOW_MS, and what its bot may be sent: so
    many in so many milliseconds."""

    alone: int = 30
    bot: tuple[tuple[int, int], ...] = ()


PACES: Mapping[str, Pace] = {
    "mail": Pace(),
    "webhook": Pace(),
    "wecom": Pace(alone=10, bot=((18, MINUTE_MS),)),
    "dingtalk": Pace(alone=10, bot=((18, MINUTE_MS),)),
    "feishu": Pace(alone=10, bot=((4, 1000), (90, MINUTE_MS))),
}
LIMIT = max(pace.alone for pace in PACES.values())


@dataclass(frozen=True, kw_only=True, slots=True)
class Alone:
    """Tell the next notice by itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Gathered:
    """Tell everything that waits in one. `is_daily`: it is what happened in a day."""

    is_daily: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Later:
    """Tell nothing before this time: the last digest was just sent."""

    until_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """Put off what is ready until this time; what is urgent is told all the same if `spares_urgent`."""

    until_ms: int
    is_daily: bool = False
    spares_urgent: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Over:
    """Do not tell it: nobody needs it any more."""


Plan = Alone | Gathered | Later | Held | Over


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """What bears on the next notice of a way: see store.Waiting. `passes`: whoever hears it is on duty."""

    made_ms: int
    severity: str = ""
    passes: bool = False
    is_over: bool = False
    count: int = 1
    held_count: int = 0
    sent_lately: int = 0
    digest_ms: int | None = None


def plan(turn: Turn, timing: Timing, pace: Pace, now_ms: int) -> Plan:
    """What to do with the notices that wait on a way, from the next one on.

    `sent_lately`: told within WINDOW_MS. `digest_ms`: when the last digest was made. One from the future, as a wrong
    clock leaves, is as good as none.
    """
    if timing.daily and not turn.passes:
        if turn.made_ms < daily_before(timing, now_ms):
            return Gathered(is_daily=True)
        return Held(until_ms=daily_after(timing, now_ms), is_daily=True)
    quiet_ms = quiet_until(timing, now_ms)
    if quiet_ms is not None and not turn.passes and not (timing.urgent_passes and _is_urgent(turn.severity)):
        return Held(until_ms=quiet_ms, spares_urgent=timing.urgent_passes)
    if turn.is_over:
        return Over()
    if turn.count + turn.sent_lately <= pace.alone and turn.held_count <= FEW:
        return Alone()
    if turn.digest_ms is not None and 0 <= now_ms - turn.digest_ms < WINDOW_MS:
        return Later(until_ms=turn.digest_ms + WINDOW_MS)
    return Gathered()


def _is_urgent(severity: str) -> bool:
    """A severity of no name is taken for the gravest."""
    return severity not in ("major", "minor", "")


def pause_ms(tries: int, luck: float) -> int:
    """How long to wait after that many tries; luck in [0, 1) spreads those that failed together."""
    pause = min(FIRST_PAUSE_MS << min(max(tries - 1, 0), 20), LONGEST_PAUSE_MS)
    return round(pause * (1 - JITTER + 2 * JITTER * luck))


def wake_after(*, due_ms: int, tries: int, now_ms: int, luck: float, asked_s: float | None = None) -> int | None:
    """When to try again what now failed for the `tries`th time; None: it has been tried for long enough.

    `due_ms`: since when it might be told. `asked_s`: how long the other end asks to be left alone; believed up to the
    longest pause. The last try is at the end of our patience, not before.
    """
    if now_ms >= due_ms + PATIENCE_MS:
        return None
    pause = pause_ms(tries, luck)
    if asked_s is not None:
        pause = max(pause, min(round(asked_s * 1000), LONGEST_PAUSE_MS))
    return min(now_ms + pause, due_ms + PATIENCE_MS)
