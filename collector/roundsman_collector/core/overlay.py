"""Overlays: what people lay over the evidence, and from when on it counts. Append-only; the evidence stays as it is.

    maintenance   work on the thing; its time is taken out of the reckoning, and opens no tickets
    exclusion     the contract does not count the time: force majeure, the customer's power, a laid-up vehicle
    correction    a person says what the state was: up, down or unknown, whatever the evidence says

    overlay (as made) + its events up to a known time  --standing-->  proposed | in_force | refused | revoked
    overlays of one device                             --in_force-->  Laid, Laid, …   in the order they began to count
    Laid, Laid, … + the ledger                         --stretches->  what it was, and what says so (core/reckoning.py)

What was measured changes by two people only: the author, and a second person who approves. Planned maintenance counts
at once, because nothing is measured yet; everything else counts from its approval on. So does what takes away again: a
person alone may withdraw or shorten what lies ahead; for what has begun it takes somebody who is not the author.

Precedence (law 4): excluded > correction > evidence. Of corrections that overlap, the one approved later holds: not the
one made later, because approval is what makes it true. An explicit `unknown` is a correction like any other.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from roundsman_collector.core.availability import STATES, State
from roundsman_collector.core.model import Milliseconds

Kind = Literal["maintenance", "exclusion", "correction"]
ScopeKind = Literal["device", "place", "site", "customer", "group"]
Verb = Literal["approve", "refuse", "revoke", "end"]
Status = Literal["proposed", "in_force", "refused", "revoked"]
Why = Literal["over", "second_person", "right", "not_proposed", "end"]

EXCLUDED = "excluded"
KINDS: Mapping[Kind, tuple[str, str]] = {
    "maintenance": ("检修", "maintenance"),
    "exclusion": ("剔除", "exclusion"),
    "correction": ("更正", "correction"),
}
SCOPES: Mapping[ScopeKind, tuple[str, str]] = {
    "device": ("设备", "device"),
    "place": ("点位", "place"),
    "site": ("站点", "site"),
    "customer": ("客户", "customer"),
    "group": ("监控分中心", "monitoring centre"),
}
STATUSES: Mapping[Status, tuple[str, str]] = {
    "proposed": ("待审批", "to be approved"),
    "in_force": ("生效", "in force"),
    "refused": ("已驳回", "refused"),
    "revoked": ("已撤销", "revoked"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """Why time is laid over: its words, which kinds may give it, and whether no ticket opens meanwhile anyway."""

    zh: str
    en: str
    kinds: tuple[Kind, ...]
    is_quiet: bool = False


REASONS: Mapping[str, Reason] = {
    "planned_work": Reason(zh="计划检修", en="planned work", kinds=("maintenance",)),
    "work_done": Reason(zh="补录检修", en="work done, entered afterwards", kinds=("maintenance",)),
    "force_majeure": Reason(zh="不可抗力", en="force majeure", kinds=("exclusion",)),
    "customer_power": Reason(zh="客户停电", en="the customer's power", kinds=("exclusion",)),
    "customer_network": Reason(zh="客户网络", en="the customer's network", kinds=("exclusion",)),
    "customer_cause": Reason(zh="客户原因", en="the customer's doing", kinds=("exclusion",)),
    "laid_up": Reason(zh="车辆报停", en="vehicle laid up", kinds=("exclusion",), is_quiet=True),
    "wrong_measurement": Reason(zh="测量有误", en="wrong measurement", kinds=("correction",)),
    "found_off": Reason(zh="现场发现已关机", en="found switched off", kinds=("correction",)),
    "found_working": Reason(zh="现场确认工作正常", en="found working", kinds=("correction",)),
    "other": Reason(zh="其他", en="other", kinds=("maintenance", "exclusion", "correction")),
}


class Overlay(NamedTuple):
    """As somebody made it; `to_ms` None: it goes on. `state` is what a correction says, empty otherwise."""

    id: int
    kind: Kind
    scope: ScopeKind
    target: str
    from_ms: Milliseconds
    to_ms: Milliseconds | None
    state: State | Literal[""]
    reason: str
    text: str
    document: str
    made_ms: Milliseconds
    made_by: str

    @property
    def is_planned(self) -> bool:
        """Maintenance that begins not before it was made: it changes nothing that was measured."""
        return self.kind == "maintenance" and self.from_ms >= self.made_ms

    @property
    def is_quiet(self) -> bool:
        """Whether no ticket opens while it lasts."""
        return self.kind == "maintenance" or (self.reason in REASONS and REASONS[self.reason].is_quiet)


class Event(NamedTuple):
    """What somebody did with an overlay; `to_ms` is the new end (of an `end`)."""

    id: int
    overlay: int
    at_ms: Milliseconds
    who: str
    verb: Verb
    to_ms: Milliseconds | None
    text: str


Logged = tuple[Overlay, Sequence[Event]]


class Standing(NamedTuple):
    """What has become of an overlay by a known time. `counts_ms`: since when it counts; None: it does not.

    `order` ranks it among those that count: by when they began to, then by the number of the event that let them.
    """

    status: Status
    to_ms: Milliseconds | None
    counts_ms: Milliseconds | None
    order: tuple[Milliseconds, int, int]


class Laid(NamedTuple):
    """A stretch of an overlay over one thing, as it counts; `counts_ms`: since when it does."""

    overlay: int
    kind: Kind
    state: State | Literal[""]
    reason: str
    from_ms: Milliseconds
    to_ms: Milliseconds | None
    counts_ms: Milliseconds


# --- what has become of one ------------------------------------------------------------------------------------------


def standing(overlay: Overlay, events: Iterable[Event], known_ms: Milliseconds) -> Standing | None:
    """What had become of an overlay by `known_ms`; None: it was not made yet.

    What contradicts itself (two people at once) is read in the order of the log; what comes too late says nothing.
    """
    if overlay.made_ms > known_ms:
        return None
    order = (overlay.made_ms, 0, overlay.id)
    now = Standing("proposed", overlay.to_ms, None, order)
    if overlay.is_planned:
        now = now._replace(status="in_force", counts_ms=overlay.made_ms)
    for event in sorted(events, key=lambda one: (one.at_ms, one.id)):
        if event.at_ms <= known_ms:
            now = _after(now, overlay, event)
    return now


def _after(now: Standing, overlay: Overlay, event: Event) -> Standing:
    match event.verb, now.status:
        case "approve", "proposed" if event.who != overlay.made_by:
            order = (event.at_ms, event.id, overlay.id)
            return now._replace(status="in_force", counts_ms=event.at_ms, order=order)
        case "refuse", "proposed":
            return now._replace(status="refused")
        case "revoke", "proposed" | "in_force":
            return now._replace(status="revoked", counts_ms=None)
        case "end", "in_force" if shortens(overlay, now, event.to_ms):
            return now._replace(to_ms=event.to_ms)
    return now


def shortens(overlay: Overlay, now: Standing, to_ms: Milliseconds | None) -> bool:
    """Whether an end lies inside of what is left: an end only ever takes away, and leaves something."""
    return to_ms is not None and overlay.from_ms < to_ms and (now.to_ms is None or to_ms < now.to_ms)


def refusal(
    overlay: Overlay,
    now: Standing,
    verb: Verb,
    *,
    is_author: bool,
    may_approve: bool,
    now_ms: Milliseconds,
    to_ms: Milliseconds | None = None,
) -> Why | None:
    """Why somebody may not do this with an overlay; None: they may.

    over             it is refused or revoked: nothing becomes of it any more
    not_proposed     it waits for nobody's approval
    end              there is nothing to end there
    right            neither the author nor somebody who approves
    second_person    it would change what was measured: the author cannot do that alone
    """
    is_second = may_approve and not is_author
    if now.status in ("refused", "revoked"):
        return "over"
    if verb in ("approve", "refuse"):
        if now.status != "proposed":
            return "not_proposed"
        return None if is_second else _lacks(is_author)
    if verb == "end" and (now.status != "in_force" or not shortens(overlay, now, to_ms)):
        return "end"
    changes_from = to_ms if verb == "end" and to_ms is not None else overlay.from_ms
    if now.status == "proposed" or changes_from >= now_ms:
        return None if is_author or may_approve else "right"
    return None if is_second else _lacks(is_author)


def _lacks(is_author: bool) -> Why:
    return "second_person" if is_author else "right"


# --- many, over one thing --------------------------------------------------------------------------------------------


def in_force(overlays: Iterable[Logged], known_ms: Milliseconds) -> tuple[Laid, ...]:
    """Those that count as known at a time, in the order in which they began to."""
    counting: list[tuple[tuple[int, int, int], Laid]] = []
    for overlay, events in overlays:
        now = standing(overlay, events, known_ms)
        if now is not None and now.counts_ms is not None:
            laid = Laid(
                overlay.id, overlay.kind, overlay.state, overlay.reason, overlay.from_ms, now.to_ms, now.counts_ms
            )
            counting.append((now.order, laid))
    return tuple(laid for _, laid in sorted(counting, key=lambda one: one[0]))


def stated(text: str) -> State:
    """The state that a correction says; ValueError for none: no correction is not a correction to unknown."""
    for state in STATES:
        if state == text:
            return state
    raise ValueError(f"a correction to {text!r}: expected one of {', '.join(STATES)}")


# --- what is quiet now -----------------------------------------------------------------------------------------------


def quiet_until(overlays: Iterable[Logged], now_ms: Milliseconds) -> dict[int, Milliseconds | None]:
    """Which of these hold tickets back now, by id, and until when each does; None: its end is open."""
    held: dict[int, Milliseconds | None] = {}
    for overlay, events in overlays:
        now = standing(overlay, events, now_ms)
        if now is None or now.counts_ms is None or not overlay.is_quiet:
            continue
        if overlay.from_ms <= now_ms and (now.to_ms is None or now_ms < now.to_ms):
            held[overlay.id] = now.to_ms
    return held
