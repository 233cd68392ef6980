"""Round: an inspection of 10,000 devices, from the click to the frozen document, and people's work in one.

    make bench ONLY=round                               two to four minutes
    make bench ONLY=round ARGS="--devices 1000"

One process holds the engine, the store (SQLite) and the agents, which answer at once with twenty readings each and a
result: what is measured is the collector's own work, not waiting and not the line.

    begin_s, out_s        the click becomes a round; its questions leave (200 at a time), with messages and bytes
    in_s, end_s           the answers are taken (500 at a time); the round ends, a ticket for each of the two percent
                          of the agents that said nothing
    document_s, _mb       the document is built and frozen: whoever asks first waits so long; its size
    again_s, summary_ms   the document is read again, as a whole; what the page of the round shows of it
    running_ms            how many agents have answered, as the page asks every two seconds while it runs
    progress_ms           how far people are in a visit of as many devices, where everything but one device is ticked
    page_ms, device_ms    fifty devices that are not done; the ticks of one with what monitoring puts beside them
    tick_ms               one tick, written and durable
    peak_mb               the largest that the process was
"""

import argparse
import resource
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from roundsman_collector.api.inspection import all_ticks, finished, part_of, summary, ticks_of
from roundsman_collector.config import built_in
from roundsman_collector.core.looking import Mode
from roundsman_collector.core.rulebook import Rulebook
from roundsman_collector.engine import errands, timely
from roundsman_collector.engine.engine import Engine
from roundsman_collector.rules.catalogue import rule_set_from
from roundsman_collector.store import Deed, Office, Store, View
from roundsman_collector.store.register import AgentEntry, DeviceEntry
from roundsman_collector.store.round_log import NewLine
from tests.bench._machine import facts
from tests.collector.core.desk import START, at
from tests.collector.engine.desk import GROUP, Agent

ANSWERS_AT_ONCE = 500
SILENT = 50
"""Every fiftieth agent says nothing."""
ONLY = ("host.cpu_percent", "host.memory_percent", "host.load_1m", "host.uptime_s", "clock.max_error_ms")


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--devices", type=int, default=10_000, help="devices, each with an agent of its own")


def run(arguments: argparse.Namespace) -> dict[str, object]:
    before = facts()
    with tempfile.TemporaryDirectory() as folder:
        found = _Bench(Path(folder) / "roundsman.sqlite3", arguments.devices).run()
    return {**before, "devices": arguments.devices, **found}


def _timed(what: Callable[[], Any]) -> tuple[float, Any]:
    begun = time.perf_counter()
    answer = what()
    return round(time.perf_counter() - begun, 5), answer


