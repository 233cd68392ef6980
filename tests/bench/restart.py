"""Restart: a collector with 400,000 devices begins, after a kill and after a good end, until it takes reports.

    make bench ONLY=restart                             all of it, within 10 minutes
    make bench ONLY="restart --devices 20000"           a quick try

The fleet is set up as in the ingest bench (one agent and one device each; a birth and a first report of every one) and
reports at the offered rate. Then, twice, a collector ends and another begins, with the database's file put out of the
system's memory first, so that it is read from the disk:

    kill -9        what memory knew since it was last swept to its rows is read again from the evidence
    SIGTERM        everything is swept; the time that takes is told, too

The time is from the start of the process to the first message that it takes and settles. Beside it, in the same run and
as cold: what the same rows cost when nothing is done but to read them, with sqlite3 and json.loads.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench._machine import facts, resident_mb, starved_s, use
from tests.bench._tally import Tally
from tests.bench.ingest import LEAST_DEVICES, OFFERED, Bench, Child, say
from tests.brokers import DAEMON_PATH, mosquitto_broker

AT_MOST_S = 300.0


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--devices", type=int, default=400_000, help="devices, one agent each")
    parser.add_argument("--seconds", type=float, default=20.0, help="for how long they report before each end")
    parser.add_argument("--rate", type=int, default=OFFERED, help="offered reports/s")
    parser.add_argument("--keep", action="store_true", help="leave the folder behind")


def run(arguments: argparse.Namespace) -> dict[str, object]:
    if arguments.devices < LEAST_DEVICES:
        raise SystemExit(f"--devices: expected {LEAST_DEVICES} or more, so that no device reports too often")
    if shutil.which("mosquitto", path=DAEMON_PATH) is None:
        raise SystemExit("mosquitto is not installed: apt install mosquitto")
    folder = Path(tempfile.mkdtemp(prefix="roundsman-bench-"))
    try:
        with mosquitto_broker(folder) as broker:
            return Restart(folder, broker, arguments).run()
    finally:
        if arguments.keep:
            say(f"left behind: {folder}")
        else:
            shutil.rmtree(folder)


class Restart(Bench):
    """One run of the bench."""

    def run(self) -> dict[str, object]:
        """All steps; see the module."""
        before = facts()
        say(f"{self.devices} devices; load {before['load_1m']}")
        register_s = self._register()
        with self._child("_collector", self.folder / "blocks.json") as child:
            setup = {"register_s": register_s, **self._set_up(child)}
            say(f"set up: {setup}")
            self._report(child)
            child.process.kill()
            child.process.wait()
        after_kill, stopped = self._begun("killed", ends_well=True)
        after_end, _ = self._begun("ended", ends_well=False)
        return {
            "devices": self.devices,
            "after_kill": after_kill,
            "after_end": {**after_end, "end_s": stopped},
            "just_reading": self._just_reading(),
            "machine": {**before, "load_1m_after": facts()["load_1m"]},
        }

    def _begun(self, what: str, *, ends_well: bool) -> tuple[dict[str, Any], float]:
        """A collector that begins: how long until it takes a message, and how long it takes to end."""
        cold = self._put_out_of_memory()
        Tally(self.folder / "_collector.tally").write(0)  # each collector counts from nothing
        begin = time.monotonic()
        with self._child("_collector", self.folder / "blocks.json") as child:
            while not child.tally.read():
                child.must_run()
                if time.monotonic() - begin > AT_MOST_S:
                    raise SystemExit(f"the collector takes nothing {AT_MOST_S:g} s after its start")
                self.press.knock()
                time.sleep(0.05)
            seconds = time.monotonic() - begin
            found = {
                "takes_reports_s": round(seconds, 1),
                "cpu_s": round(use(child.pid).cpu_s, 1),
                "starved_s": round(starved_s(child.pid), 1),
                "resident_mb": round(resident_mb(child.pid)),
                "read_again": _read_again(child.log),
                "put_out_of_memory": cold,
            }
            say(f"{what}: {found}")
            time.sleep(0.5)
            self.press.settled_before = child.tally.read()
            if ends_well:
                self._report(child)
            begin = time.monotonic()
        return found, round(time.monotonic() - begin, 1)

    def _report(self, child: Child) -> None:
        """Reports at the offered rate for a while, all of them taken."""
        self.press.run(child.tally, self._next_report, seconds=self.seconds, rate=self.rate)
        self.press.drain(child)

    def _just_reading(self) -> dict[str, object]:
        """The rows that a beginning collector needs, read and decoded, and nothing done with them."""
        cold = self._put_out_of_memory()
        begin, cpu = time.monotonic(), time.process_time()
        with contextlib.closing(sqlite3.connect(self._database)) as database:
            count = 0
            for (body,) in database.execute("SELECT body FROM unit ORDER BY agent_no"):
                json.loads(body)
                count += 1
            for table in ("agent", "assignment"):
                for _ in database.execute(f"SELECT * FROM {table}"):
                    pass
        return {
            "seconds": round(time.monotonic() - begin, 1),
            "cpu_s": round(time.process_time() - cpu, 1),
            "units": count,
            "put_out_of_memory": cold,
        }

    @property
    def _database(self) -> Path:
        return self.folder / "data" / "roundsman.sqlite3"

    def _put_out_of_memory(self) -> bool:
        """Ask the system to forget the database's pages; False where it does not know how."""
        if not hasattr(os, "posix_fadvise"):
            return False
        os.sync()
        for file in (self._database, Path(f"{self._database}-wal")):
            if file.exists():
                with file.open("rb") as opened:
                    os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return True


def _read_again(log: Path) -> int | None:
    """How many evidence rows the collector read again, by its own word in its log."""
    said = re.findall(r"read_again\D*(\d+)", re.sub(r"\x1b\[[0-9;]*m", "", log.read_text()))
    return int(said[-1]) if said else None
