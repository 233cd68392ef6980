"""What people ask of one agent, through real processes and both brokers: answered, done once, not after a crash."""

import subprocess
import sys
from pathlib import Path

import pytest

from roundsman_collector.core.asking import CHANGING, Consent
from roundsman_collector.store import AskedRow, AskWish, Deed, EntryError, Office
from tests.story.site import ROOT, Site
from tests.story.talker import now_ms

pytestmark = pytest.mark.slow

AGENT = "kiosk-7"


def allow(site: Site) -> Path:
    """Let kiosk-7 show a log and restart an application, which counts how often it was; returns its tally."""
    tally, told = site.folder / "tally", site.folder / "kiosk.log"
    told.write_text("one\ntwo\nthree\n")
    restart = [sys.executable, "-c", f"open({str(tally)!r}, 'a').write('x')"]
    with (site.folder / f"{AGENT}.toml").open("a") as file:
        file.write(f"\n[commands]\nrestart_app = {restart}\n[commands.logs]\nkiosk = {str(told)!r}\n")
    check = [sys.executable, "-m", "roundsman_agent", "check", str(site.folder / f"{AGENT}.toml")]
    subprocess.run(check, cwd=ROOT, check=True, capture_output=True, timeout=60)
    return tally


def ask(site: Site, verb: str, *, expires_s: float = 60, **args: object) -> str:
    """Ask as the console does, as soon as the agent has said that it can."""
    at_ms = now_ms()
    consent = Consent(who="张三", how="phone", at_ms=at_ms, device=AGENT) if verb in CHANGING else None
    with Office.open(site.database) as office:
        wish = AskWish(verb=verb, args=args, consent=consent, expires_s=expires_s)
        return office.ask_agent(AGENT, wish, deed=Deed(who="li", at_ms=at_ms))


def asked(site: Site, command: str) -> AskedRow:
    with site.view() as view:
        found = view.asked_one(command)
    assert found is not None
    return found


def is_capable(site: Site) -> bool:
    with site.view() as view:
        now = view.agent_now(AGENT)
    return now is not None and now.born is not None and "cmd.restart_app" in now.born.capabilities


def test_commands_are_answered_with_what_they_show_and_a_restart_is_done_once(site: Site) -> None:
    tally = allow(site)
    site.start()
    site.until(lambda: is_capable(site), "the agent has said what it can do")

    made = [
        ask(site, "diagnose"),
        ask(site, "log_tail", log="kiosk", lines=2),
        ask(site, "inspect"),
        ask(site, "restart_app"),
    ]
    site.until(lambda: all(asked(site, one).done_ms is not None for one in made), "all of it is answered")
    diagnosed, shown, _, restarted = (asked(site, one) for one in made)

    assert [asked(site, one).state for one in made] == ["done"] * 4
    assert "spool" in diagnosed.detail + diagnosed.output
    assert shown.output.split() == ["two", "three"]
    assert restarted.sent_ms is not None
    assert tally.read_text() == "x"
    with pytest.raises(EntryError, match="does not offer reboot"):
        ask(site, "reboot")


def test_a_collector_that_dies_before_a_restart_is_published_never_sends_it(site: Site) -> None:
    tally = allow(site)
    site.start()
    site.until(lambda: is_capable(site), "the agent has said what it can do")
    site.collector.stop()
    site.collector.start(fault="clockwork.before_once")
    site.until(lambda: "broker reached" in site.collector.words_of_this_run(), "the collector listens")

    command = ask(site, "restart_app", expires_s=10)
    site.collector.await_kill()
    site.start_collector()
    site.until(lambda: asked(site, command).state == "expired", "its time is over")

    assert not tally.exists()
    again = ask(site, "restart_app")
    site.until(lambda: asked(site, again).state == "done", "another one is done")
    assert tally.read_text() == "x"
