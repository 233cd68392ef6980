"""The records that show that something worked when it was thought not to."""

from roundsman_collector.core.model import Action, Ref, Ticket
from roundsman_collector.core.proof import Doubt, doubts, proofs, proven
from tests.collector.core.desk import GATEWAY, Recorder, at

AGENT = Recorder("s1", GATEWAY)
ITEMS = [
    AGENT.sample(0, "nvr-2", nvr__ok="yes"),
    AGENT.no_answer(1, "nvr-2"),
    AGENT.sample(2, "nvr-2", nvr__ok="yes"),
    AGENT.sample(3, "ups-2", ups__output="on"),
    AGENT.sample(4, "nvr-2", nvr__ok="yes"),
]
TICKET = Ticket(id=7, subject="nvr-2", component="host", code="host.unreachable", fault_from_ms=at(1))


def test_a_device_is_shown_to_work_by_its_own_answers_alone() -> None:
    asked = [Doubt("nvr-2", at(minute)) for minute in (0, 2, 4)]

    assert proofs(asked, iter(ITEMS[::-1])) == {
        asked[0]: (Ref("s1", 3, at(2)), Ref("s1", 5, at(4))),
        asked[1]: (Ref("s1", 5, at(4)),),
        asked[2]: (),
    }


def test_an_agent_is_shown_to_work_by_anything_it_sampled() -> None:
    asked = Doubt("@gw-2", at(0))

    assert proofs([asked], ITEMS) == {asked: (Ref("s1", 2, at(1)), Ref("s1", 5, at(4)))}


def test_only_what_takes_a_fault_back_bears_a_proof() -> None:
    void = Action(verb="void", ticket=7, condition=None)
    opening = Action(verb="open", ticket=None, condition=None)

    asked = doubts([void, opening], [TICKET])
    told = proven([void, opening], [TICKET], proofs(asked, ITEMS))

    assert asked == {Doubt("nvr-2", at(1))}
    assert told[0].proof == (Ref("s1", 3, at(2)), Ref("s1", 5, at(4)))
    assert told[1] is opening


def test_the_newest_record_is_the_proof_where_nothing_else_is_at_hand() -> None:
    void = Action(verb="void", ticket=7, condition=None)

    assert proven([void], [TICKET], {}, Ref("s1", 9, at(2)))[0].proof == (Ref("s1", 9, at(2)),)
    assert proven([void], [TICKET], {}, Ref("s1", 9, at(1)))[0].proof == ()
