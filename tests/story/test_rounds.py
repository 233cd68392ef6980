"""A round through real processes: the command line asks, agents inspect, the report is written; crashes in between."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from roundsman_collector.store import Deed, Office
from tests.brokers import GROUP
from tests.story.site import ROOT, Site
from tests.story.talker import now_ms

pytestmark = pytest.mark.slow

HOUR_MS = 3_600_000


def roundsman(site: Site, *words: str) -> str:
    """What `roundsman round …` says; it must go well."""
    argv = [sys.executable, "-m", "roundsman_collector.cli", "round", *words]
    done = subprocess.run(
        [*argv, "--config", str(site.folder / "collector.toml")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    with site.explained():
        assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def asked(site: Site, target: str = GROUP, within_ms: int = 20_000) -> None:
    """Ask for a round as the console does."""
    at_ms = now_ms()
    args = {"site": target, "from_ms": at_ms - HOUR_MS, "to_ms": at_ms, "within_ms": within_ms}
    with Office.open(site.database) as office:
        office.ask_round(args, Deed(who="wang", at_ms=at_ms))


def document(site: Site) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(roundsman(site, "show", "R2026-000001".replace("2026", year(site)), "--json"))
    return found


def year(site: Site) -> str:
    with site.view() as view:
        return view.rounds()[0].number[1:5]


def is_over(site: Site) -> bool:
    with site.view() as view:
        rows = view.rounds()
    return bool(rows) and rows[0].state != "running"


def test_a_round_sees_what_is_there_and_says_what_is_not(site: Site, tmp_path: Path) -> None:
    site.start()
    site.agents["bus-31"].kill9()
    paper = tmp_path / "paper.html"

    told = roundsman(site, "start", GROUP, "--period", "24h", "--within", "8", "--lang", "en", "--out", str(paper))

    found = {one["id"]: one for one in document(site)["devices"]}
    assert {name for name, one in found.items() if one["unreached"] is None} == {"kiosk-7", "gw-2", "nvr-2", "ups-2"}
    assert found["bus-31"]["unreached"]["reason"] in ("no_result", "silent")
    with site.view() as view:
        bus = view.device("bus-31")
    assert bus is not None
    # What was wrong when it died is wrong until somebody sees it well; what takes nothing away is for attention.
    effects = {held.effect for held in bus.conditions}
    verdict = "unseen" if not effects else "fail" if "down" in effects else "attention"
    assert found["bus-31"]["verdict"] == verdict
    assert any(line["measured"] and line["measured"][0]["is_fresh"] for line in found["kiosk-7"]["lines"])
    assert f"{verdict:<9} bus-31" in told
    html = paper.read_text()
    assert "Equipment inspection report" in html
    assert "@page" in html
    assert "<link" not in html
    assert f"R{year(site)}-000001" in roundsman(site, "list")


@pytest.mark.parametrize("fault", ["clockwork.before_publish", "clockwork.before_sent"])
def test_a_collector_that_dies_around_publishing_asks_again_and_each_agent_answers_once(site: Site, fault: str) -> None:
    site.start()
    site.collector.stop()
    site.collector.start(fault=fault)
    site.until(lambda: "broker reached" in site.collector.words_of_this_run(), "the collector listens")

    asked(site)
    site.collector.await_kill()
    site.start_collector()
    site.until(lambda: is_over(site), "the round is over")

    with site.view() as view:
        errands = view.round_errands(view.rounds()[0].id)
    assert {one.agent: one.state for one in errands} == {"bus-31": "done", "gw-2": "done", "kiosk-7": "done"}
    assert all(one["unreached"] is None for one in document(site)["devices"])
