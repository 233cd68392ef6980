"""The agent program with a probe that answers at once, and a journal of all that was taken, kept outside the agent.

    python -m tests.story.brisk_agent run config.json       as `python -m roundsman_agent run config.json`

    ROUNDSMAN_STORY_JOURNAL   a file that gets a line `stream n t` for every record the spool has taken
    ROUNDSMAN_STORY_HUSH      while this file exists nothing is polled; the uplink goes on

Poll, spool, uplink, fault points and command line are the agent's own. The journal is what a test holds the store to: a
number in it was taken, so nothing may excuse its absence.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from itertools import count
from typing import Any

from roundsman_agent import poll, probes
from roundsman_agent.probe import Answer, ProbeError
from roundsman_agent.spool import Spool

JOURNAL = "ROUNDSMAN_STORY_JOURNAL"
HUSH = "ROUNDSMAN_STORY_HUSH"
NAP_MS = 50
# Every so many answers the paper is out for a while, or the device does not answer: something for the ledger to tell.
PAPER_EVERY, PAPER_OUT = 60, 20
SILENT_EVERY, SILENT = 97, 9

_answers = count()


def fetch(_settings: Mapping[str, object]) -> int:
    """The number of this answer since the agent started."""
    number = next(_answers)
    if number % SILENT_EVERY >= SILENT_EVERY - SILENT:
        raise ProbeError("timeout", "the story says so")
    return number


def parse(answer: Any, _settings: Mapping[str, object]) -> Answer:
    """Paper that runs out now and then, beside numbers that hardly repeat."""
    number: int = answer
    paper = "end" if number % PAPER_EVERY >= PAPER_EVERY - PAPER_OUT else "ok"
    return Answer(readings={"printer.paper": paper, "host.cpu_percent": number % 1000 / 10})


def main() -> int:
    """Replace what the story replaces, then be the agent."""
    real = probes.load("host")
    brisk = replace(real, fetch=fetch, parse=parse)
    probes.load = lambda _name: brisk  # type: ignore[assignment]
    probes.BLOCKING = frozenset()  # and no process of its own
    _write_down_what_is_taken(os.environ[JOURNAL])
    _be_silent_while(os.environ[HUSH])

    from roundsman_agent import cli

    return cli.main()


def _write_down_what_is_taken(path: str) -> None:
    journal = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    take = Spool.take

    def taken(self: Spool, record: Mapping[str, Any]) -> int:
        n = take(self, record)
        if n:
            os.write(journal, f"{self.stream} {n} {record['t']}\n".encode())
        return n

    Spool.take = taken  # type: ignore[method-assign]


def _be_silent_while(path: str) -> None:
    due, wake_at = poll.due, poll.wake_at
    poll.due = lambda plan, done, mono: [] if os.path.exists(path) else due(plan, done, mono)
    poll.wake_at = lambda plan, done, mono: (
        max(wake_at(plan, done, mono), mono + NAP_MS) if os.path.exists(path) else wake_at(plan, done, mono)
    )


if __name__ == "__main__":
    sys.exit(main())
