"""Whether a fault opens a ticket of its own, or waits for what may explain it (law 5). Pure.

    fault known --> nothing above it, nothing planned ------------------------------------> OPEN
        |                                             its time is over, or all roots are well
        +--> WAIT: as long as a root needs to be found faulty, and PATIENCE_MS more ------> OPEN
        |       |
        |       +--> a root is faulty since before it, or with it -----------------------> JOIN the root's ticket
        |
        +--> maintenance covers it: WAIT until that is over; then as above

    a root proves faulty later, but began before or with it:  the open ticket is merged into the root's (absorbed)
    the root is well, and the fault is still there after the time its own device needs to be heard:  OPEN (released)

Only the opening waits. `Wiring` is what stands behind what now, indexed both ways.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from roundsman_collector.core.causes import DEEPEST, POWER, TOGETHER_MS, UPLINK, Kind, Link
from roundsman_collector.core.model import Condition, DeviceState, Milliseconds
from roundsman_collector.core.policy import SILENT, Builtin, Policy, Rule

PATIENCE_MS = 10_000
LATE_MS = 2 * 60_000
"""What is known so much later than `arrive_by` allows is known late."""
Key = tuple[str, str, str]
"""What a ticket is of: subject, component, code."""


class Above(NamedTuple):
    """A root of a device: what the device lacks when it fails, whether only without power, and how far away it is."""

    root: str
    lacks: Kind
    by_power_only: bool
    distance: int


class Standing(NamedTuple):
    """A fault of a root that holds now: `device` is the root, whose own fault or agent's silence it is."""

    key: Key
    device: str
    explains: str
    since_ms: Milliseconds


class Verdict(NamedTuple):
    """open · join (the ticket of the fault `cause`) · wait (until `at_ms`, when it is looked at again)."""

    verb: Literal["open", "join", "wait"]
    at_ms: Milliseconds = 0
    cause: Standing | None = None


class Wiring:
    """Who gets power and uplink from whom now."""

    def __init__(self, links: Iterable[Link] = ()) -> None:
        self._up: dict[str, list[Link]] = {}
        self._down: dict[str, list[str]] = {}
        for link in links:
            self._up.setdefault(link.subject, []).append(link)
            self._down.setdefault(link.root, []).append(link.subject)
        self._above: dict[str, tuple[Above, ...]] = {}

    @property
    def roots(self) -> frozenset[str]:
        """All that something stands behind."""
        return frozenset(self._down)

    @property
    def devices(self) -> frozenset[str]:
        """All that is a root or stands behind one."""
        return frozenset(self._down) | frozenset(self._up)

    def above(self, device: str) -> tuple[Above, ...]:
        """The roots of a device, the farthest first."""
        found = self._above.get(device)
        if found is None:
            found = self._above[device] = tuple(sorted(self._climb(device), key=lambda one: (-one.distance, one)))
        return found

    def _climb(self, device: str) -> Iterable[Above]:
        ahead = [(link, link.kind, 1) for link in self._up.get(device, ())]
        seen: set[tuple[str, Kind, bool]] = set()
        while ahead:
            link, lacks, distance = ahead.pop()
            by_power_only = link.kind == POWER
            place = link.root, lacks, by_power_only
            if place in seen or link.root == device or distance > DEEPEST:
                continue
            seen.add(place)
            yield Above(link.root, lacks, by_power_only, distance)
            for further in self._up.get(link.root, ()):
                if further.kind == POWER or link.kind == UPLINK:
                    ahead.append((further, lacks, distance + 1))

    def below(self, root: str) -> set[str]:
        """All that stands behind a root, near or far."""
        found: set[str] = set()
        ahead = [root]
        while ahead:
            for device in self._down.get(ahead.pop(), ()):
                if device not in found:
                    found.add(device)
                    ahead.append(device)
        return found


def causes_of(
    above: Sequence[Above],
    standing: Mapping[str, Iterable[Standing]],
    rule: Rule,
    since_ms: Milliseconds,
    together_ms: Milliseconds,
) -> list[Standing]:
    """The faults that explain one of these rules that holds since then, the farthest root's first.

    `standing`: root -> the faults it has now. A root's fault explains what began after it or with it: `together_ms`
    before it at most, because samples are a period apart.
    """
    found: list[Standing] = []
    for one in above:
        if one.lacks not in rule.explained_by:
            continue
        mine = [
            fault
            for fault in standing.get(one.root, ())
            if fault.since_ms <= since_ms + together_ms and (fault.explains == POWER or not one.by_power_only)
        ]
        found += [fault for fault in sorted(mine, key=lambda fault: (fault.since_ms, fault.key)) if fault not in found]
    return found


def together(*arrive_by_ms: Milliseconds) -> Milliseconds:
    """How much before a root's fault another one may seem to begin that began with it."""
    return max(TOGETHER_MS, *arrive_by_ms)


def detection_ms(policy: Policy, arrive_by_ms: Milliseconds, kinds: Iterable[str]) -> Milliseconds:
    """How long a root may be faulty at most until it is known: 0 where no rule of it explains any of `kinds`."""
    wanted = set(kinds)
    explaining = [rule for rule in policy.rules if rule.explains in wanted and rule.explains]
    return max((_found_in(rule, arrive_by_ms) for rule in explaining), default=0)


def _found_in(rule: Rule, arrive_by_ms: Milliseconds) -> Milliseconds:
    if isinstance(rule.when, Builtin) and rule.when.what == "silent":
        return arrive_by_ms
    return rule.for_ms + arrive_by_ms


def due_ms(known_ms: Milliseconds, found_in_ms: Milliseconds) -> Milliseconds:
    """Until when a fault waits at most for its roots, the slowest of which is found faulty in `found_in_ms`."""
    return known_ms + found_in_ms + PATIENCE_MS if found_in_ms else known_ms


def began_by_ms(condition: Condition, arrive_by_ms: Milliseconds) -> Milliseconds:
    """The latest time at which what a fault is known by may have happened: a root that was well later is not its cause.

    A silence is dated at the last record, and began some time before the next one was due.
    """
    return condition.since_ms + (arrive_by_ms if condition.code == SILENT else 0)


def is_well(root: DeviceState, since_ms: Milliseconds, policy: Policy) -> bool:
    """Whether a root is known to have been well after a time: it answered, and nothing is suspected of it."""
    explaining = (rule.explains for track in root.tracks if (rule := policy.rule(track.code)) is not None)
    return root.answered and root.pending is None and root.last_t > since_ms and not any(explaining)


def release_ms(rule: Rule | None, arrive_by_ms: Milliseconds) -> Milliseconds:
    """How long after its root is well a device may need to be heard again, and its fault to be over."""
    return arrive_by_ms + (rule.clear_for_ms if rule is not None else 0) + PATIENCE_MS


def is_late(condition: Condition, arrive_by_ms: Milliseconds, now: Milliseconds) -> bool:
    """Whether a fault is known later than it would have been had its evidence come at once."""
    return now - max(condition.confirmed.t, condition.from_ms) > arrive_by_ms + LATE_MS
