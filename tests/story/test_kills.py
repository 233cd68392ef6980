"""`kill -9` of collector, broker and agents under load: every record that an agent took is in the store once.

Each tale goes through many deaths, one after the other, while the agents poll on; the account is made at its end.
"""

import random
from pathlib import Path

import pytest

from tests.story.site import BRISK, OWN, Program, Site

pytestmark = pytest.mark.slow

# Where the collector dies; the count lets some work pass before.
COLLECTOR_POINTS = (
    "store.before_commit:9",
    "store.in_commit:9",
    "store.after_commit:9",
    "ingest.before_take:7",
    "ingest.before_settle:7",
    "ingest.before_ack:7",
    "ingest.after_ack:7",
)
# Where an agent dies, and what it goes through in this order. The points of a start need a start after an unclean end.
AGENT_POINTS = (
    "spool.before_insert:40",
    "start.after_lock",
    "spool.after_insert:40",
    "start.after_hole",
    "uplink.before_publish:9",
    "start.after_session",
    "uplink.after_publish:9",
    "start.after_reserve",
    "uplink.before_settle:4",
    "spool.in_settle:4",
    "spool.after_settle:4",
    "uplink.after_connect",
    "spool.in_declare",
    "uplink.after_birth",
    "spool.before_sync",
    "spool.after_sync",
)
SEEDS = (7, 31)
DEATHS = 6


def test_a_collector_killed_at_any_point_of_a_batch_loses_nothing_and_takes_nothing_twice(site: Site) -> None:
    site.start()
    site.collector.kill9()

    for point in COLLECTOR_POINTS:
        site.collector.start(fault=point)
        with site.explained():
            site.collector.await_kill()
    site.collector.start()
    site.await_records(20)
    site.settle()

    site.account().assert_whole()


def test_an_agent_killed_at_any_point_has_all_it_took_in_the_store_once(site: Site) -> None:
    site.start()

    for agent in BRISK:
        site.agents[agent].kill9()
    for point in AGENT_POINTS:
        for agent in BRISK:
            site.agents[agent].start(fault=point)
        for agent in BRISK:
            with site.explained():
                site.agents[agent].await_kill()
    for agent in BRISK:
        site.agents[agent].start()
    site.await_records(20)
    site.settle()

    site.account().assert_whole()


def test_a_broker_killed_at_the_worst_moments_loses_nothing(site: Site) -> None:
    for program in site.programs:
        program.start()
    site.until(lambda: "connected to" in site.agents["bus-31"].words(), "an agent is connected")
    site.broker.kill9()  # while births go out
    site.broker.restart()
    site.await_records(20)
    site.broker.kill9()  # under load
    site.broker.restart()
    site.await_records(20)
    with site.collector.held():  # what it has received is not settled
        site.agents["bus-31"].kill9()
        site.agents["bus-31"].start()
        site.broker.kill9()
    site.broker.restart()
    site.await_records(20)
    site.collector.kill9()  # nobody takes what the broker has
    site.broker.kill9()
    site.broker.restart()
    site.collector.start()
    site.await_records(20)
    site.settle()

    site.account().assert_whole()


def test_a_killed_collector_takes_its_own_broker_along_and_nothing_is_lost(tmp_path: Path) -> None:
    with Site.on(OWN, tmp_path) as site:
        site.start()
        site.collector.kill9()

        for point in ("store.after_commit:9", "ingest.before_ack:7"):
            site.collector.start(fault=point)
            with site.explained():
                site.collector.await_kill()
        site.collector.start()
        site.await_records(20)
        site.broker.kill9()
        site.broker.restart()
        site.await_records(20)
        site.settle()

        site.account().assert_whole()


@pytest.mark.parametrize("seed", SEEDS)
def test_whoever_dies_in_whatever_order_nothing_is_lost(site: Site, seed: int) -> None:
    chance = random.Random(seed)
    site.start()

    for _ in range(DEATHS):
        site.await_records(chance.randint(1, 12))
        victims = chance.sample(["broker", "collector", *site.agents], chance.choice([1, 1, 2, 3]))
        for victim in victims:
            (site.broker if victim == "broker" else _program(site, victim)).kill9()
        chance.shuffle(victims)
        for victim in victims:
            if victim == "broker":
                site.broker.restart()
            else:
                _program(site, victim).start()
    site.await_records(20)
    site.settle()

    site.account().assert_whole()


def _program(site: Site, name: str) -> Program:
    return site.collector if name == "collector" else site.agents[name]
