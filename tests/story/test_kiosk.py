"""A kiosk in a shop, real processes throughout: its parts break one by one, and the collector calls each by its name.

    the agent program --- host ----> this machine
                      --- escpos --> a printer on a pseudo-terminal (the demo's, a process of its own)
                      --- app -----> a business program that is killed, stopped and started again
                      --- nut -----> Debian's upsd, whose driver dummy-ups says what a file says

and the collector with its own broker. All is judged by the built-in fault catalogue; only its patience is shorter.
"""

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from roundsman_collector.demo.fakes.escpos_printer import switch
from roundsman_collector.store.door import Store
from roundsman_collector.store.reads import View
from roundsman_collector.store.register import DeviceEntry
from roundsman_collector.store.tickets import TicketRow
from tests.agent.probes.nut_site import Site as NutSite
from tests.brokers import GROUP, until
from tests.story.site import PATIENCE_S, START_OF_HISTORY_MS, Own, Program

pytestmark = pytest.mark.slow

AGENT, UPS = "kiosk-7", "ups-2"
STORY = (
    *("printer.paper_end", "printer.cover_open", "app.dead", "app.hung"),
    *("power.mains_lost", "ups.battery_low", "ups.link_lost"),
)
"""The faults of the story; each counts as soon as it was seen twice."""
OVERRIDES = "overrides:\n" + "".join(
    f"  - {{code: {code}, for_s: 0.4, clear_for_s: 0.2, flap_s: 0}}\n" for code in STORY
)
COLLECTOR = """
[data]
folder = "collector"
[broker]
mode = "embedded"
[collector]
ack_every_s = 0.2
[api]
port = 0
[policy]
overrides = ["overrides.yaml"]
"""
KIOSK = """
[agent]
id = "{agent}"
group = "{group}"
data = "agent"
[broker]
host = "{host}"
port = {port}
user = "{user}"
password_file = "agent.password"
[spool]
free_floor_bytes = 0
[uplink]
reconnect_spread_s = 0.2
reconnect_min_s = 0.1
reconnect_max_s = 0.5
ack_expected_s = 0.5
[[device]]
id = "{agent}"
kind = "kiosk"
local = true
period_s = 0.5
valid_s = 2
[[device.probe]]
name = "host"
[[device.probe]]
name = "escpos"
port = "{folder}/printer"
[[device.probe]]
name = "app"
instance = "till"
program = "{python}"
arguments = "{folder}/till.py"
[[device.probe]]
name = "nut"
port = {nut}
ups = "{ups}"
"""
TILL = "import time\nwhile True: time.sleep(1)  # takes orders for ever\n"
SAYS = "ups.status: {status}\nups.load: 14\nbattery.charge: {charge}\nbattery.runtime: 1800\ninput.voltage: 226.0\n"
ON_MAINS = SAYS.format(status="OL", charge=100)
ON_BATTERY = SAYS.format(status="OB DISCHRG", charge=81)
NEARLY_EMPTY = SAYS.format(status="OB DISCHRG LB", charge=9)


