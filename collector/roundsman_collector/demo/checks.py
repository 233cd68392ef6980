"""What must be true of the API's answers once the story is over. Pure: lists of JSON objects in, what is wrong out.

    outage_in(samples, is_bad)                 first bad and first good sample
    edges(device, code, outage, intervals)     the ledger has that outage, to the millisecond, and no other
    ticket(ticket, outage)                     it was opened with evidence that exists, and is resolved
    figure(figure) · downtime(figure, ledger)  availability adds up, and agrees with the ledger

A finding is a Miss; an empty list is a good one.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

Told = dict[str, Any]
"""An object of the API."""

MACHINE_READINGS: Final = ("host.cpu_percent", "host.memory_percent", "disk[", "host.uptime_s", "clock.")
"""What this machine's own agent must have read: names, or their beginnings."""


class Miss(NamedTuple):
    """Something that is not as it should be: a key of words.MISSES, and what to put into its sentence."""

    key: str
    values: dict[str, object]


def miss(key: str, **values: object) -> Miss:
    """A Miss."""
    return Miss(key, values)


@dataclass(frozen=True, kw_only=True, slots=True)
class Outage:
    """The samples that show it: the first bad one, and the first good one after it."""

    first_bad: Told
    first_good: Told

    @property
    def from_ms(self) -> int:
        """When it began."""
        return int(self.first_bad["t_ms"])

    @property
    def to_ms(self) -> int:
        """When it was over."""
        return int(self.first_good["t_ms"])


def outage_in(samples: Iterable[Told], is_bad: Callable[[Told], bool | None]) -> Outage | None:
    """The longest whole outage in samples sorted by time. `is_bad` None: the sample does not speak of it.

    The longest: on a busy machine a single poll may come to nothing without being a fault.
    """
    found: list[Outage] = []
    first_bad: Told | None = None
    for sample in samples:
        bad = is_bad(sample)
        if bad:
            first_bad = first_bad or sample
        elif bad is False and first_bad is not None:
            found.append(Outage(first_bad=first_bad, first_good=sample))
            first_bad = None
    return max(found, key=lambda one: one.to_ms - one.from_ms, default=None)


def has_no_paper(sample: Told) -> bool | None:
    """What a sample says of the printer's paper."""
    paper = sample["readings"].get("printer.paper")
    return None if paper is None else bool(paper == "end")


def has_no_answer(sample: Told) -> bool:
    """Whether the device did not answer."""
    return not sample["readings"]


def edges(device: str, code: str, outage: Outage, intervals: Sequence[Told]) -> list[Miss]:
    """The ledger's downtime is the outage to the millisecond; `intervals` are those that touch it."""
    downs = [(one["from_ms"], one["to_ms"], one["fault"]) for one in intervals if one["state"] == "down"]
    expected = [(outage.from_ms, outage.to_ms, code)]
    if downs != expected:
        return [miss("edges", device=device, expected=expected, found=downs)]
    return []


def ticket(told: Told, outage: Outage | None) -> list[Miss]:
    """A ticket that was opened with evidence, whose evidence exists, and that is resolved."""
    number = told["number"]
    found = []
    if told["state"] != "resolved":
        found.append(miss("not_resolved", ticket=number, state=told["state"]))
    if not told["evidence"]:
        found.append(miss("no_evidence", ticket=number))
    found += [
        miss("evidence_missing", ticket=number, n=one["ref"]["n"], why=one["why"])
        for one in told["evidence"]
        if one["record"] is None
    ]
    verbs = [event["verb"] for event in told["events"]]
    if verbs[:1] != ["open"] or "resolve" not in verbs:
        found.append(miss("ticket_log", ticket=number, verbs=verbs))
    return found + ([] if outage is None else _dated(told, outage))


def _dated(told: Told, outage: Outage) -> list[Miss]:
    expected = (outage.from_ms, outage.to_ms)
    dated = (told["fault_from_ms"], told["fault_to_ms"])
    if dated != expected:
        return [miss("ticket_dates", ticket=told["number"], expected=expected, found=dated)]
    first = [one["ref"] for one in told["evidence"] if one["role"] == "first"]
    if [(one["stream"], one["n"]) for one in first] != [(outage.first_bad["stream"], outage.first_bad["n"])]:
        return [miss("ticket_first", ticket=told["number"], expected=outage.first_bad["n"], found=first)]
    return []


def silence(device: str, before: Sequence[Told], last: Told) -> list[Miss]:
    """As then known, the device was unknown from the end of what its last sample before the cut spoke for."""
    expected = last["t_ms"] + round(last["valid_s"] * 1000)
    starts = [one["from_ms"] for one in before if one["state"] == "unknown"]
    return [] if starts[-1:] == [expected] else [miss("silence", device=device, expected=expected, found=starts)]


def all_up(device: str, intervals: Sequence[Told], from_ms: int, to_ms: int) -> list[Miss]:
    """The ledger says up over the whole of [from, to)."""
    found = [(one["state"], one["cause"], one["from_ms"], one["to_ms"]) for one in intervals]
    whole = [one for one in found if one[0] == "up" and one[2] <= from_ms and (one[3] is None or one[3] >= to_ms)]
    return [] if whole else [miss("not_up", device=device, from_ms=from_ms, to_ms=to_ms, found=found)]


def all_unknown(device: str, intervals: Sequence[Told], from_ms: int, to_ms: int) -> list[Miss]:
    """The ledger says unknown over the whole of [from, to): nobody watched."""
    if to_ms <= from_ms:
        return []
    at = from_ms
    for one in intervals:
        if one["state"] == "unknown" and one["from_ms"] <= at:
            at = to_ms if one["to_ms"] is None else max(at, one["to_ms"])
    found = [(one["state"], one["from_ms"], one["to_ms"]) for one in intervals]
    return [] if at >= to_ms else [miss("not_unknown", device=device, from_ms=from_ms, to_ms=to_ms, found=found)]


def figure(told: Told) -> list[Miss]:
    """Up, down, unknown and excluded are all of the base, and the base is the window."""
    parts = {name: told[f"{name}_ms"] for name in ("up", "down", "unknown", "excluded")}
    base, window = told["base_ms"], told["to_ms"] - told["from_ms"]
    if sum(parts.values()) == base == window:
        return []
    return [miss("figure", device=told["device"], parts=parts, base=base, window=window)]


def downtime(told: Told, ledger: Told) -> list[Miss]:
    """The figure's downtime is the ledger's, cut to the window and to where evidence ends."""
    downs = 0
    for one in ledger["intervals"]:
        end = ledger["covered_to_ms"] or 0 if one["to_ms"] is None else one["to_ms"]
        if one["state"] == "down":
            downs += max(0, min(end, told["to_ms"]) - max(one["from_ms"], told["from_ms"]))
    if downs == told["down_ms"]:
        return []
    return [miss("downtime", device=told["device"], figure=told["down_ms"], ledger=downs)]


def machine(names: Iterable[str], *, has_network: bool) -> list[Miss]:
    """This machine's own readings are all there; `names` are those that have a value."""
    known = set(names)
    wanted = [*MACHINE_READINGS, *(["net."] if has_network else [])]
    lacking = [want for want in wanted if not any(name.startswith(want) for name in known)]
    return [miss("machine", lacking=lacking)] if lacking else []