def _median_ms(what: Callable[[], object], times: int = 9) -> float:
    laps = sorted(_timed(what)[0] for _ in range(times))
    return round(laps[times // 2] * 1000, 2)


def _readings() -> dict[str, Any]:
    found: dict[str, Any] = {name.replace(".", "__"): 41 for name in ONLY}
    found |= {f"disk[/data{place}].used_percent": 40 + place for place in range(8)}
    found |= {"printer__paper": "ok", "printer__cover": "closed", "cash__state": "ready", "card__state": "ready"}
    found |= {"temperature[cpu].celsius": 52, "net__errors": 0, "touch__state": "ready"}
    return found


class _Bench:
    def __init__(self, where: Path, count: int) -> None:
        self.where = where
        self.names = [f"k-{place:06d}" for place in range(count)]
        self.agents = {name: Agent(name, [(name, True)]) for name in self.names}
        text = built_in("faults.yaml")
        rules = rule_set_from(text, source="faults.yaml")
        self.store = Store.open(where)
        self.store.put_rules(rules.hash, text, START - 1)
        self.store.add_agents([_entry(name) for name in self.names], START - 1)
        self.engine = Engine(self.store, Rulebook([rules]))
        self.engine.load(START)
        self._take(0, (agent.birth(0) for agent in self.agents.values()))

    def run(self) -> dict[str, object]:
        with Office.open(self.where) as office, View.open(self.where) as view:
            found = self._remote(office, view)
            found |= self._visit(office, view)
        self.store.close()
        return found | {"peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)}

    # --- a round of agents alone -------------------------------------------------------------------------------------

    def _remote(self, office: Office, view: View) -> dict[str, object]:
        begin_s, number = _timed(lambda: self._begun(office, view, 10, "remote"))
        out_s, sent = _timed(lambda: self._out(10.01))
        ids = dict(sent[2])
        answers = [
            agent.report(
                10.1,
                agent.sample(10.05, name, **_readings()),
                agent.record(10.06, "result", command=ids[name], ok=True, detail="sampled"),
            )
            for place, (name, agent) in enumerate(self.agents.items())
            if place % SILENT
        ]
        in_s, _ = _timed(lambda: self._take(10.2, answers))
        end_s, _ = _timed(lambda: errands.end_rounds(self.engine, at(13)))
        document_s, document = _timed(lambda: finished(view, office, number, at(14)))
        body = view.round_body(number) or ""
        assert len(document["devices"]) == len(self.names)
        return {
            "begin_s": begin_s,
            "out_s": out_s,
            "messages_out": sent[0],
            "bytes_out": sent[1],
            "messages_in": len(answers),
            "bytes_in": sum(len(one.plain) for one in answers),
            "in_s": in_s,
            "end_s": end_s,
            "tickets": len(view.tickets(limit=10**6)),
            "document_s": document_s,
            "document_mb": round(len(body.encode()) / 1e6, 1),
            "again_s": _timed(lambda: finished(view, office, number, at(15)))[0],
            "summary_ms": _median_ms(lambda: summary(view, office, number, at(15))),
            "running_ms": _median_ms(lambda: view.round_progress([1])),
        }

    def _begun(self, office: Office, view: View, minutes: float, mode: Mode) -> str:
        said = {"site": GROUP, "from_ms": at(minutes - 600), "to_ms": at(minutes), "mode": mode}
        office.ask_round(said, Deed(who="bench", at_ms=at(minutes)))
        timely.obey(self.engine, self.store.new_commands(), at(minutes))
        return view.rounds(limit=1)[0].number

    def _out(self, minutes: float) -> tuple[int, int, list[tuple[str, str]]]:
        """Publish all questions, as the clockwork does; (messages, bytes, (agent, errand))."""
        count, size, ids = 0, 0, []
        while out := errands.outgoing(self.engine, at(minutes)):
            count += len(out)
            size += sum(len(one.message[0]) + len(one.message[1]) for one in out)
            ids += [(one.message[0].split("/")[3], one.id) for one in out]
            errands.sent(self.engine, [one.id for one in out], at(minutes))
        return count, size, ids

    def _take(self, minutes: float, arrivals: Iterable[Any]) -> None:
        waiting = list(arrivals)
        for place in range(0, len(waiting), ANSWERS_AT_ONCE):
            self.engine.take(waiting[place : place + ANSWERS_AT_ONCE], (), at(minutes))

    # --- a round in which people look --------------------------------------------------------------------------------

    def _visit(self, office: Office, view: View) -> dict[str, object]:
        number = self._begun(office, view, 20, "visit")
        errands.end_rounds(self.engine, at(23))
        row = view.round(number)
        assert row is not None
        ticks = ticks_of("visit", "kiosk")
        deed = Deed(who="bench", at_ms=at(24))

        def tick(device: str, item: str) -> None:
            new = NewLine(verb="tick", device=device, item=item, verdict="pass", at_ms=at(24))
            office.write_round_line(row.id, new, deed=deed)

        self._everything(row.id, [one.id for one in ticks])
        by_kind = {"kiosk": len(ticks)}
        places = iter(range(100))
        return {
            "marks": len(self.names) * len(ticks),
            "progress_ms": _median_ms(lambda: view.round_standing(row, by_kind, 0)),
            "page_ms": _median_ms(lambda: view.round_devices(row.id, by_kind)),
            "page_open_ms": _median_ms(lambda: view.round_devices(row.id, by_kind, only_open=True)),
            "device_ms": _median_ms(lambda: part_of(view, row, self.names[7])),
            "tick_ms": _median_ms(lambda: tick(self.names[-1], all_ticks()[next(places) % len(ticks)].id)),
        }

    def _everything(self, round_id: int, items: list[str]) -> None:
        """Tick all of all devices but the last, past the door: what is measured comes afterwards."""
        with sqlite3.connect(self.where) as raw:
            raw.executemany(
                "INSERT INTO round_log (round_id, verb, device, item, verdict, words, files, who, at_ms, known_ms, "
                "data) VALUES (?, 'tick', ?, ?, 'pass', '', '[]', 'bench', 0, 0, '{}')",
                [(round_id, name, item) for name in self.names[:-1] for item in items],
            )
            raw.execute(
                "INSERT INTO round_mark SELECT round_id, device, item, verdict, id FROM round_log WHERE round_id = ?",
                (round_id,),
            )


def _entry(name: str) -> AgentEntry:
    device = DeviceEntry(id=name, kind="kiosk", name_zh=f"自助终端 {name}", name_en=f"Kiosk {name}")
    return AgentEntry(id=name, group=GROUP, devices=(device,), password_hash=None)