class Shop:
    """The kiosk and what hangs on it, its agent, and a collector elsewhere."""

    def __init__(self, folder: Path, power: NutSite) -> None:
        self.folder, self.mode, self.power = folder, folder / "printer.mode", power
        switch(self.mode, "ok")
        (folder / "till.py").write_text(TILL)
        broker = self._collects()
        self.printer = self._program(
            *("printer", "-m", "roundsman_collector.demo.fakes", "printer"),
            *("--control", str(self.mode), "--link", str(folder / "printer")),
        )
        self.till = self._program("till", str(folder / "till.py"))
        brisk = ("-m", "tests.story.brisk_collector", "up", "--config", str(folder / "collector.toml"))
        self.collector = self._program("collector", *brisk)
        self.agent = self._program(AGENT, "-m", "roundsman_agent", "run", str(self._reports_to(broker)))
        self.programs = [self.collector, self.printer, self.till, self.agent]

    def _program(self, name: str, *argv: str) -> Program:
        return Program(name, [sys.executable, *argv], self.folder / f"{name}.log", {})

    def _collects(self) -> Own:
        """The collector's configuration, its register, its broker."""
        (self.folder / "collector").mkdir(mode=0o700)
        (self.folder / "collector.toml").write_text(COLLECTOR)
        (self.folder / "overrides.yaml").write_text(OVERRIDES)
        entry = DeviceEntry(id=AGENT, kind="kiosk", name_zh="售取票机", name_en="ticket machine")
        with Store.open(self.folder / "collector" / "roundsman.sqlite3") as store:
            store.add_agent(AGENT, GROUP, [entry], START_OF_HISTORY_MS)
        return Own(self.folder / "collector")

    def _reports_to(self, broker: Own) -> Path:
        """The agent's configuration."""
        user, password = broker.user_for(AGENT)
        (self.folder / "agent.password").write_text(password + "\n")
        (self.folder / "agent.password").chmod(0o600)
        path = self.folder / "agent.toml"
        said = {"agent": AGENT, "group": GROUP, "ups": UPS, "host": broker.host, "port": broker.port, "user": user}
        path.write_text(KIOSK.format(**said, folder=self.folder, python=sys.executable, nut=self.power.port))
        return path

    def open_for_business(self) -> None:
        """Start everything, and wait until all of it is heard and well."""
        for program in self.programs:
            program.start()
        self.until(lambda: self._reading("printer.paper") == "ok", "the printer is heard and well")
        self.until(lambda: self._reading("app[till].state") == "running", "the business program runs")
        self.until(lambda: self._reading("ups.output_source") == "normal", "its UPS is heard and well")

    def _reading(self, name: str) -> object:
        with self.view() as view:
            found = view.device(AGENT)
        return (found.readings or {}).get(name) if found is not None else None

    def view(self) -> View:
        return View.open(self.folder / "collector" / "roundsman.sqlite3")

    def tickets(self, code: str) -> list[TicketRow]:
        """Those of a fault, the newest first."""
        with self.view() as view:
            return [one for one in view.tickets() if one.code == code]

    def await_ticket(self, code: str) -> TicketRow:
        """A ticket of this fault is open."""
        self.until(lambda: [one for one in self.tickets(code) if one.state == "open"], f"a ticket {code} opens")
        return self.tickets(code)[0]

    def await_end(self, ticket: TicketRow) -> TicketRow:
        """It is resolved by itself."""
        self.until(lambda: self.tickets(ticket.code)[0].state == "resolved", f"{ticket.code} is over")
        return self.tickets(ticket.code)[0]

    def until(self, happened: Callable[[], object], what: str) -> None:
        """Wait for it; no more when the collector or the agent has ended."""
        try:
            until(lambda: happened() or not (self.collector.runs and self.agent.runs), what, PATIENCE_S)
            assert happened(), f"not: {what}"
        except (AssertionError, pytest.fail.Exception) as failure:
            words = "\n".join(f"=== {one.name}\n{one.tail()}" for one in self.programs)
            with self.view() as view:
                words += "\n=== tickets\n" + "\n".join(
                    f"{one.subject} {one.code} {one.state}" for one in view.tickets()
                )
            raise pytest.fail.Exception(f"{failure}\n{words}\n=== NUT\n{self.power.log()}") from failure


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with contextlib.ExitStack() as ending:
        power = ending.enter_context(NutSite())
        power.add(UPS, ON_MAINS)
        power.start()
        made = Shop(tmp_path_factory.mktemp("shop"), power)
        for program in made.programs:
            ending.callback(program.abandon)
        made.open_for_business()
        yield made


def test_the_printer_runs_out_of_paper_and_gets_a_new_roll(shop: Shop) -> None:
    switch(shop.mode, "paper_end")
    ticket = shop.await_ticket("printer.paper_end")
    switch(shop.mode, "ok")
    ended = shop.await_end(ticket)

    assert ticket.service_class == "clerk"
    assert ended.outcome == "recovered"
    assert ended.fault_to_ms is not None
    assert ended.fault_to_ms > ended.fault_from_ms


def test_an_open_cover_is_called_an_open_cover(shop: Shop) -> None:
    switch(shop.mode, "cover_open")
    ticket = shop.await_ticket("printer.cover_open")
    switch(shop.mode, "ok")

    assert shop.await_end(ticket).outcome == "recovered"


def test_the_business_program_dies_and_is_started_again(shop: Shop) -> None:
    shop.till.kill9()
    ticket = shop.await_ticket("app.dead")
    shop.till.start()
    ended = shop.await_end(ticket)

    assert (ticket.component, ticket.service_class) == ("app[till]", "clerk")
    assert ended.outcome == "recovered"


def test_a_business_program_that_stands_still_hangs_and_is_not_dead(shop: Shop) -> None:
    dead = len(shop.tickets("app.dead"))
    with shop.till.held():
        ticket = shop.await_ticket("app.hung")

    assert shop.await_end(ticket).component == "app[till]"
    assert len(shop.tickets("app.dead")) == dead


def test_the_shop_runs_on_battery_until_the_mains_are_back(shop: Shop) -> None:
    shop.power.tell(UPS, ON_BATTERY)
    lost = shop.await_ticket("power.mains_lost")
    shop.power.tell(UPS, NEARLY_EMPTY)
    low = shop.await_ticket("ups.battery_low")
    shop.power.tell(UPS, ON_MAINS)

    assert [shop.await_end(one).outcome for one in (lost, low)] == ["recovered", "recovered"]


def test_a_ups_that_its_driver_has_lost_is_lost_and_not_on_battery(shop: Shop) -> None:
    on_battery = len(shop.tickets("power.mains_lost"))
    shop.power.stop(UPS, how=signal.SIGSTOP)
    ticket = shop.await_ticket("ups.link_lost")
    shop.power.stop(UPS, how=signal.SIGCONT)

    assert (shop.await_end(ticket).outcome, ticket.component) == ("recovered", "ups")
    assert len(shop.tickets("power.mains_lost")) == on_battery


def test_nothing_is_reported_but_what_broke(shop: Shop) -> None:
    with shop.view() as view:
        codes = {one.code for one in view.tickets()}

    # What is wrong with the machine that runs this test is no part of the story.
    assert {code for code in codes if not code.startswith("host.")} <= set(STORY)
