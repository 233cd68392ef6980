"""What the engine makes of a machine that rests: nobody is called, over restarts too, and the figures leave it out."""

from pathlib import Path

from roundsman_collector.core.policy import Builtin, Is, Policy
from tests.collector.core.desk import at, rule
from tests.collector.engine.desk import Collector, kiosk

POLICY = Policy(
    rules=(
        rule("veh.parked", Is(reading="vehicle.ignition", words=("off",), others=("on",)), effect="rests"),
        rule("agent.silent", Builtin(what="silent"), effect=""),
    )
)


def test_a_machine_that_rests_opens_no_ticket_when_it_falls_silent_even_over_a_restart(tmp_path: Path) -> None:
    collector, agent = Collector(tmp_path, POLICY), kiosk()
    collector.take(0, agent.birth(0), agent.report(0, agent.sample(0, vehicle__ignition="on")))
    collector.take(1, agent.report(1, agent.sample(1, vehicle__ignition="off")))
    collector.look(2)
    collector.restart(3)

    collector.look(60)

    assert collector.tickets() == []
    assert collector.ledger("kiosk-7") == [(0, 2.5, "up", ""), (2.5, None, "unknown", "resting")]

    agent.boot, agent.booted = "b2", at(600)
    collector.take(601, agent.birth(601), agent.report(601, agent.sample(601, vehicle__ignition="on")))
    collector.look(602)

    assert collector.tickets() == []
    assert collector.ledger("kiosk-7")[1:] == [(2.5, 601, "unknown", "resting"), (601, None, "up", "")]

    collector.look(700)

    assert collector.tickets() == [("@kiosk-7", "agent.silent", "open", "")]
