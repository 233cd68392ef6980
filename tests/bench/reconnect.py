"""Reconnect: how a fleet comes back when its broker restarts, 10,000 agents on paper and 500 real uplinks.

    make bench ONLY=reconnect                                  five minutes
    make bench ONLY="reconnect --agents 100 --spread 20"       a quick try
    make bench ONLY="reconnect --agents 0"                     on paper only, seconds

On paper: every agent has a `Reconnect` of its own, the very one the uplink asks, with what an agent has whose file says
nothing of it. The broker is a rule: down for a time, or taking no more than so many a second and refusing the others.
Beside it, in the same run, clients that wait a second after a loss and double it up to two minutes without any jitter.

    peak_per_s       most connections (attempts that met a broker) in a second
    back_s           when half, 99 % and all of them were back, counted from the loss
    peak_to_mean     that, to the mean of all seconds in which anybody came
    late_peak_per_s  the most in a second later than 130 s after the last loss: a second wave would show here
    histogram        connections by 10 s

Real: uplinks with spool, socket and paho of their own, 100 to a process (an agent's process of its own takes 16 MB; it
is the same code), reporting every 10 s; mosquitto is killed with -9 and started again. No collector: nothing is
settled, so each also sends its backlog when it is back.
"""

import argparse
import contextlib
import heapq
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

from roundsman_agent.check import check
from roundsman_agent.config import UplinkSettings
from roundsman_agent.reconnect import STABLE_MS, Reconnect
from tests.bench._machine import facts
from tests.brokers import DAEMON_PATH, Mosquitto, mosquitto_broker

ROOT = Path(__file__).resolve().parents[2]
ON_PAPER = 10_000
PER_PROCESS = 100
FIRST_WAVE_S = 130
BIN_S = 10
PATIENCE_S = 120.0


class Schedule(Protocol):
    """What says when to dial again."""

    def broke(self, lasted_ms: int) -> int: ...
    def failed(self) -> int: ...


class InStep:
    """The usual back-off: a second, doubled up to two minutes; everybody the same."""

    def __init__(self) -> None:
        self._wait_ms = 1_000

    def broke(self, lasted_ms: int) -> int:
        self._wait_ms = 1_000
        return self.failed()

    def failed(self) -> int:
        wait_ms, self._wait_ms = self._wait_ms, min(self._wait_ms * 2, 120_000)
        return wait_ms


class Story(NamedTuple):
    """What the broker does: down within these stretches (ms), else taking so many connections a second."""

    down: tuple[tuple[int, int], ...]
    per_s: int = 1_000_000_000
    is_start: bool = False
    """Nobody was connected: all agents start in the first second (the power is back)."""


STORIES = {
    "down for 5 s": Story(((0, 5_000),)),
    "down for a minute": Story(((0, 60_000),)),
    "down for ten minutes": Story(((0, 600_000),)),
    "falls over again after three minutes": Story(((0, 5_000), (180_000, 185_000))),
    "takes only 50 a second": Story(((0, 5_000),), per_s=50),
    "all start in one second, broker a minute later": Story(((0, 60_000),), is_start=True),
}


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--agents", type=int, default=500, help="real uplinks; 0: on paper only")
    parser.add_argument("--spread", type=float, default=120.0, help="reconnect_spread_s of the real ones")
    parser.add_argument("--down", type=float, default=5.0, help="how long the real broker is away, seconds")


def run(arguments: argparse.Namespace) -> dict[str, object]:
    before = facts()
    defaults = _defaults()
    paper = {}
    for name, story in STORIES.items():
        ours = _told(story, [Reconnect(defaults, random.Random(seed)) for seed in range(ON_PAPER)])
        in_step = _told(story, [InStep() for _ in range(ON_PAPER)])
        paper[name] = {**ours, "in_step_peak_per_s": in_step["peak_per_s"], "in_step_back_s": in_step["back_s"]}
        say(f"{name}: {paper[name]}")
    found: dict[str, object] = {"on_paper": {"agents": ON_PAPER, **paper}}
    if arguments.agents:
        found["real"] = _real(arguments)
    return {**found, "machine": before}


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {text}", file=sys.stderr, flush=True)


