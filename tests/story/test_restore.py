"""A backup taken under load is put back: what the agents still have comes again, what they have not is declared lost.

                 backup                     restore
bus-31   |--settled--|~~~~ no way to the broker ~~~~~|--its spool--|     nothing is missing
gw-2     |--settled--|------------ settled ----------|--goes on----|     the hole is declared, the ledger unknown
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from roundsman_wire import topics
from tests.brokers import BROKERS
from tests.story.account import AgentAccount
from tests.story.site import OWN, ROOT, Site
from tests.story.test_forgetful_broker import await_darkness, witness

pytestmark = pytest.mark.slow

VALID_MS = 500
"""How long a sample of the cast speaks."""


@pytest.fixture(params=[OWN, *BROKERS])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """A broker that goes with the collector, so that agents connect anew, and brokers that keep sessions and agents."""
    with Site.on(request.param, tmp_path) as runs:
        yield runs


def roundsman(site: Site, *arguments: str) -> None:
    argv = [
        sys.executable,
        "-m",
        "roundsman_collector.cli",
        *arguments,
        "--config",
        str(site.folder / "collector.toml"),
    ]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def cut_off(site: Site, agent: str) -> None:
    """Take an agent its way to the broker; it polls on."""
    site.agents[agent].stop()
    (site.folder / f"{agent}.password").rename(site.folder / f"{agent}.password.right")
    secret = site.folder / f"{agent}.password"
    secret.write_text("no longer valid\n")
    secret.chmod(0o600)
    site.agents[agent].start()


def let_in(site: Site, agent: str) -> None:
    (site.folder / f"{agent}.password.right").rename(site.folder / f"{agent}.password")


def await_rows(site: Site, agent: str, more: int) -> None:
    before = site.rows(agent)
    site.until(lambda: site.rows(agent) >= before + more, f"{agent} gets through")


def states_at(one: AgentAccount, device: str, times: list[int]) -> set[tuple[str, str]]:
    """What the ledger says of a device at these times."""
    return {
        (segment.state, segment.cause)
        for t in times
        for segment in one.told.ledger[device]
        if segment.from_ms <= t and (segment.to_ms is None or t < segment.to_ms)
    }


def test_after_a_restore_holes_are_filled_from_the_spools_or_declared_and_nothing_is_doubled(site: Site) -> None:
    file = site.folder / "kept.tar"
    site.start()
    cut_off(site, "bus-31")
    await_rows(site, "gw-2", 20)
    with site.view() as view:
        epoch = view.status().epoch

    roundsman(site, "backup", "create", str(file))
    await_rows(site, "gw-2", 150)
    site.collector.stop()
    roundsman(site, "backup", "restore", str(file), "--force")
    site.start_collector()
    let_in(site, "bus-31")
    site.await_records(40)
    site.settle()

    account = site.account()
    account.assert_whole(after_restore=True)
    with site.view() as view:
        assert view.status().epoch != epoch
    gateway, bus = account.agents["gw-2"], account.agents["bus-31"]
    assert bus.given_up == [], "it had everything since the backup"
    assert len(gateway.given_up) > 50
    assert account.counted["declared", "lost_before"] >= len(gateway.given_up)
    hole = [one.t for one in gateway.given_up][1:]
    unheard = [t for t in hole if t > min(hole) + 2 * VALID_MS]
    assert unheard
    for device in gateway.told.ledger:
        assert states_at(gateway, device, unheard) == {("unknown", "missing")}


def test_what_the_broker_kept_for_the_collector_is_taken_after_a_restore(tmp_path: Path) -> None:
    """Reports that wait there under the collector's name are not left: nobody else would ever fetch them."""
    with Site.on("nats", tmp_path) as site:
        file = site.folder / "kept.tar"
        site.start()
        roundsman(site, "backup", "create", str(file))
        site.collector.kill9()
        with closing(witness(site, "witness", *topics.LIVE_FILTERS)) as peer:
            await_darkness(site, peer)
        for agent in site.agents.values():
            agent.stop()  # what it has sent is on the broker; what it has not been told of is in its spool

        roundsman(site, "backup", "restore", str(file), "--force")
        before = site.rows("bus-31")
        site.start_collector()
        site.until(lambda: site.rows("bus-31") > before, "the collector takes what the broker kept")
        for agent in site.agents.values():
            agent.start()
        site.settle()

        site.account().assert_whole(after_restore=True)
