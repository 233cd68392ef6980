"""People and devices around a real engine and store, told by the clock on the wall in Shanghai.

    hall = Hall(folder, "kiosk", zone="urban")                     kiosk-7 stands in a hall, under a contract
    hall.at("09:00").breaks(printer__paper="end")                  it reports a fault until that is one: a ticket opens
    hall.at("09:10").does("dispatch", engineer="li")               somebody takes a step, as a command
    hall.at("11:00").due()                                         what is promised, once all until then was told

The day is Monday, 23 November 2026, or the one that was named last ("11-27 15:00"). While time passes, tickets are
looked at when their clocks are due and at no other time, as by the clockwork; what befalls them is in their logs.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Self
from zoneinfo import ZoneInfo

from roundsman_collector.config import Config, built_in, service_levels
from roundsman_collector.core.lifecycle import Standing, standing_of
from roundsman_collector.core.media import Media
from roundsman_collector.core.rulebook import Rulebook, RuleSet
from roundsman_collector.core.ticket_log import Event
from roundsman_collector.engine import rules, timely
from roundsman_collector.rules.calendars import calendar_from
from roundsman_collector.rules.catalogue import rule_set_from
from roundsman_collector.store import Deed, Office
from roundsman_collector.store.commands import CommandRow
from roundsman_collector.store.files import FileLimits, NewFile
from roundsman_collector.store.ticket_clocks import ClockRow
from roundsman_collector.store.tickets import TicketRow
from tests.collector.core.desk import MINUTE, START, at
from tests.collector.engine.desk import Collector, kiosk

SHANGHAI = ZoneInfo("Asia/Shanghai")
BEFORE = -200
"""When, in minutes, all is entered."""
DEED = Deed(who="wang", at_ms=at(-100))
LATE = 101
"""What `told` calls a breach, beside 50, 80 and 100 (the stricter promise has passed)."""


def catalogue(**changes: Any) -> Rulebook:
    """The faults that travel with the program, but for silence: in these stories nobody speaks without need."""
    found = rule_set_from(built_in("faults.yaml"), source="faults.yaml")
    kept = tuple(replace(one, ticket=False) if one.code == "agent.silent" else one for one in found.rules)
    return Rulebook([RuleSet(rules=kept, functions=found.functions, **changes)])


def wall(at_ms: int | None) -> str | None:
    """An instant as the wall shows it."""
    if at_ms is None:
        return None
    moment = datetime.fromtimestamp(at_ms / 1000, SHANGHAI)
    return f"{moment:%m-%d %H:%M}" + (f":{moment:%S}" if moment.second else "")


def ask(desk: Collector, minutes: float, verb: str, by: str, /, key: str | None = None, **args: Any) -> CommandRow:
    """What somebody asks for, once it is answered."""
    now_ms = at(minutes)
    with desk.view() as view:
        number = view.ask(who=by, verb=verb, args=args, now_ms=now_ms, key=key)
    timely.obey(desk.engine, desk.store.new_commands(100), now_ms)
    with desk.view() as view:
        answer = view.command(number)
    assert answer is not None
    return answer


class Hall(Collector):
    """kiosk-7 in a hall of a customer, whoever looks after it, and the collector that knows of both.

    `level`: the service level that the contract names; None: there is no contract. `ticket`: whose log is meant where
    none is named, the newest.
    """

    def __init__(self, folder: Path, level: str | None, zone: str = "urban") -> None:
        super().__init__(folder, catalogue())
        self.day = "2026-11-23"
        self.now_ms = at(0)
        self.ticket = 0
        rules.promise(self.store, service_levels(Config()), at(BEFORE))
        self._enter(level, zone)
        self.kiosk = kiosk()
        self.is_born = False

    def _enter(self, level: str | None, zone: str) -> None:
        names = {"name_zh": "客户", "name_en": "Customer"}
        site = {"customer": "bank", "group_id": "south", "zone": zone, **names}
        with Office.open(self.path) as office:
            office.seed_calendar(calendar_from(built_in("calendars/cn.yaml"), source="cn.yaml"), deed=DEED)
            office.put_entry("customer", "bank", names, deed=DEED)
            if level is not None:
                contract = {"customer": "bank", "name": "2026", "service_level": level}
                office.put_entry("contract", "c-1", contract, deed=DEED)
                site["contract"] = "c-1"
            office.put_entry("site", "branch", site, deed=DEED)
            office.put_entry("place", "hall", {"site": "branch", "name_zh": "大厅", "name_en": "Hall"}, deed=DEED)
            office.put_entry("installation", "kiosk-7", {"place": "hall"}, deed=DEED)

    # --- time --------------------------------------------------------------------------------------------------------

    def instant(self, said: str) -> int:
        """What the wall shows, as milliseconds."""
        day, _, clock = said.rpartition(" ")
        if day:
            self.day = f"2026-{day}"
        return round(datetime.fromisoformat(f"{self.day}T{clock}").replace(tzinfo=SHANGHAI).timestamp() * 1000)

    def at(self, said: str) -> Self:
        """Let time pass until then."""
        self.pass_until(self.instant(said))
        return self

    def pass_until(self, until_ms: int) -> None:
        """Look at what is due, when it is."""
        while due := self.store.tickets_due(until_ms, 1):
            wake_ms = due[0][0].wake_at_ms
            assert wake_ms is not None
            self.now_ms = max(self.now_ms, wake_ms)
            self.engine.promises.step(self.now_ms)
        self.now_ms = max(self.now_ms, until_ms)
        self.look(self.minutes)
        while self.engine.promises.step(self.now_ms):
            pass

    @property
    def minutes(self) -> float:
        """Now, as the desk of the core tells time."""
        return (self.now_ms - START) / MINUTE

    # --- what devices say --------------------------------------------------------------------------------------------

    def breaks(self, lasting: int = 1, **readings: Any) -> Self:
        """kiosk-7 has said so for `lasting` minutes, now for the last time; what is a fault by then has a ticket."""
        return self.says(lasting, **readings)

    def works(self, lasting: int = 1, **readings: Any) -> Self:
        """It has been well again for `lasting` minutes."""
        return self.says(lasting, **readings)

    def works_until(self, said: str, **readings: Any) -> Self:
        """It says every minute until then that it is well."""
        until_ms = self.instant(said)
        while self.now_ms < until_ms:
            self.pass_until(min(until_ms, self.now_ms + MINUTE))
            self.says(lasting=0, **readings)
        return self

    def says(self, lasting: int = 1, **readings: Any) -> Self:
        """kiosk-7 tells these readings, once a minute, in one report that comes now."""
        if not self.is_born:
            self.take(self.minutes, self.kiosk.birth(self.minutes))
            self.is_born = True
        told = range(-lasting, 1)
        samples = [self.kiosk.sample(self.minutes + minute, "kiosk-7", **readings) for minute in told]
        self.take(self.minutes, self.kiosk.report(self.minutes, *samples))
        self.pass_until(self.now_ms)
        return self

    # --- what people do ----------------------------------------------------------------------------------------------

    def asks(self, verb: str, by: str, key: str | None = None, **args: Any) -> CommandRow:
        """What somebody asks for, once it is answered."""
        answer = ask(self, self.minutes, verb, by, key, **args)
        self.pass_until(self.now_ms)
        return answer

    def calls(self, code: str = "", text: str = "it does not work", **said: Any) -> CommandRow:
        """The customer calls: about kiosk-7, if nothing else is said."""
        about = {"subject": "kiosk-7", "code": code, "text": text, "source": "phone", **said}
        return self.asks("open", by="wang", **about)

    def tries(self, verb: str, by: str = "li", text: str = "", **data: Any) -> CommandRow:
        """Somebody takes a step with a ticket; it may be refused. `happened`, `arrival`, `next_visit`: by the wall."""
        args: dict[str, Any] = {"ticket": data.pop("ticket", self.newest), "text": text}
        args["may_overrule"] = data.pop("may_overrule", by == "zhao")
        for said, meant in (("happened", "at_ms"), ("arrival", "arrival_ms"), ("next_visit", "next_visit_ms")):
            if said in data:
                day = self.day
                data[meant] = self.instant(data.pop(said))
                self.day = day
        return self.asks(verb, by, **args, data=data)

    def does(self, verb: str, by: str = "li", text: str = "", **data: Any) -> Self:
        """Somebody takes a step, and may. zhao is the manager."""
        answer = self.tries(verb, by, text, **data)
        assert answer.state == "done", answer.result
        return self

    def refused(self, verb: str, by: str = "li", text: str = "", **data: Any) -> str:
        """Why somebody may not take a step, in a word."""
        answer = self.tries(verb, by, text, **data)
        assert answer.state == "failed", "it was done"
        return str((answer.result or {})["cause"])

    def signs(self, side: str) -> Self:
        """The customer, or the engineer, signs on the phone."""
        drawn = NewFile(
            owner_id=self.newest,
            kind="signature",
            name=f"{side}.png",
            media=Media("image/png", ".png", 300, 100),
            size=len(side),
            sha256=sha256(side.encode()).hexdigest(),
        )
        with Office.open(self.path) as office:
            deed = Deed(who="li", at_ms=self.now_ms)
            file = office.add_file(drawn, [side.encode()], limits=FileLimits(), deed=deed)
        return self.does("sign", side=side, name=side, file=file.id)

    def both_sign(self) -> Self:
        """Both sides do."""
        return self.signs("service").signs("customer")

    def hands_in_and_closes(self) -> Self:
        """The customer confirms, the service report is handed in, somebody follows up, zhao reviews it
        where the service level asks for that, and the ticket is closed."""
        self.does("confirm", name="Chen", rating=5).does("report", forms=["work_order"])
        self.does("follow_up", by="wang", reached=True, satisfied=True)
        level = self.engine.promises.level_of(self.row().level_id, self.now_ms)
        if level is not None and level.review:
            self.does("review", by="zhao", accepted=True)
        return self.does("close", by="wang")

    # --- what became of it -------------------------------------------------------------------------------------------

    @property
    def newest(self) -> int:
        """The ticket that is spoken of."""
        if self.ticket:
            return self.ticket
        with self.view() as view:
            return max((one.id for one in view.tickets()), default=0)

    def log(self, ticket: int = 0) -> list[Event]:
        """A ticket's log."""
        return self._found(ticket)[1]

    def row(self, ticket: int = 0) -> TicketRow:
        """A ticket's row."""
        return self._found(ticket)[0]

    def _found(self, ticket: int) -> tuple[TicketRow, list[Event]]:
        found = self.store.ticket_with_log(ticket or self.newest)
        assert found is not None
        return found

    def standing(self, ticket: int = 0) -> Standing:
        """How it stands by its log."""
        return standing_of(self.log(ticket))

    def state(self, ticket: int = 0) -> str:
        """Its state, by log and by row."""
        row, log = self._found(ticket)
        state = standing_of(log).state
        assert row.state == state, "the row says what the log says"
        return state

    def verbs(self, ticket: int = 0) -> list[str]:
        """What befell it, in a word each; the promises' own lines are left out."""
        return [event.verb for event in self.log(ticket) if event.verb not in ("promise", "warn", "breach")]

    def said(self, verb: str, ticket: int = 0) -> list[Mapping[str, Any]]:
        """What the lines of a verb say beside their words."""
        return [event.data for event in self.log(ticket) if event.verb == verb]

    def told(self, ticket: int = 0) -> list[str]:
        """Warnings and breaches, with the instant that was promised: "11-23 13:00 arrive 101"."""
        percents = [(one.data, one.data.get("percent", LATE)) for one in self.log(ticket) if one.verb in WARNINGS]
        return [f"{wall(data['due_ms'])} {data['clock']} {percent}" for data, percent in percents]

    def _clocks(self, ticket: int) -> list[ClockRow]:
        with self.view() as view:
            return view.ticket_clocks([ticket or self.newest]).get(ticket or self.newest, [])

    def due(self, ticket: int = 0) -> dict[str, str]:
        """When what runs is due, by the clocks that lists show; the stricter promise behind a slash."""
        return {
            one.clock: f"{wall(one.due_ms)}" + (f" / {wall(one.promised_ms)}" if one.promised_ms is not None else "")
            for one in self._clocks(ticket)
            if one.ended_ms is None and one.state != "cancelled" and one.due_ms is not None
        }

    def clocks(self, ticket: int = 0) -> dict[str, str]:
        """How each clock stands."""
        return {one.clock: one.state for one in self._clocks(ticket)}

    def numbers(self) -> list[tuple[str, str]]:
        """All tickets: number and state."""
        with self.view() as view:
            return [(one.number, one.state) for one in reversed(view.tickets())]


WARNINGS = ("warn", "breach")

Halls = Callable[..., Hall]
"""Makes a hall whose contract names a level."""