def _defaults() -> UplinkSettings:
    """What an agent has whose file says nothing of its uplink."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "agent.toml"
        path.write_text(
            '[agent]\nid = "kiosk-7"\ngroup = "south"\ndata = "."\n[broker]\nhost = "127.0.0.1"\n'
            '[[device]]\nid = "kiosk-7"\nkind = "kiosk"\n[[device.probe]]\nname = "host"\n'
        )
        return UplinkSettings(**check(str(path))["uplink"])


# --- on paper ---------------------------------------------------------------------------------------------------------


def _told(story: Story, fleet: list[Schedule]) -> dict[str, object]:
    """Play a story; times are ms since the loss."""
    rng = random.Random(0)
    losses = [begin for begin, _ in story.down]
    if story.is_start:
        due = [(rng.randrange(1000), i) for i in range(len(fleet))]
    else:
        due = [(one.broke(STABLE_MS), i) for i, one in enumerate(fleet)]
    heapq.heapify(due)
    last_loss = losses[-1]
    came: list[int] = []
    taken: Counter[int] = Counter()
    while due:
        at, i = heapq.heappop(due)
        if any(begin <= at < end for begin, end in story.down):
            heapq.heappush(due, (at + fleet[i].failed(), i))
            continue
        came.append(at)
        taken[at // 1000] += 1
        if taken[at // 1000] > story.per_s:
            heapq.heappush(due, (at + fleet[i].failed(), i))
        elif at < last_loss:  # it stands until the broker falls over again
            heapq.heappush(due, (last_loss + fleet[i].broke(last_loss - at), i))
    return _shape(came, len(fleet), since=last_loss)


def _shape(came: list[int], agents: int, *, since: int) -> dict[str, object]:
    """Connections (ms since the first loss) as figures; who is back when counts from `since`, the last loss."""
    by_s = Counter(at // 1000 for at in came)
    late = [count for second, count in by_s.items() if second > since // 1000 + FIRST_WAVE_S]
    mean = len(came) / max(len(by_s), 1)
    back = sorted(at - since for at in came if at >= since)[-agents:]
    bins = Counter(at // 1000 // BIN_S for at in came)
    return {
        "peak_per_s": max(by_s.values(), default=0),
        "back_s": [round(back[min(int(len(back) * share), len(back) - 1)] / 1000, 1) for share in (0.5, 0.99, 1.0)],
        "peak_to_mean": round(max(by_s.values(), default=0) / mean, 1),
        "late_peak_per_s": max(late, default=0),
        "histogram": [bins[i] for i in range(max(bins, default=0) + 1)][:90],
    }


# --- real -------------------------------------------------------------------------------------------------------------


def _real(arguments: argparse.Namespace) -> dict[str, object]:
    if shutil.which("mosquitto", path=DAEMON_PATH) is None:
        raise SystemExit("mosquitto is not installed: apt install mosquitto")
    folder = Path(tempfile.mkdtemp(prefix="roundsman-bench-"))
    try:
        with mosquitto_broker(folder) as broker, contextlib.ExitStack() as parts:
            logs = [
                parts.enter_context(
                    _process(folder, broker, first, min(PER_PROCESS, arguments.agents - first), arguments)
                )
                for first in range(0, arguments.agents, PER_PROCESS)
            ]
            begin = time.monotonic()
            _until(lambda: _online(logs) == arguments.agents, "all are connected", logs)
            say(f"all are connected after {time.monotonic() - begin:.0f} s")
            time.sleep(15)  # some reports each
            lost = time.monotonic()
            broker.kill9()
            time.sleep(arguments.down)
            broker.restart()
            say("the broker is back")
            limit = arguments.spread + arguments.down * 4 + PATIENCE_S
            _until(lambda: _online(logs) == arguments.agents and _lost(logs) == arguments.agents, "back", logs, limit)
            time.sleep(FIRST_WAVE_S / 4)  # a second wave would show itself
        events = [event for log in logs for event in _events(log)]
        came = [
            int((event["at"] - lost) * 1000) for event in events if event["what"] == "online" and event["at"] > lost
        ]
        return {
            "agents": arguments.agents,
            "spread_s": arguments.spread,
            "down_s": arguments.down,
            **_shape(came, arguments.agents, since=0),
            "connections": len(came),
            "attempts": sum(event["what"] == "dial" and event["at"] > lost for event in events),
        }
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def _process(
    folder: Path, broker: Mosquitto, first: int, count: int, arguments: argparse.Namespace
) -> "Iterator[Path]":
    log, errors = folder / f"uplinks-{first}.jsonl", folder / f"uplinks-{first}.log"
    told = {
        "folder": str(folder / f"spools-{first}"),
        "port": broker.port,
        "user": broker.collector[0],
        "password": broker.collector[1],
        "first": first,
        "count": count,
        "spread_s": arguments.spread,
    }
    with log.open("wb") as events, errors.open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench._uplinks", json.dumps(told)], cwd=ROOT, stdout=events, stderr=said
        )
    try:
        yield log
        if process.poll() is not None:
            raise SystemExit(f"a process of uplinks ended by itself:\n{errors.read_text()[-3000:]}")
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _events(log: Path) -> "list[dict[str, float | str]]":
    whole = log.read_text().rpartition("\n")[0]
    return [json.loads(line) for line in whole.splitlines()]


def _online(logs: list[Path]) -> int:
    """How many are connected now."""
    state = {(str(log), event["i"]): event["what"] for log in logs for event in _events(log) if event["what"] != "dial"}
    return sum(what == "online" for what in state.values())


def _lost(logs: list[Path]) -> int:
    """How many were ever cut off."""
    return len({(str(log), event["i"]) for log in logs for event in _events(log) if event["what"] == "offline"})


def _until(happened: Callable[[], bool], what: str, logs: list[Path], seconds: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            raise SystemExit(f"within {seconds:g} s not: {what} ({_online(logs)} are)")
        time.sleep(1)
