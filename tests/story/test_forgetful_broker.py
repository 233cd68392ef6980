"""A broker that acknowledges and forgets loses nothing: the agents delete what the collector has settled, no sooner."""

import json
import shutil
from contextlib import closing

import pytest

from roundsman_wire import topics
from roundsman_wire.codec import rows
from tests.brokers import GROUP, Peer
from tests.story.account import kinds_of
from tests.story.site import BRISK, Site

pytestmark = pytest.mark.slow

IN_THE_DARK = 60
"""Reports of each agent that the broker takes while the collector is gone."""


def witness(site: Site, client_id: str, *filters: str) -> Peer:
    """Somebody beside the collector who hears what the broker has taken."""
    return Peer(site.broker.host, site.broker.port, *site.broker.collector, client_id=client_id, filters=filters)


def heard_of(peer: Peer, agent: str) -> int:
    return sum(f"/{agent}/" in topic for topic, _, _ in list(peer.heard))


def await_darkness(site: Site, peer: Peer) -> None:
    """Wait until the broker has taken reports of every agent that nobody else will ever hear of."""
    for agent in BRISK:
        site.until(lambda agent=agent: heard_of(peer, agent) >= IN_THE_DARK, f"the broker takes reports of {agent}")


def test_a_broker_that_dies_and_loses_its_disk_with_acknowledged_reports_on_it_loses_nothing(site: Site) -> None:
    site.start()
    site.collector.kill9()
    with closing(witness(site, "witness", *topics.LIVE_FILTERS)) as peer:
        await_darkness(site, peer)

    site.broker.kill9()
    shutil.rmtree(site.folder / "nats" / "jetstream", ignore_errors=True)
    (site.folder / "mosquitto" / "mosquitto.db").unlink(missing_ok=True)
    site.broker.restart()
    site.collector.start()
    site.await_records(20)
    site.settle()

    site.account().assert_whole()


def test_reports_that_a_broker_acknowledged_and_gave_to_nobody_come_again_without_a_new_connection(site: Site) -> None:
    site.start()
    with site.view() as view:
        session = f"roundsman-{view.status().epoch[:12]}"
    site.collector.kill9()
    for role in ("live", "history"):  # a clean session in its name: the broker forgets what it should keep for it
        witness(site, f"{session}-{role}").close()
    with closing(witness(site, "witness", *topics.LIVE_FILTERS)) as peer:
        await_darkness(site, peer)
        into_the_dark = {agent: numbers_heard(peer, agent) for agent in BRISK}
    connections = {agent: site.agents[agent].words().count("connected to") for agent in BRISK}

    site.collector.start()
    site.await_records(20)
    site.settle()

    account = site.account()
    account.assert_whole()
    for agent in BRISK:
        assert site.agents[agent].words().count("connected to") == connections[agent]
        kinds = kinds_of(site.database, agent)
        assert {kinds[n] for n in into_the_dark[agent]} == {"history"}, "sent again, not kept by the broker"


def numbers_heard(peer: Peer, agent: str) -> set[int]:
    """The records of an agent that the broker has handed to the witness as live."""
    topic = topics.up(GROUP, agent, topics.REPORT)
    reports = [json.loads(body) for name, body, _ in list(peer.heard) if name == topic]
    return {record["n"] for report in reports for record in rows(report)}
