"""Agent A cannot publish as B, nor speak for B's device: brokers with their rights, a real collector, real agents."""

import json
from contextlib import closing

import pytest

from roundsman_wire import topics
from roundsman_wire.codec import encode
from tests.brokers import GROUP, Peer
from tests.story.account import stored_numbers
from tests.story.site import Site
from tests.story.talker import Talker, now_ms

pytestmark = pytest.mark.slow

OTHER_GROUP = "north"


def forgeries(site: Site, mimic: Talker) -> list[tuple[str, bytes]]:
    """All that kiosk-7 might try in the name of gw-2, of the collector, and of itself where only others may speak."""
    report = mimic.report(mimic.sample("nvr-2", printer__paper="end"))
    offline = encode({"v": 1, "state": "offline", "session": 2**40})
    with site.view() as view:
        epoch = view.status().epoch
    settles_all = encode({"v": 1, "stream": mimic.stream, "epoch": epoch, "upto": 10**9, "at": now_ms(), "echo": 1})
    inspect = encode({"v": 1, "id": "c1", "verb": "inspect", "args": {}, "expires_s": 600, "issued_by": "x"})
    new_epoch = encode({"v": 1, "online": False, "epoch": "forged"})
    return [
        (topics.up(GROUP, "gw-2", topics.REPORT), report),
        (topics.up(GROUP, "gw-2", topics.HISTORY), report),
        (topics.up(GROUP, "gw-2", topics.STATE), offline),
        (topics.up(GROUP, "gw-2", topics.BIRTH), mimic.birth_said(session=2**40)),
        (topics.up(GROUP, "gw-2", topics.BIRTH, 2), mimic.birth_said(session=2**40, page=2, pages=2)),
        (topics.up(OTHER_GROUP, "kiosk-7", topics.REPORT), report),
        (topics.down(GROUP, "gw-2", topics.ACK), settles_all),
        (topics.down(GROUP, "gw-2", topics.COMMAND), inspect),
        (topics.down(GROUP, "gw-2", topics.CONFIG), b"{}"),
        (topics.down(GROUP, "kiosk-7", topics.ACK), settles_all),
        (topics.down(GROUP, "kiosk-7", topics.COMMAND), inspect),
        (topics.collector_state(GROUP), new_epoch),
        (f"{topics.ROOT}/{GROUP}/gw-2", report),
    ]


def test_what_an_agent_publishes_as_another_one_reaches_nobody(site: Site) -> None:
    site.start()
    site.agents["kiosk-7"].stop()
    thief = Talker(site, "kiosk-7")
    mimic = Talker(site, "gw-2", site.stream("gw-2"), connect=False)
    mimic.n = 10**6  # numbers that gw-2 will not reach: whatever of them arrives was forged
    tried = forgeries(site, mimic)

    with closing(listening(site)) as witness:
        for topic, payload in tried:
            thief.publish_anywhere(topic, payload)
        thief.birth()
        thief.proves_alive()
        heard = {(topic, payload) for topic, payload, _ in list(witness.heard)}
    site.await_records(10)
    site.settle()

    assert heard & set(tried) == set()
    with site.view() as view:
        assert view.inbox() == []
    site.account().assert_whole()


def listening(site: Site) -> Peer:
    """Somebody with the collector's rights, who hears everything."""
    return Peer(
        site.broker.host, site.broker.port, *site.broker.collector, client_id="witness", filters=(f"{topics.ROOT}/#",)
    )


def test_an_agent_that_speaks_for_another_s_device_is_refused_and_no_ledger_is_touched(
    site: Site,
) -> None:
    site.start()
    site.agents["kiosk-7"].stop()
    liar = Talker(site, "kiosk-7")
    liar.birth(devices=[*liar.devices, {**liar.devices[0], "device": "nvr-2", "local": False}])
    first = liar.proves_alive()

    lies = [liar.say(liar.sample("nvr-2", printer__paper="end")) for _ in range(3)]
    mixed = liar.say(liar.sample("ups-2", printer__paper="end"), liar.sample(printer__paper="ok"))
    liar.await_settled(mixed)
    last = liar.proves_alive()
    site.settle()

    assert liar.refused == dict.fromkeys([*lies, mixed - 1], "not_yours")
    assert stored_numbers(site.database, liar.agent, liar.stream) == [first, mixed, last]
    with site.view() as view:
        assert {(one.agent, one.device) for one in view.inbox()} == {("kiosk-7", "nvr-2"), ("kiosk-7", "ups-2")}
        assert all(json.loads(one.raw) for one in view.quarantine())
    site.account().assert_whole(refused={"not_yours": 5}, refused_numbers=liar.refused)
