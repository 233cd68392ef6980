"""What shows that a device or agent worked when it was thought not to: `proofs(asked, items) -> refs of each`. Pure.

    ticket   agent.silent since 10:00      late samples   10:01 10:02 ... 11:40      proof: those of 10:01 and of 11:40

A ticket that late evidence takes back bears the records that do so, so that nobody has to believe it.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from roundsman_collector.core.model import Action, Item, Milliseconds, Ref, Ticket
from roundsman_collector.core.turn import has_answer


class Doubt(NamedTuple):
    """Somebody was thought not to work: a device, or an agent (`@`), after a time."""

    subject: str
    from_ms: Milliseconds


Proofs = Mapping[Doubt, tuple[Ref, ...]]
Prove = Callable[[Collection[Doubt]], Proofs]
"""Asks evidence that need not be at hand."""


def proofs(doubts: Collection[Doubt], items: Iterable[Item]) -> Proofs:
    """The first and the last record of a device after a time that hold an answer; of an agent (`@`), any sample.

    The items, in any order, are walked once and none is kept: there may be many.
    """
    first: dict[Doubt, tuple[Milliseconds, str, int]] = {}
    last: dict[Doubt, tuple[Milliseconds, str, int]] = {}
    of_agents = [one for one in doubts if one.subject.startswith("@")]
    of_devices: dict[str, list[Doubt]] = {}
    for one in doubts:
        of_devices.setdefault(one.subject, []).append(one)
    for item in items:
        if item.record["kind"] != "sample":
            continue
        own = of_devices.get(item.record["device"], ())
        place = item.t, item.stream, item.n
        for one in (*of_agents, *own) if own and has_answer(item.record) else of_agents:
            if item.t > one.from_ms:
                first[one] = min(place, first.get(one, place))
                last[one] = max(place, last.get(one, place))
    return {
        one: tuple(_ref(at) for at in dict.fromkeys((first[one], last[one]))) if one in first else () for one in doubts
    }


def _ref(place: tuple[Milliseconds, str, int]) -> Ref:
    t, stream, n = place
    return Ref(stream, n, t)


def doubts(actions: Iterable[Action], tickets: Iterable[Ticket]) -> set[Doubt]:
    """What is to be proven: the faults that these actions take back."""
    of = {ticket.id: ticket for ticket in tickets}
    return {_doubt(of[one.ticket]) for one in actions if one.ticket in of and _takes_back(one)}


def proven(
    actions: Iterable[Action], tickets: Iterable[Ticket], known: Proofs, newest: Ref | None = None
) -> list[Action]:
    """The actions; those that take a fault back bear the proof: of those `known`, or the record that came last."""
    of = {ticket.id: ticket for ticket in tickets}
    told = []
    for one in actions:
        if one.ticket in of and _takes_back(one):
            doubt = _doubt(of[one.ticket])
            found = known.get(doubt, ())
            if not found and newest is not None and newest.t > doubt.from_ms:
                found = (newest,)
            told.append(replace(one, proof=found))
        else:
            told.append(one)
    return told


def _takes_back(action: Action) -> bool:
    return action.condition is None and action.verb in ("resolve", "void")


def _doubt(ticket: Ticket) -> Doubt:
    return Doubt(ticket.subject, ticket.fault_from_ms)
