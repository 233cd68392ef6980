"""The script: what happens on the site, what must come of it, and whether it did.

    story = Story(...)      each turn of the loop: story.step()      story.is_over, story.missed

      all report --+--> paper     kiosk-7: no paper -> ticket -> a new roll -> resolved            --+
                   +--> recorder  nvr-2: stopped -> host.unreachable, down -> goes on -> resolved  --+--> figures
                   +--> bus       bus-31: line cut -> silent, unknown -> mended -> communication   --+

A strand is a generator that yields while it waits; `_until` waits for what the API must come to say. A strand whose
wait is in vain ends with a Miss, the others go on. Nothing is read but the API, nothing is touched but devices.
"""

import socket
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, Protocol, TypeVar

from roundsman_collector import clock
from roundsman_collector.demo import checks
from roundsman_collector.demo.checks import Miss, Outage, Told, miss
from roundsman_collector.demo.fakes.line import switch
from roundsman_collector.demo.look import Look, LookError
from roundsman_collector.demo.words import clock_time, day_time

DEVICES: Final = ("this-machine", "kiosk-7", "gw-2", "nvr-2", "ups-2", "bus-31")
WORKING: Final = ("normal", "warning")
PLAYED: Final = ("kiosk-7", "nvr-2", "bus-31")
"""What the script breaks: it must be whole before. The others need only be heard."""
ALL_REPORT_S: Final = 60.0
TICKET_S: Final = 30.0
"""How long a fault may take until it has a ticket, and how long after its end until that is resolved."""
BACKLOG_S: Final = 40.0
STORY_S: Final = 90.0
"""Everything happens within this time after the processes were started."""
LET_BE_S: Final = 4.0
"""How long a fault is left alone once it has a ticket, so that a person can see it."""
BEFORE_MS: Final = 5_000
LATE_SAMPLES: Final = 3
LAST_RUN_MS: Final = 600_000
"""So far behind what was heard of the last run its unsent samples are looked for."""

T = TypeVar("T")
Strand = Generator[None, None, T]


class Scene(Protocol):
    """What the story does to simulators."""

    def stopped(self, name: str) -> None: ...
    def continued(self, name: str) -> None: ...


class Tell(Protocol):
    """Says a line of words.LINES."""

    def __call__(self, key: str, **values: object) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Controls:
    """The control files of the made-up devices, and the simulator's name on the stage."""

    printer: Path
    cable: Path
    recorder: str


class InVain(Exception):
    """What was waited for did not come."""

    def __init__(self, found: Miss) -> None:
        super().__init__(found.key)
        self.found = found


