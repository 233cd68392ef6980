"""The collector as in production, with a stopwatch at the borders of its rooms: a child process of the ingest bench.

    python -m tests.bench._collector CONFIG TALLY BLOCKS

The stopwatch (CPU time of the thread) is read a dozen times per batch, not per report. BLOCKS is rewritten once a
second: seconds of CPU per block since the start. Garbage collection is shown by itself and also counts where it struck.
"""

import gc
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from roundsman_collector import app, config
from tests.bench._tally import Tally


class Stopwatch:
    """CPU seconds by block; a block inside another is not counted twice."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._blocks: list[str] = []
        self._inner: list[float] = []

    def around(self, owner: Any, name: str, block: str, within: str | None = None) -> None:
        """Measure every call of a method of one object; `within`: only where that block calls it."""
        method: Callable[..., Any] = getattr(owner, name)

        def measured(*args: Any, **kwargs: Any) -> Any:
            if within is not None and self._blocks[-1:] != [within]:
                return method(*args, **kwargs)
            begin = time.thread_time()
            self._blocks.append(block)
            self._inner.append(0.0)
            try:
                return method(*args, **kwargs)
            finally:
                spent = time.thread_time() - begin
                self.seconds[block] = self.seconds.get(block, 0.0) + spent - self._inner.pop()
                self._blocks.pop()
                if self._inner:
                    self._inner[-1] += spent

        setattr(owner, name, measured)

    def collections(self) -> None:
        """Measure garbage collection."""
        begin = 0.0

        def note(phase: str, _: dict[str, int]) -> None:
            nonlocal begin
            if phase == "start":
                begin = time.thread_time()
            else:
                self.seconds["gc"] = self.seconds.get("gc", 0.0) + time.thread_time() - begin

        gc.callbacks.append(note)


def main(config_path: Path, tally_path: Path, blocks_path: Path) -> None:
    """Run the collector until it is told to stop."""
    settings = config.load(config_path)
    rules = config.rule_set(settings)
    tally, past, watch = Tally(tally_path), Tally(tally_path.with_name("history.tally")), Stopwatch()
    next_note = 0.0

    def each(collector: app.Collector) -> None:
        nonlocal next_note
        if not watch.seconds:
            _place(watch, collector)
        tally.write(collector.live.counters.settled)
        past.write(collector.history.counters.settled)
        if time.monotonic() >= next_note:
            next_note = time.monotonic() + 1
            notes = blocks_path.with_suffix(".new")
            notes.write_text(json.dumps({**watch.seconds, "batches": collector.ingest.batches}))
            notes.replace(blocks_path)

    app.run(settings, rules, each=each)


def _place(watch: Stopwatch, collector: app.Collector) -> None:
    ingest = collector.ingest
    watch.around(ingest.engine.store, "commit", "store", within="core")
    for owner, name, block in (
        (ingest.live, "take", "receive"),
        (ingest.history, "take", "receive"),
        (ingest._door, "sort", "decode"),
        (ingest.engine, "take", "core"),
        (ingest.live, "settle", "receive"),
        (ingest, "_acknowledge", "ack"),
        (collector.clockwork, "step", "time"),
        (collector, "_look_after", "look_after"),
    ):
        watch.around(owner, name, block)
    watch.collections()


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:4]))
