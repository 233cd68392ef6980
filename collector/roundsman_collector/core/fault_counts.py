"""Faults of a window, counted: by class, fault, component, cause, model, vendor, site, device; what was done. Pure.

    fate_of(log) -> Fate                      what became of a ticket: what mended it, its cause, its parts; or left out
    pareto(faults, "class") -> [Group, ...]   so many of each, the most first, each share of all, and the running share
    parts_of(faults) -> [Group, ...]          the parts that were used up

A fault is a ticket: one cause has one, whatever else fails because of it. It counts in the window [from, to) in which
it began, whenever it was reported or mended, so the counts of windows that follow each other add up. In no count, and
listed (LEFT_OUT), is what was voided, merged into its cause's ticket or handed on to another number, what turned out a
false alarm, and what began while its device was excluded or under maintenance. A fault that came back on the same
ticket is one.

What is known at a time follows from the lines of the log up to then; which device is of which model, the register
says.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, NamedTuple, get_args

from roundsman_collector.core.model import Milliseconds
from roundsman_collector.core.ticket_log import ROBOT
from roundsman_collector.core.ticket_words import CAUSES, ENDINGS

By = Literal[
    "class",
    "fault",
    "component",
    "cause",
    "done",
    "kind",
    "model",
    "vendor",
    "batch",
    "customer",
    "contract",
    "site",
    "device",
]
GROUPINGS: tuple[By, ...] = get_args(By)
"""What faults are counted by."""
Why = Literal["void", "merged", "transferred", "false_alarm", "excluded"]
LEFT_OUT: Mapping[Why, tuple[str, str]] = {
    "void": ("已作废", "void"),
    "merged": ("已并入其原因的工单", "merged into the ticket of their cause"),
    "transferred": ("已转单", "handed on to another number"),
    "false_alarm": ("误报", "false alarms"),
    "excluded": ("检修或剔除期间", "while excluded or under maintenance"),
}
"""Why a ticket is in no count."""
VISIT = "visit"
DONE: Mapping[str, tuple[str, str]] = {
    VISIT: ("现场修复", "mended on site"),
    **{how: said for how, said in ENDINGS.items() if how != "false_alarm"},
}
"""What was done about a fault; empty: nothing has mended it yet."""
NOT_DONE = ("未解决", "not solved yet")
VERBS = ("fix", "resolve", "reopen", "recur", "recover", "part", "void", "merge", "transfer")
"""The lines of a log that fate_of() reads."""


class Line(NamedTuple):
    """A line of a ticket's log: who, what, and what it says beside."""

    who: str
    verb: str
    data: Mapping[str, Any]


class Part(NamedTuple):
    """A part that was used: its name, of which component, how many."""

    name: str
    component: str
    quantity: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Fate:
    """What became of a ticket. `why`: it is in no count; `done`: of DONE, `cause`: of CAUSES, empty where unknown."""

    why: Why | Literal[""] = ""
    done: str = ""
    cause: str = ""
    parts: tuple[Part, ...] = ()


NOTHING_DONE = Fate()


class Fault(NamedTuple):
    """A fault that counts, as its ticket and the register know it. Empty: nobody knows, or there is none.

    `component` is the kind of component (`disk`, whichever one it is); `category` the class of the fault catalogue.
    """

    ticket: int
    number: str
    from_ms: Milliseconds
    subject: str
    code: str
    category: str = ""
    component: str = ""
    kind: str = ""
    model: str = ""
    vendor: str = ""
    batch: str = ""
    customer: str = ""
    contract: str = ""
    site: str = ""
    cause: str = ""
    done: str = ""
    parts: tuple[Part, ...] = ()

    @property
    def device(self) -> str:
        """The device that has it; empty: it is an agent's, or nobody knows which device of the site it is."""
        return "" if self.subject[:1] in ("@", "#") else self.subject

    def of(self, by: By) -> str:
        """What it counts under."""
        return str(getattr(self, FIELDS.get(by, by)))


FIELDS: Mapping[By, str] = {"class": "category", "fault": "code"}


class Group(NamedTuple):
    """So many faults of one kind: of all, and together with all groups before it, as shares."""

    key: str
    amount: int
    share: Fraction
    running: Fraction


def pareto(faults: Iterable[Fault], by: By) -> list[Group]:
    """The faults by a grouping, the most frequent first; what there are equally many of, by key."""
    return _ranked(Counter(fault.of(by) for fault in faults))


def parts_of(faults: Iterable[Fault]) -> list[Group]:
    """The pieces that were used to mend them, by the name of the part."""
    used: Counter[str] = Counter()
    for fault in faults:
        for part in fault.parts:
            used[part.name] += part.quantity
    return _ranked(used)


def _ranked(counts: Mapping[str, int]) -> list[Group]:
    total, running = sum(counts.values()), 0
    found = []
    for key, count in sorted(counts.items(), key=lambda one: (-one[1], one[0])):
        running += count
        found.append(Group(key, count, Fraction(count, total), Fraction(running, total)))
    return found


def component_of(component: str) -> str:
    """The kind of component: `disk` of `disk[sda]`, `web` of `web#2`."""
    return component.partition("[")[0].partition("#")[0]


# --- what became of a ticket -----------------------------------------------------------------------------------------

OUT: Mapping[str, Why] = {"void": "void", "merge": "merged", "transfer": "transferred"}


def fate_of(log: Iterable[Line]) -> Fate:
    """What became of a ticket; of its log only the lines of VERBS matter, in their order."""
    why: Why | Literal[""] = ""
    done = cause = ""
    parts: list[Part] = []
    for line in log:
        if line.verb in OUT:
            why = OUT[line.verb]
        elif line.verb == "fix":
            why, done, cause = "", VISIT, _known(line.data.get("cause"), CAUSES)
        elif line.verb == "resolve":
            how = "by_itself" if line.who == ROBOT else _known(line.data.get("how"), ENDINGS) or "other"
            why, done = ("false_alarm", "") if how == "false_alarm" else ("", how)
            cause = "misuse" if how == "misuse" else cause
        elif line.verb == "recover" and line.data.get("never"):
            why = "false_alarm"  # the evidence says so only after somebody was sent
        elif line.verb in ("reopen", "recur"):
            why, done = "", ""
        elif line.verb == "part":
            parts.append(_part(line.data))
    return Fate(why=why, done=done, cause=cause, parts=tuple(parts))


def _known(said: object, words: Mapping[str, object]) -> str:
    return said if isinstance(said, str) and said in words else ""


def _part(data: Mapping[str, Any]) -> Part:
    component, quantity = str(data.get("component") or ""), data.get("quantity", 1)
    name = str(data.get("name") or data.get("item") or component)
    return Part(name, component_of(component), quantity if isinstance(quantity, int) and quantity > 0 else 1)


def is_within(at_ms: Milliseconds, spans: Sequence[tuple[Milliseconds, Milliseconds | None]]) -> bool:
    """Whether a time lies in one of these half-open spans."""
    return any(from_ms <= at_ms and (to_ms is None or at_ms < to_ms) for from_ms, to_ms in spans)
