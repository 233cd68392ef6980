"""What shows that a device or agent worked when it was thought not to: `proof(subject, from_ms, items) -> refs`. Pure.

    ticket   agent.silent since 10:00      late samples   10:01 10:02 ... 11:40      proof: those of 10:01 and of 11:40

A ticket that late evidence takes back bears the records that do so, so that nobody has to believe it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from roundsman_collector.core.model import Action, Item, Milliseconds, Ref, Ticket
from roundsman_collector.core.turn import has_answer


def proof(subject: str, from_ms: Milliseconds, items: Iterable[Item]) -> tuple[Ref, ...]:
    """The first and the last record of a device after a time that hold an answer; of an agent (`@`), any sample."""
    found = sorted(
        (item.t, item.stream, item.n)
        for item in items
        if item.t > from_ms
        and item.record["kind"] == "sample"
        and (subject.startswith("@") or (item.record["device"] == subject and has_answer(item.record)))
    )
    ends = dict.fromkeys([found[0], found[-1]]) if found else {}
    return tuple(Ref(stream, n, t) for t, stream, n in ends)


def proven(
    actions: Iterable[Action], tickets: Iterable[Ticket], items: Sequence[Item], newest: Ref | None = None
) -> list[Action]:
    """The actions; those that take a fault back bear the proof: from `items`, or the record that came last."""
    of = {ticket.id: ticket for ticket in tickets}
    told = []
    for one in actions:
        if one.ticket in of and one.condition is None and one.verb in ("resolve", "void"):
            ticket = of[one.ticket]
            found = proof(ticket.subject, ticket.fault_from_ms, items)
            if not found and newest is not None and newest.t > ticket.fault_from_ms:
                found = (newest,)
            told.append(replace(one, proof=found))
        else:
            told.append(one)
    return told
