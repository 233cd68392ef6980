"""What becomes of a ticket whose fault is over: resolved, but not while a rebuild may date the end otherwise."""

import pytest

from roundsman_collector.core.model import Action, Change, Condition, Ref, Ticket, newborn
from roundsman_collector.core.rulebook import book_of
from roundsman_collector.core.ticket import reconcile
from tests.collector.core.desk import POLICY, at

REF = Ref("k7-1", 1, at(0))
TICKET = Ticket(id=7, subject="kiosk-7", component="printer", code="printer.paper_end", fault_from_ms=at(0))
OVER = Condition("kiosk-7", "printer", "printer.paper_end", at(0), at(5), REF, REF)
CHANGE = Change(state=newborn("kiosk-7"), conditions=(OVER,))


@pytest.mark.parametrize("settling", [False, True])
def test_a_fault_that_is_over_resolves_its_ticket(settling: bool) -> None:
    actions = reconcile(CHANGE, [TICKET], book_of(POLICY), settling, is_dirty=False)

    assert actions == [Action(verb="resolve", ticket=7, condition=OVER, outcome="recovered")]


def test_while_late_evidence_waits_for_a_rebuild_the_ticket_waits_too() -> None:
    assert reconcile(CHANGE, [TICKET], book_of(POLICY), True, is_dirty=True) == []
