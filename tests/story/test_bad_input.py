"""Bad input through a real broker: counted by cause, told once, settled where it has a number, never in the ledger,
never in the way of what comes behind it.
"""

import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest

from roundsman_wire import topics
from roundsman_wire.codec import encode
from roundsman_wire.report import MESSAGE_LIMIT
from tests.brokers import GROUP, Peer
from tests.story.account import stored_numbers
from tests.story.site import ROOT, Site
from tests.story.talker import Talker, now_ms

pytestmark = pytest.mark.slow

DAY_MS = 86_400_000


@dataclass(frozen=True, kw_only=True)
class Bad:
    """Something bad: what is said, the cause it is counted under, and whether its record's number is settled."""

    name: str
    cause: str
    said: Callable[[Talker], bytes]
    settles: bool
    leaf: str = topics.REPORT


def changed(talker: Talker, **changes: Any) -> bytes:
    """A report with one sample that is not as it should be."""
    return talker.report({**talker.sample(printer__paper="ok"), **changes})


def without(talker: Talker, name: str) -> bytes:
    sample = talker.sample(printer__paper="ok")
    del sample[name]
    return talker.report(sample)


def unnumbered(talker: Talker, n: object) -> bytes:
    """A report whose record has no number that could be settled; the number itself is not used up."""
    sample = talker.sample(printer__paper="ok")
    talker.n -= 1
    return talker.report({**sample, "n": n})


def oversized(talker: Talker) -> bytes:
    """Beyond our limit, below the brokers'."""
    report = talker.report({**talker.sample(printer__paper="ok"), "padding": "x" * MESSAGE_LIMIT})
    talker.n -= 1
    return report


BAD = (
    Bad(name="not JSON", cause="json", said=lambda t: b'{"v":1,"stream":"k', settles=False),
    Bad(name="JSON that is too deep", cause="json", said=lambda t: b'{"v":' + b"[" * 50_000, settles=False),
    Bad(name="bytes of no coding", cause="coding", said=lambda t: b"\x80\x81\x82", settles=False),
    Bad(name="an empty payload", cause="coding", said=lambda t: b"", settles=False),
    Bad(name="another version", cause="version", said=lambda t: t.report(v=2), settles=False),
    Bad(name="an envelope that is no report's", cause="shape", said=lambda t: encode({"v": 1}), settles=False),
    Bad(name="a payload over the limit", cause="too_large", said=oversized, settles=False),
    Bad(name="a number as a string", cause="shape", said=lambda t: unnumbered(t, "101"), settles=False),
    Bad(name="a number that is a truth", cause="shape", said=lambda t: unnumbered(t, True), settles=False),
    Bad(name="a time as a string", cause="shape", said=lambda t: changed(t, t=str(now_ms())), settles=True),
    Bad(name="no time", cause="shape", said=lambda t: without(t, "t"), settles=True),
    Bad(
        name="a reading that is a number where the catalogue has words",
        cause="value",
        said=lambda t: changed(t, readings={"printer.paper": 1}),
        settles=True,
    ),
    Bad(
        name="a reading that is text where the catalogue has a number",
        cause="value",
        said=lambda t: changed(t, readings={"host.cpu_percent": "12.5"}),
        settles=True,
    ),
    Bad(name="a clock in 1970", cause="clock", said=lambda t: changed(t, t=1000), settles=True),
    Bad(name="a clock in the future", cause="future", said=lambda t: changed(t, t=now_ms() + DAY_MS), settles=True),
    Bad(name="a birth that is none", cause="shape", said=lambda t: encode({"v": 1}), settles=False, leaf=topics.BIRTH),
    Bad(name="a state that is none", cause="shape", said=lambda t: b'{"v":1}', settles=False, leaf=topics.STATE),
)


def expected(causes: list[str]) -> dict[str, int]:
    return {cause: causes.count(cause) for cause in causes}


