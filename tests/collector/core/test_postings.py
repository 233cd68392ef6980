"""Where a device served when, and for whom."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector.core.intervals import normal, total
from roundsman_collector.core.postings import EVER, Contract, Dated, Place, Posting, Register, Site, Trait, postings

KIOSK = [Dated(0, EVER, Trait("kiosk", "K2"))]
SPOKEN = [Dated(100, EVER, "south")]
DAY = 86_400_000


def site(name: str, customer: str = "bank", contract: str | None = None, engineer: str | None = None) -> Site:
    return Site(name, customer, "south", contract, engineer, "Asia/Shanghai", None)


def register(**more: object) -> Register:
    found: dict[str, object] = {
        "places": {
            "hall": [Dated(0, 600, Place("hall", "mall", None)), Dated(600, EVER, Place("hall", "mall", "wang"))],
            "store": [Dated(0, EVER, Place("store", "depot", None))],
        },
        "sites": {
            "mall": [Dated(0, 700, site("mall", engineer="li")), Dated(700, EVER, site("mall", "shop", engineer="li"))],
            "depot": [Dated(0, EVER, site("depot", "us"))],
        },
        "contracts": {},
    }
    return Register(**{**found, **more})  # type: ignore[arg-type]


def told(found: list[Posting]) -> list[tuple[int, int, str | None, str | None, str | None]]:
    return [
        (one.from_ms, one.to_ms, one.place, None if one.site is None else one.site.customer, one.engineer)
        for one in found
    ]


def test_a_window_is_cut_wherever_place_engineer_or_customer_change() -> None:
    found = postings(
        register(),
        window=(0, 1000),
        installed=[Dated(200, 800, "hall"), Dated(900, EVER, "store")],
        assigned=SPOKEN,
        traits=KIOSK,
    )

    assert told(found) == [
        (100, 200, None, None, None),  # an agent spoke for it before anybody wrote down where it stood
        (200, 600, "hall", "bank", "li"),
        (600, 700, "hall", "bank", "wang"),
        (700, 800, "hall", "shop", "wang"),
        (900, 1000, "store", "us", None),  # from 800 to 900 it lay in no place, and counts for nobody
    ]


def test_time_before_the_first_installation_is_seen_by_who_sees_that_one() -> None:
    found = postings(register(), window=(0, 1000), installed=[Dated(200, 800, "hall")], assigned=SPOKEN, traits=KIOSK)

    assert (found[0].site, found[0].seen_by_customer, found[0].seen_by_group) == (None, "bank", "south")


def test_a_device_that_stands_nowhere_serves_as_long_as_an_agent_speaks_for_it() -> None:
    found = postings(
        register(),
        window=(0, 1000),
        installed=[],
        assigned=[Dated(100, 300, "south"), Dated(400, 500, "west")],
        traits=KIOSK,
    )

    assert [(one.from_ms, one.to_ms, one.seen_by_group) for one in found] == [(100, 300, "south"), (400, 500, "west")]


def test_a_device_nobody_ever_spoke_for_and_that_stands_nowhere_never_served() -> None:
    assert postings(register(), window=(0, 1000), installed=[], assigned=[], traits=KIOSK) == []


def test_an_installed_device_serves_even_while_nobody_speaks_for_it() -> None:
    found = postings(register(), window=(300, 500), installed=[Dated(200, 800, "hall")], assigned=[], traits=KIOSK)

    assert [(one.from_ms, one.to_ms) for one in found] == [(300, 500)]


def test_nothing_counts_before_the_day_of_acceptance_where_the_site_is() -> None:
    contracts = {
        "c-1": [Dated(0, 5 * DAY, Contract("c-1", None, "exclude", None)), Dated(5 * DAY, EVER, ACCEPTED)],
    }
    mall = {"mall": [Dated(0, EVER, site("mall", contract="c-1"))]}

    found = postings(
        register(contracts=contracts, sites=mall),
        window=(0, 12 * DAY),
        installed=[Dated(0, EVER, "hall")],
        assigned=[],
        traits=KIOSK,
    )

    starts = 9 * DAY - 8 * 3_600_000  # 1970-01-10 in Shanghai
    assert [(one.from_ms, one.to_ms, one.unknown_as) for one in found if one.from_ms >= 600] == [
        (600, 5 * DAY, "exclude"),
        (starts, 12 * DAY, "down"),
    ]


ACCEPTED = Contract("c-1", "1970-01-10", "down", "99.5")


@pytest.mark.parametrize(("contract", "ends"), [(ACCEPTED, 9 * DAY - 8 * 3_600_000), (None, 12 * DAY)])
def test_the_trial_run_is_the_time_before_acceptance_and_nothing_else(contract: Contract | None, ends: int) -> None:
    contracts = {"c-1": [Dated(0, EVER, contract or replace(ACCEPTED, accepted_on=None))]}
    mall = {"mall": [Dated(0, EVER, site("mall", contract="c-1"))]}

    found = postings(
        register(contracts=contracts, sites=mall),
        window=(0, 12 * DAY),
        installed=[Dated(600, EVER, "hall")],
        assigned=[Dated(0, EVER, "south")],
        traits=KIOSK,
        on_trial=True,
    )

    assert [(one.from_ms, one.to_ms) for one in found] == [(600, ends)], "without a day it goes on"


def test_a_device_that_became_another_kind_counts_for_each() -> None:
    traits = [Dated(0, 500, Trait("kiosk", "K1")), Dated(500, EVER, Trait("kiosk", "K2"))]

    found = postings(register(), window=(400, 550), installed=[Dated(0, EVER, "hall")], assigned=[], traits=traits)

    assert [(one.from_ms, one.to_ms, one.model) for one in found] == [(400, 500, "K1"), (500, 550, "K2")]


SPANS = st.lists(st.tuples(st.integers(0, 900), st.integers(1, 300)), max_size=4).map(
    lambda some: list(normal((a, a + b) for a, b in some))
)


@given(SPANS, SPANS, st.integers(0, 500), st.integers(500, 1200))
def test_postings_never_overlap_and_are_all_the_time_in_service(
    stood: list[tuple[int, int]], spoke: list[tuple[int, int]], begin: int, end: int
) -> None:
    installed = [Dated(a, b, "hall" if place % 2 else "store") for place, (a, b) in enumerate(stood)]

    found = postings(
        register(),
        window=(begin, end),
        installed=installed,
        assigned=[Dated(a, b, "south") for a, b in spoke],
        traits=KIOSK,
    )

    assert all(a.to_ms <= b.from_ms for a, b in pairwise(found))
    first = stood[0][0] if stood else end
    before = [(a, min(b, first)) for a, b in spoke if a < first]
    served = normal((max(a, begin), min(b, end)) for a, b in [*before, *stood] if a < end and b > begin)
    assert normal((one.from_ms, one.to_ms) for one in found) == served
    assert sum(one.to_ms - one.from_ms for one in found) == total(served)