@dataclass(kw_only=True)
class Story:
    """See the module. `started_ms`: when the first process was started; `heard_to_ms`: up to when evidence of earlier
    runs covers each device, by id."""

    scene: Scene
    look: Look
    tell: Tell
    tell_machine: Callable[[Mapping[str, object]], None]
    controls: Controls
    started_ms: int
    heard_to_ms: Mapping[str, int]
    name_of: Callable[[Told], str]
    missed: list[Miss] = field(default_factory=list)
    is_over: bool = False
    _strands: dict[str, Strand[None]] = field(default_factory=dict)
    _acts: list[dict[str, Callable[[], Strand[None]]]] = field(default_factory=list)
    _played_ms: int = 0

    def __post_init__(self) -> None:
        self._acts = [
            {"site": self._site},
            {"paper": self._paper, "recorder": self._recorder, "bus": self._bus},
            {"figures": self._figures},
        ]

    def step(self) -> None:
        """Let every strand go on as far as it can."""
        for name, strand in list(self._strands.items()):
            try:
                next(strand)
            except StopIteration:
                del self._strands[name]
            except InVain as error:
                self.missed.append(error.found)
                del self._strands[name]
                if name == "site":
                    self._acts.clear()  # nobody is there to play
        if not self._strands:
            self._next_act()

    def stop(self) -> None:
        """The time is up: what is not over was missed."""
        left = [*self._strands, *(name for act in self._acts for name in act)]
        self.missed += [miss("time_is_up", what=name) for name in left]
        self._strands.clear()
        self._acts.clear()
        self.is_over = True

    def _next_act(self) -> None:
        if self._acts:
            self._strands = {name: begin() for name, begin in self._acts.pop(0).items()}
        elif not self.is_over:
            self.is_over = True
            seconds = (clock.now_ms() - self.started_ms) / 1000
            if seconds > STORY_S:
                self.missed.append(miss("slow", seconds=seconds, within_s=STORY_S))

    # --- the strands -------------------------------------------------------------------------------------------------

    def _site(self) -> Strand[None]:
        """Everybody is there and was read since we started; what lies between two runs is unknown."""
        yield from _until("site", self._all_there, ALL_REPORT_S)
        seconds = (clock.now_ms() - self.started_ms) / 1000
        self.tell("all_report", count=len(DEVICES), seconds=seconds)
        yield from self._machine()
        if self.heard_to_ms:
            yield from self._between()

    def _all_there(self) -> bool:
        devices = self.look.devices()
        heard = [
            name
            for name, one in devices.items()
            if (one["last_t_ms"] or 0) > self.started_ms and one["state"] != "unknown" and not one["settling"]
        ]
        return set(DEVICES) <= set(heard) and all(devices[name]["state"] in WORKING for name in PLAYED)

    def _machine(self) -> Strand[None]:
        told = yield from _until("machine", lambda: self.look.device("this-machine")["readings"], TICKET_S)
        values = {one["name"]: one["value"] for one in told if one["value"] is not None}
        has_network = any(name != "lo" for _, name in socket.if_nameindex())
        self.missed += checks.machine(values, has_network=has_network)
        self.tell_machine(values)

    def _between(self) -> Strand[None]:
        """Nobody watched between the end of the evidence of the last run and the first sample of this one."""

        def gaps() -> dict[str, tuple[int, int]]:
            return {name: gap for name in self.heard_to_ms if (gap := self._gap(name)) is not None}

        found = yield from _until("between", gaps, TICKET_S)
        for name, (from_ms, to_ms) in found.items():
            ledger = yield from _until("between", partial(self._ledger, name, from_ms, to_ms), TICKET_S)
            self.missed += checks.all_unknown(name, ledger, from_ms, to_ms)
        begin, end = min(a for a, _ in found.values()), max(b for _, b in found.values())
        self.tell("between", from_=day_time(begin), to=day_time(end))

    def _gap(self, device: str) -> tuple[int, int] | None:
        """From the end of what the last sample before this run spoke for, to the first sample of this run.

        What a killed run had kept on disk and not sent comes with this one, and counts as before.
        """
        heard_to_ms = self.heard_to_ms[device]
        last_to_ms = min(self.started_ms, heard_to_ms + LAST_RUN_MS)
        earlier = self.look.samples(device, heard_to_ms - BEFORE_MS, last_to_ms) if last_to_ms > heard_to_ms else []
        spoken = [one["t_ms"] + round(one["valid_s"] * 1000) for one in earlier]
        mine = self.look.samples(device, self.started_ms, clock.now_ms())
        return (max([heard_to_ms, *spoken]), mine[0]["t_ms"]) if mine else None

    def _paper(self) -> Strand[None]:
        cue_ms = clock.now_ms()
        self.tell("paper_out")
        switch(self.controls.printer, "paper_end")
        opened = yield from _until(
            "printer.paper_end", lambda: self._open_ticket("kiosk-7", "printer.paper_end", cue_ms), TICKET_S
        )
        yield from self._told_of(opened, "paper_ticket")
        yield from _pause(LET_BE_S)
        self.tell("paper_in")
        switch(self.controls.printer, "ok")
        yield from self._outage_over("kiosk-7", opened, cue_ms, checks.has_no_paper, "paper_over")

    def _recorder(self) -> Strand[None]:
        yield from _pause(3)
        cue_ms = clock.now_ms()
        self.tell("recorder_stop")
        self.scene.stopped(self.controls.recorder)
        try:
            opened = yield from _until(
                "host.unreachable", lambda: self._open_ticket("nvr-2", "host.unreachable", cue_ms), TICKET_S
            )
            yield from self._told_of(opened, "recorder_ticket")
            yield from _until("offline", lambda: self.look.device("nvr-2")["state"] == "offline", TICKET_S)
            yield from _pause(LET_BE_S)
        finally:
            self.scene.continued(self.controls.recorder)
        self.tell("recorder_go")
        yield from self._outage_over("nvr-2", opened, cue_ms, checks.has_no_answer, "recorder_over")

    def _bus(self) -> Strand[None]:
        yield from _pause(6)
        cut_ms = clock.now_ms()
        self.tell("bus_cut")
        switch(self.controls.cable, "cut")
        try:
            opened = yield from _until(
                "agent.silent", lambda: self._open_ticket("@bus-31", "agent.silent", cut_ms), TICKET_S
            )
            self.tell("bus_ticket", number=opened["number"], name=self.name_of(opened))
            unknown = yield from _until("unknown", self._bus_unknown, TICKET_S)
            known_ms = clock.now_ms()
            self.tell("bus_unknown", from_=clock_time(unknown["since_ms"]))
            yield from _pause(LET_BE_S)
        finally:
            switch(self.controls.cable, "whole")
        mended_ms = clock.now_ms()
        self.tell("bus_mend")
        yield from self._backlog_told(opened, cut_ms, known_ms, mended_ms)

    def _bus_unknown(self) -> Told | None:
        told = self.look.device("bus-31")
        is_unknown = told["state"] == "unknown" and told["ledger"]["state"] == "unknown"
        return told["ledger"] if is_unknown else None

    # --- what strands share ------------------------------------------------------------------------------------------

    def _open_ticket(self, subject: str, code: str, since_ms: int) -> Told | None:
        return next(
            (one for one in self.look.tickets(subject) if one["code"] == code and one["opened_ms"] >= since_ms), None
        )

    def _told_of(self, opened: Told, line: str) -> Strand[None]:
        full = yield from _until(opened["code"], lambda: self.look.ticket(opened["number"]), TICKET_S)
        n = next((one["ref"]["n"] for one in full["evidence"] if one["role"] == "first"), "?")
        since = clock_time(opened["fault_from_ms"])
        self.tell(line, number=opened["number"], name=self.name_of(opened), from_=since, n=n)

    def _resolved(self, number: str) -> Told | None:
        told = self.look.ticket(number)
        return told if told["state"] == "resolved" else None

    def _ledger(self, device: str, from_ms: int, to_ms: int, known_ms: int | None = None) -> list[Told]:
        return list(self.look.intervals(device, from_ms, max(to_ms, from_ms + 1), known_ms)["intervals"])

    def _outage_over(
        self, device: str, opened: Told, cue_ms: int, is_bad: Callable[[Told], bool | None], line: str
    ) -> Strand[None]:
        """The ticket is resolved; ledger and ticket are dated by the very samples that show the outage."""
        closed = yield from _until(opened["code"], lambda: self._resolved(opened["number"]), TICKET_S)

        def outage() -> Outage | None:
            return checks.outage_in(self.look.samples(device, cue_ms - BEFORE_MS, clock.now_ms()), is_bad)

        found = yield from _until(f"samples of {device}", outage, TICKET_S)
        ledger = yield from _until(
            f"ledger of {device}", lambda: self._ledger(device, cue_ms - BEFORE_MS, clock.now_ms()), TICKET_S
        )
        self.missed += checks.edges(device, opened["code"], found, ledger) + checks.ticket(closed, found)
        seconds = (found.to_ms - found.from_ms) / 1000
        from_, to = clock_time(found.from_ms), clock_time(found.to_ms)
        self.tell(line, number=opened["number"], from_=from_, to=to, seconds=seconds)

    def _backlog_told(self, opened: Told, cut_ms: int, known_ms: int, mended_ms: int) -> Strand[None]:
        """A broken line: its samples came late, and unknown became up. What was known then can still be asked for."""
        closed = yield from _until("communication", lambda: self._resolved(opened["number"]), BACKLOG_S)
        if closed["outcome"] != "communication":
            found = closed["outcome"]
            self.missed.append(miss("outcome", ticket=closed["number"], found=found, expected="communication"))
        self.missed += checks.ticket(closed, None)
        samples = yield from _until(
            "backlog", lambda: self.look.samples("bus-31", cut_ms - BEFORE_MS, mended_ms), TICKET_S
        )
        late = [one for one in samples if one["t_ms"] >= cut_ms and one["received_ms"] >= mended_ms]
        if len(late) < LATE_SAMPLES:
            self.missed.append(miss("few_late", device="bus-31", count=len(late)))
        then, now = yield from _until(
            "ledger of bus-31", lambda: self._then_and_now(cut_ms, known_ms, mended_ms), TICKET_S
        )
        prompt = [one for one in samples if one["received_ms"] < mended_ms]
        self.missed += checks.silence("bus-31", then, prompt[-1]) if prompt else [miss("no_outage", device="bus-31")]
        self.missed += checks.all_up("bus-31", now, cut_ms, mended_ms)
        self.tell("bus_over", number=closed["number"], count=len(late))

    def _then_and_now(self, cut_ms: int, known_ms: int, mended_ms: int) -> tuple[list[Told], list[Told]] | None:
        """The ledger of the cut, as known before the line was mended, and as known once evidence covers all of it."""
        now = self.look.intervals("bus-31", cut_ms, mended_ms)
        if (now["covered_to_ms"] or 0) < mended_ms:
            return None
        return self._ledger("bus-31", cut_ms, mended_ms, known_ms), list(now["intervals"])

    def _figures(self) -> Strand[None]:
        """Availability of every device over this run: it adds up, and its downtime is the ledger's."""
        to_ms = clock.now_ms()
        for device in DEVICES:

            def both(name: str = device) -> tuple[Told, Told] | None:
                ledger = self.look.intervals(name, self.started_ms, to_ms)
                is_covered = (ledger["covered_to_ms"] or 0) >= to_ms
                return (self.look.availability(name, self.started_ms, to_ms), ledger) if is_covered else None

            figure, ledger = yield from _until(f"figures of {device}", both, TICKET_S)
            self.missed += checks.figure(figure) + checks.downtime(figure, ledger)
            parts = {name: figure[f"{name}_ms"] / 1000 for name in ("up", "down", "unknown", "base")}
            self.tell("figures", device=device, **parts)


def _pause(seconds: float) -> Strand[None]:
    until = clock.mono_s() + seconds
    while clock.mono_s() < until:
        yield


def _until(what: str, question: Callable[[], T | None], within_s: float) -> Strand[T]:
    """Ask once a turn until the answer is something; InVain when it does not come."""
    until = clock.mono_s() + within_s
    last = ""
    while True:
        try:
            answer = question()
            if answer:
                return answer
            last = ""
        except LookError as error:
            last = f" ({error})"
        if clock.mono_s() >= until:
            raise InVain(miss("late", what=what, within_s=within_s, last=last))
        yield