def test_bad_input_is_counted_told_once_settled_and_in_nobody_s_way(site: Site) -> None:
    site.start_collector()
    talker = Talker(site, "kiosk-7")
    talker.birth()
    good = [talker.proves_alive()]
    refused: dict[int, str] = {}

    for _ in range(2):
        for bad in BAD:
            before = talker.n
            talker.publish(bad.leaf, bad.said(talker))
            if bad.settles:
                assert talker.n == before + 1
                talker.await_settled(talker.n)
                refused[talker.n] = bad.cause
            good.append(talker.proves_alive())

    assert talker.refused == refused
    assert site.counted("refused") == expected([bad.cause for bad in BAD] * 2)
    told = site.collector.words()
    for cause in {bad.cause for bad in BAD}:
        assert told.count(f"cause={cause} ") == 1, f"{cause} is told once:\n{told}"
        assert cause in status(site), f"{cause} is in the status"
    assert [one["state"] for one in ledger(site, "kiosk-7")] == ["up"]
    site.collector.stop()
    assert stored_numbers(site.database, "kiosk-7") == good


def test_a_topic_that_the_contract_does_not_know_is_counted_and_in_nobody_s_way(site: Site) -> None:
    site.start_collector()
    talker = Talker(site, "kiosk-7")
    talker.birth()
    report = talker.report(talker.sample(printer__paper="end"))
    talker.n -= 1

    with closing(Peer(site.broker.host, site.broker.port, *site.broker.collector, client_id="careless")) as careless:
        careless.publish(f"{topics.ROOT}/{GROUP}/Kiosk-7/{topics.REPORT}", report)
        careless.publish(f"{topics.ROOT}/{GROUP}/_kiosk/{topics.HISTORY}", report)
        careless.publish(f"{topics.ROOT}/{GROUP}/kiosk-7/{topics.BIRTH}/1000", report)
        careless.publish(topics.up(GROUP, "kiosk-9", topics.REPORT), report)  # nobody has registered it
        careless.publish(topics.up("north", "kiosk-7", topics.REPORT), report)  # nor kiosk-7 there
    site.until(lambda: sum(site.counted("refused").values()) == 5, "all five are counted")
    good = talker.proves_alive()

    assert site.counted("refused") == {"topic": 3, "unknown_agent": 2}
    assert site.collector.words().count("cause=topic ") == 1
    assert site.collector.words().count("cause=unknown_agent ") == 1
    assert [one["state"] for one in ledger(site, "kiosk-7")] == ["up"]
    site.collector.stop()
    assert stored_numbers(site.database, "kiosk-7") == [good]


def test_the_same_number_with_another_body_is_told_as_a_clone_and_changes_nothing(site: Site) -> None:
    site.start_collector()
    talker = Talker(site, "kiosk-7")
    talker.birth()
    sample = talker.sample(printer__paper="ok")
    talker.say(sample)
    talker.await_settled(sample["n"])

    talker.say({**sample, "readings": {"printer.paper": "end"}})
    talker.say({**sample, "readings": {"printer.paper": "end"}})
    talker.say(sample)
    good = talker.proves_alive()

    assert site.counted("refused") == {"cloned": 2}
    assert site.collector.words().count("cause=cloned ") == 1
    assert [one["state"] for one in ledger(site, "kiosk-7")] == ["up"]
    site.collector.stop()
    assert stored_numbers(site.database, "kiosk-7") == [sample["n"], good]


def test_a_payload_that_the_broker_itself_refuses_reaches_nobody(site: Site) -> None:
    site.start_collector()
    talker = Talker(site, "kiosk-7")
    talker.birth()

    talker.publish_anywhere(topics.up(GROUP, "kiosk-7", topics.REPORT), b"{" + b" " * 2 * 1024 * 1024)
    good = talker.proves_alive()

    assert site.counted("refused") == {}
    site.collector.stop()
    assert stored_numbers(site.database, "kiosk-7") == [good]


def ledger(site: Site, device: str) -> list[Mapping[str, Any]]:
    with site.view() as view:
        return [one._asdict() for one in view.intervals(device, 0, 2**53)]


def status(site: Site) -> str:
    """What `roundsman status` says."""
    command = [sys.executable, "-m", "roundsman_collector.cli", "status", "--config"]
    said = subprocess.run(
        [*command, str(site.folder / "collector.toml")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stderr
    return said.stdout
