"""What a probe costs is told as readings of the catalogue, and seldom."""

from roundsman_agent.cost import Costs
from roundsman_agent.probe import Answer
from roundsman_wire.catalogue import label, misfit

HOUR = 3_600_000
GOOD = Answer(readings={"ups.charge_percent": 81}, bytes_moved=400)
FAILED = Answer(readings={}, failed={"snmp": ("timeout", "no answer")})


def test_a_visits_time_bytes_and_failures_are_told() -> None:
    costs = Costs(HOUR)
    costs.note("ups-2/snmp", GOOD, took_ms=40)
    costs.note("ups-2/snmp", FAILED, took_ms=6000)
    costs.note("ups-2/snmp", GOOD, took_ms=50)

    assert costs.told("ups-2", 0) == {}
    assert costs.told("ups-2", HOUR) == {
        "probe[snmp].took_ms": 6000,
        "probe[snmp].failures": 1,
        "probe[snmp].bytes": 800,
    }


def test_a_probe_that_cannot_count_its_bytes_tells_none() -> None:
    costs = Costs(HOUR)
    costs.note("kiosk-7/host", Answer(readings={"host.load_1m": 1.0}), took_ms=3)

    assert costs.told("kiosk-7", 0) == {}
    assert costs.told("kiosk-7", HOUR) == {"probe[host].took_ms": 3, "probe[host].failures": 0}


def test_costs_are_told_at_most_once_in_their_period_and_the_slowest_since_then() -> None:
    costs = Costs(HOUR)
    costs.note("ups-2/snmp", GOOD, took_ms=90)
    told = [costs.told("ups-2", 0)]
    for minute in range(1, 121):
        costs.note("ups-2/snmp", GOOD, took_ms=minute)
        told.append(costs.told("ups-2", minute * 60_000))

    assert [bool(one) for one in told] == [*[False] * 60, True, *[False] * 59, True]
    assert told[-1]["probe[snmp].took_ms"] == 120
    assert told[-1]["probe[snmp].bytes"] == 121 * 400


def test_a_period_of_nothing_tells_nothing() -> None:
    costs = Costs(0)
    costs.note("ups-2/snmp", GOOD, took_ms=90)

    assert (costs.told("ups-2", 0), costs.told("ups-2", HOUR)) == ({}, {})


def test_costs_are_in_the_catalogue() -> None:
    for name in ("probe[snmp#2].took_ms", "probe[snmp#2].failures", "probe[snmp#2].bytes"):
        assert misfit(name, 7) is None
        assert "snmp#2" in label(name, "zh") and "snmp#2" in label(name, "en")
