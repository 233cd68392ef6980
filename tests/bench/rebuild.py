"""Rebuild: 30 days of reports a minute told anew, of one device (aim 2 s) and of a gateway with 40 (aim 30 s).

    make bench ONLY=rebuild                             all of it, some minutes and 4 GB of memory for `pure`
    make bench ONLY="rebuild --days 3"                  a quick try
    make bench ONLY="rebuild --lean"                    without what needs all evidence in memory at once

It is what the engine does when late evidence comes and no checkpoint is kept: in a database with 30 days of evidence
(10 readings a sample; of a gateway a report with a sample of each device; a fault now and then) the unit is made dirty
from the first minute on and rebuilt.

    store     engine.rebuild_unit: evidence read, decoded, dated, told anew, ledger and conditions committed
    pure      core.rebuild alone, of the same items in memory
    checkpoint  as `store`, when what is late is a day old: the usual case, since checkpoints are daily
    read      for comparison, in the same run: the same rows read and decoded, and nothing done with them

CPU time of this process, each once. `step` is the longest that the rebuild did at a stretch, wall clock: so long may
reports wait for it. `extra_mb` is by how much the process grew at most while it was rebuilt from the store.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from roundsman_collector import config
from roundsman_collector.core.model import Spec, newborn
from roundsman_collector.core.rebuild import rebuild, resting
from roundsman_collector.core.rulebook import Rulebook
from roundsman_collector.core.state import dump
from roundsman_collector.engine.engine import Engine
from roundsman_collector.engine.past import items_of
from roundsman_collector.engine.rebuilds import Retelling, store_told
from roundsman_collector.engine.unit import Unit
from roundsman_collector.store import batch as stored
from roundsman_collector.store.door import Store
from roundsman_collector.store.evidence import EvidenceRow
from roundsman_collector.store.register import DeviceEntry
from roundsman_collector.store.units import Checkpoint
from tests.bench._machine import facts, resident_mb

FIRST_MS = 1_795_000_000_000 // 86_400_000 * 86_400_000
MINUTES_A_DAY = 1440
MINUTE_MS = 60_000
CHUNK = 1440
BOOT = "b41e7c02"
AIM_S = {1: 2.0, 40: 30.0}


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--devices", type=int, nargs="*", default=[1, 40], help="devices of each unit")
    parser.add_argument("--lean", action="store_true", help="measure the rebuild from the store alone")


def run(arguments: argparse.Namespace) -> dict[str, object]:
    before = facts()
    found = {}
    for devices in arguments.devices:
        with tempfile.TemporaryDirectory(prefix="roundsman-bench-") as folder:
            found[f"{devices}_devices"] = _measured(
                Path(folder) / "roundsman.sqlite3", devices, arguments.days, arguments.lean
            )
    return {"days": arguments.days, "units": found, "machine": before}


def _measured(path: Path, devices: int, days: int, lean: bool) -> dict[str, object]:
    names = [f"cam-{i:02d}" for i in range(devices)]
    spec = Spec("9a41c2", tuple((name, i == 0, 180_000) for i, name in enumerate(names)))
    with Store.open(path) as store:
        entries = [DeviceEntry(id=name, kind="camera", name_zh=name, name_en=name) for name in names]
        store.add_agent("gw-2", "south", entries, FIRST_MS - 1)
        head = _written(store, names, days)
        engine = Engine(store, Rulebook([config.rule_set(config.load(None))]))
        engine.load(FIRST_MS)
        unit = engine.by_agent["gw-2"]
        unit.head_seq = head
        unit.memory = unit.memory._replace(specs={spec.hash: spec})
        end_ms = FIRST_MS + days * MINUTES_A_DAY * MINUTE_MS
        before_mb = resident_mb(os.getpid())
        from_store = _rebuilt(engine, unit, FIRST_MS, end_ms)
        samples = devices * days * MINUTES_A_DAY
        found: dict[str, object] = {
            "samples": samples,
            "store_s": round(from_store.cpu_s, 2),
            "aim_s": AIM_S.get(devices),
            "us_per_sample": round(from_store.cpu_s / samples * 1e6, 1),
            "step_ms": round(from_store.longest_s * 1000),
            "extra_mb": round(from_store.peak_mb - before_mb),
        }
        return found if lean else found | _compared(engine, unit, head, from_store.cpu_s, end_ms, samples)


def _compared(
    engine: Engine, unit: Unit, head: int, from_store_s: float, end_ms: int, samples: int
) -> dict[str, object]:
    store = engine.store
    begin = time.process_time()
    rows = store.evidence_of(unit.no, head, 1)
    for row in rows:
        json.loads(row.body)
    read = time.process_time() - begin
    items, _ = items_of(rows, {}, unit.memory.specs)
    del rows
    begin = time.process_time()
    change = rebuild(newborn("gw-2"), items, engine.book)
    pure = time.process_time() - begin
    if change.state != resting(unit.state) or len(items) != samples:
        raise SystemExit("what was rebuilt from the store is not what its evidence says")
    day_ago = end_ms - MINUTES_A_DAY * MINUTE_MS
    old = rebuild(newborn("gw-2"), [one for one in items if one.t < day_ago], engine.book).state
    row = Checkpoint(unit.no, old.last_t, head - MINUTES_A_DAY, dump(resting(old)))
    store.commit(stored.Batch(now_ms=end_ms, checkpoints=[row]))
    return {
        "pure_s": round(pure, 2),
        "checkpoint_s": round(_rebuilt(engine, unit, day_ago, end_ms).cpu_s, 2),
        "read_s": round(read, 2),
        "ratio_store_to_read": round(from_store_s / read, 2),
        "segments": sum(len(one.segments) for one in change.retold),
        "conditions": len(change.conditions),
    }


class Cost(NamedTuple):
    """What a rebuild took."""

    cpu_s: float
    longest_s: float
    peak_mb: float


def _rebuilt(engine: Engine, unit: Unit, from_ms: int, now_ms: int) -> Cost:
    unit.dirty_from_ms, unit.dirty_since_ms = from_ms, now_ms
    begin, longest, peak = time.process_time(), 0.0, 0.0
    one, is_going_on = Retelling(engine, unit, now_ms), True
    while is_going_on:
        step = time.monotonic()
        is_going_on = one.go_on()
        longest = max(longest, time.monotonic() - step)
        peak = max(peak, resident_mb(os.getpid()))
    step = time.monotonic()
    if store_told(engine, [one], now_ms) != 1:
        raise SystemExit("the rebuild failed")
    longest = max(longest, time.monotonic() - step)
    return Cost(time.process_time() - begin, longest, peak)


def _written(store: Store, names: list[str], days: int) -> int:
    """Write the evidence; returns the seq of the newest row."""
    rows: list[EvidenceRow] = []
    for row in _rows(names, days):
        rows.append(row)
        if len(rows) == CHUNK:
            store.commit(stored.Batch(now_ms=rows[-1].received_ms, evidence=rows))
            rows = []
    return days * MINUTES_A_DAY


def _rows(names: list[str], days: int) -> Iterator[EvidenceRow]:
    count = len(names)
    for minute in range(days * MINUTES_A_DAY):
        t = FIRST_MS + minute * MINUTE_MS
        first = minute * count + 1
        records = ",".join(_record(first + i, t + i, name, minute) for i, name in enumerate(names))
        sent = f'{{"boot":"{BOOT}","mono":{t - FIRST_MS + 9_000_000},"wall":{t}}}'
        body = f'{{"v":1,"stream":"gw-2-1","birth":"9a41c2","sent":{sent},"records":[{records}]}}'
        previous = minute if minute else None
        yield EvidenceRow(
            minute + 1, 1, previous, "report", "gw-2-1", first, first + count - 1, t + 500, None, body.encode()
        )


def _record(n: int, t: int, device: str, minute: int) -> str:
    paper = "end" if (minute * 7 + n // 1009) % 4999 < 35 else "ok"
    some = (minute * 31 + n * 7) % 797
    readings: dict[str, Any] = {
        "printer.paper": paper,
        "printer.cover": "closed",
        "host.cpu_percent": some / 10,
        "host.load_1m": some / 400,
        "host.memory_percent": 20 + some / 20,
        "disk[/].used_percent": 30 + some / 30,
        "disk[/].free_mb": 500_000 - some,
        "temperature[cpu].celsius": 30 + some / 40,
        "clock.max_error_ms": some % 200,
        "net.errors": some % 3,
    }
    said = {"n": n, "kind": "sample", "boot": BOOT, "mono": t - FIRST_MS + 9_000_000, "t": t, "device": device}
    return json.dumps({**said, "valid_s": 90, "readings": readings}, separators=(",", ":"))
