"""What changed since: the truth of a past time as it was told then, beside what is told of it now.

    changed(was, now, then=…, today=…) -> [Changed(from_ms, to_ms, was, now, why), …]      one thing
    sums(changes)               -> Moved(was={"down": 4_800_000}, now={"up": 4_800_000})

Both tellings cover the same window (core/reckoning.py: stretches), the old one as known at K, the new one as known
today. A stretch that says the same is not listed, whatever rows it came from: what is compared is what a person would
read. That nothing was said yet is the same before a device's first words and behind its last.

Why a stretch says something else, by what decided it then and what does today:

    correction, exclusion, maintenance   an overlay that did not decide it then decides it now
    revoked, ended                       the overlay that decided it then is revoked, or was shortened
    root                                 it is put down to another device that feeds it or carries its line
    evidence                             neither: late evidence told another story
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Literal, NamedTuple

from roundsman_collector.core.model import Milliseconds
from roundsman_collector.core.overlay import KINDS
from roundsman_collector.core.reckoning import NEVER_SEEN, NOT_YET, Stretch, joined

Why = Literal["evidence", "correction", "exclusion", "maintenance", "revoked", "ended", "root"]
WHYS: tuple[Why, ...] = ("evidence", "correction", "exclusion", "maintenance", "revoked", "ended", "root")
SILENCE = (NEVER_SEEN, NOT_YET)


class Changed(NamedTuple):
    """A stretch of the past that is told otherwise now; `was` and `now` are cut to it, and not marked as coarse."""

    from_ms: Milliseconds
    to_ms: Milliseconds
    was: Stretch
    now: Stretch
    why: Why


class Moved(NamedTuple):
    """How long each state was told of the stretches that changed, then and now; states of no time are left out."""

    was: dict[str, Milliseconds]
    now: dict[str, Milliseconds]


def changed(
    was: Sequence[Stretch], now: Sequence[Stretch], *, then: Collection[int] = (), today: Collection[int] = ()
) -> list[Changed]:
    """The stretches of which `now` says something else than `was`, in order; touching ones differ.

    `then` and `today`: the overlays that counted over it then, and do today. Both tellings cover the same window.
    """
    if was and now and (was[0].from_ms, was[-1].to_ms) != (now[0].from_ms, now[-1].to_ms):
        raise ValueError(
            f"what was told of [{was[0].from_ms}, {was[-1].to_ms}) cannot be compared with what is told of "
            f"[{now[0].from_ms}, {now[-1].to_ms}): reckon both over the same window"
        )
    found: list[Changed] = []
    at = 0
    for old in was:
        while at < len(now) and now[at].from_ms < old.to_ms:
            new = now[at]
            if _said(old) != _said(new):
                begin, end = max(old.from_ms, new.from_ms), min(old.to_ms, new.to_ms)
                both = [one._replace(from_ms=begin, to_ms=end, coarse=False) for one in (old, new)]
                _add(found, Changed(begin, end, both[0], both[1], _why(old, new, then, today)))
            if new.to_ms > old.to_ms:
                break
            at += 1
    return found


def _said(told: Stretch) -> tuple[str, str, str, str]:
    return told.state, "" if told.cause in SILENCE else told.cause, told.fault, told.root


def _why(old: Stretch, new: Stretch, then: Collection[int], today: Collection[int]) -> Why:
    if new.overlay == old.overlay:
        return "root" if new.root != old.root else "evidence"
    if new.overlay is not None and (old.overlay is None or new.overlay not in then):
        return next(kind for kind in KINDS if kind == new.kind)
    return "ended" if old.overlay in today else "revoked"


def _add(found: list[Changed], one: Changed) -> None:
    last = found[-1] if found else None
    if last is not None and last.to_ms == one.from_ms and last.why == one.why:
        was, now = joined((last.was, one.was)), joined((last.now, one.now))
        if len(was) == len(now) == 1:
            found[-1] = Changed(last.from_ms, one.to_ms, was[0], now[0], one.why)
            return
    found.append(one)


def sums(changes: Iterable[Changed]) -> Moved:
    """What the changes move from which state to which."""
    moved = Moved({}, {})
    for one in changes:
        length = one.to_ms - one.from_ms
        moved.was[one.was.state] = moved.was.get(one.was.state, 0) + length
        moved.now[one.now.state] = moved.now.get(one.now.state, 0) + length
    return moved
