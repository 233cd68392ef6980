"""Core: how many reports a second one core judges, 20 readings and 40 rules each, numbers that move; pure, no I/O.

    make bench ONLY=core                                half a minute

    unchanged     the next report of a well device, every number another: nothing is told; aim 50,000/s
    transitions   every report begins a fault or ends one: conditions and ledger are told; aim 10,000/s
    tickets       the same, with what becomes of tickets
    rebuild       the same unchanged reports folded the long way, as a rebuild does

`unchanged` and `transitions` are run under a plain catalogue and under one with overrides for kinds, sites and devices.
1,000 devices take turns, so that states are not always the same. What it is compared with, in the same run: `json`, the
decoding of such a report by the standard library's C (less than that no collector in Python can do), and `by_hand`, the
40 comparisons written out for this very set of readings. CPU time of this process; the best of five laps.
"""

import argparse
import json
import random
import time
from collections.abc import Callable, Sequence
from typing import Any

from roundsman_collector.core.model import Item, Spec, UnitState, newborn
from roundsman_collector.core.policy import Above, Below, Is, Rule, shape_and_component
from roundsman_collector.core.rulebook import Function, Override, Rulebook, RuleSet, Traits
from roundsman_collector.core.ticket import reconcile
from roundsman_collector.core.turn import fold, turn
from tests.bench._machine import facts

DEVICES = 1_000
LAPS = 5
FIRST_MS = 1_795_000_000_000
PERIOD_MS = 60_000
NUMBERS = (
    *(f"disk[/d{i}].used_percent" for i in range(4)),
    "host.cpu_percent",
    "host.memory_percent",
    "host.swap_percent",
    "host.load_1m",
    "temperature[cpu].celsius",
    "temperature[box].celsius",
    "clock.max_error_ms",
    "net.errors",
    "ups.battery_percent",
    "ups.load_percent",
)
WORDS = ("printer.paper", "printer.cover", "printer.state", "disk[/d0].readonly", "clock.synchronised", "ups.state")
BAD = ("end", "open", "offline", "yes", "no", "on_battery")


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=20, help="reports of each device in a lap")


def run(arguments: argparse.Namespace) -> dict[str, object]:
    before = facts()
    plain, dressed = _book(overrides=False), _book(overrides=True)
    assert len(plain.newest.rules) == 40
    rounds: int = arguments.rounds
    found = {
        "unchanged": _unchanged(plain, rounds),
        "unchanged_with_overrides": _unchanged(dressed, rounds),
        "transitions": _transitions(plain, rounds),
        "transitions_with_overrides": _transitions(dressed, rounds),
        "tickets": _tickets(plain, rounds),
        "rebuild": _folded(plain, rounds),
        "json": _json(rounds),
        "by_hand": _by_hand(rounds),
    }
    return {
        "per_s": found,
        "us_each": {name: round(1e6 / rate, 2) for name, rate in found.items()},
        "aim": {"unchanged": 50_000, "transitions": 10_000},
        "ratio_unchanged_to_json": round(found["json"] / found["unchanged"], 2),
        "ratio_unchanged_to_by_hand": round(found["by_hand"] / found["unchanged"], 2),
        "ratio_transitions_to_json": round(found["json"] / found["transitions"], 2),
        "machine": before,
    }


# --- what is judged, and by what -------------------------------------------------------------------------------------


def _book(*, overrides: bool) -> Rulebook:
    """40 rules: 28 limits (above and below) and 12 words; those of a disk look at four. What comes is `paper`."""
    rules: list[Rule] = []
    for i, name in enumerate(NUMBERS):
        shape = shape_and_component(name)[0]
        code = f"{shape}.{i}"
        rules.append(_rule(f"high.{code}", Above(reading=shape, limit=95 + i / 10, clear=90)))
        rules.append(_rule(f"low.{code}", Below(reading=shape, limit=-1 - i / 10, clear=0)))
    for name, word in zip(WORDS, BAD, strict=True):
        shape = shape_and_component(name)[0]
        rules.append(_rule(f"word.{shape}", Is(reading=shape, words=(word,)), function="device"))
        rules.append(_rule(f"other.{shape}", Is(reading=shape, words=("broken",))))
    if not overrides:
        return Rulebook([RuleSet(rules=tuple(rules), functions=(), hash="bench")])
    places: tuple[Any, ...] = ("kind", "model", "site", "device")
    which = ("kiosk", "m3", "s7", "k000007")
    changes = tuple(
        Override(where=where, which=name, code="high.host.cpu_percent.4", fields={"limit": 96.0 + at})
        for at, (where, name) in enumerate(zip(places, which, strict=True))
    )
    functions = (Function(name="receipts", zh="小票", en="Receipts", kinds=("kiosk",)),)
    return Rulebook(
        [RuleSet(rules=tuple(rules), functions=functions, overrides=changes, hash="bench")],
        lambda device: ((0, Traits("kiosk", f"m{int(device[1:]) % 9}", f"s{int(device[1:]) // 20}")),),
    )


def _rule(code: str, when: Any, function: str = "") -> Rule:
    effect: Any = "down" if function else ""
    return Rule(
        code=code,
        zh=code,
        en=code,
        when=when,
        for_ms=0,
        clear_for_ms=0,
        severity=2,
        service_class="clerk",
        function=function,
        effect=effect,
    )


def _readings(chance: random.Random, paper: str) -> dict[str, Any]:
    said: dict[str, Any] = {name: round(chance.uniform(0, 90), 1) for name in NUMBERS}
    return said | dict(zip(WORDS, (paper, "closed", "online", "no", "yes", "online"), strict=True))


def _items(rounds: int, paper: Callable[[int], str]) -> list[tuple[int, Item]]:
    """Reports of all devices in turn: (device's place, item)."""
    chance = random.Random(20)
    pool = {word: [_readings(chance, word) for _ in range(997)] for word in ("ok", "end")}
    specs = [Spec(f"h{i}", ((f"k{i:06d}", True, 600_000),)) for i in range(DEVICES)]
    found = []
    for n in range(1, rounds + 1):
        for i, spec in enumerate(specs):
            t = FIRST_MS + n * PERIOD_MS + i
            record = {
                "n": n,
                "kind": "sample",
                "boot": "b41e7c02",
                "mono": 8_000_000 + n * PERIOD_MS,
                "t": t,
                "device": f"k{i:06d}",
                "valid_s": 90,
                "readings": pool[paper(n)][(i * 31 + n) % 997],
            }
            found.append((i, Item(t, f"k{i:06d}-3f9c", n, record, spec)))
    return found


def _best(lap: Callable[[], None], count: int) -> int:
    """Reports a second of the best of some laps."""
    best = float("inf")
    for _ in range(LAPS):
        begin = time.process_time()
        lap()
        best = min(best, time.process_time() - begin)
    return round(count / best)


def _begun(book: Rulebook, items: Sequence[tuple[int, Item]]) -> list[UnitState]:
    """The states after the first report of each device."""
    return [fold(newborn(f"k{i:06d}"), item, book).state for i, item in items[:DEVICES]]


# --- what is measured ------------------------------------------------------------------------------------------------


def _unchanged(book: Rulebook, rounds: int) -> int:
    items = _items(rounds + 1, lambda n: "ok")
    begun = _begun(book, items)

    def lap() -> None:
        states = list(begun)
        for i, item in items[DEVICES:]:
            change = turn(states[i], item, book)
            if change is None or change.retold or change.conditions:
                raise SystemExit(f"a report that should change nothing does: {change}")
            states[i] = change.state

    return _best(lap, rounds * DEVICES)


def _transitions(book: Rulebook, rounds: int) -> int:
    items = _items(rounds + 1, lambda n: "end" if n % 2 == 0 else "ok")
    begun = _begun(book, items)

    def lap() -> None:
        states = list(begun)
        for i, item in items[DEVICES:]:
            change = turn(states[i], item, book)
            if change is None or not change.conditions or not change.retold:
                raise SystemExit(f"a report that should begin or end a fault does not: {change}")
            states[i] = change.state

    return _best(lap, rounds * DEVICES)


def _tickets(book: Rulebook, rounds: int) -> int:
    items = _items(rounds + 1, lambda n: "end" if n % 2 == 0 else "ok")
    begun = _begun(book, items)

    def lap() -> None:
        states = list(begun)
        for i, item in items[DEVICES:]:
            change = turn(states[i], item, book)
            assert change is not None
            reconcile(change, (), book, False, False)
            states[i] = change.state

    return _best(lap, rounds * DEVICES)


def _folded(book: Rulebook, rounds: int) -> int:
    items = _items(rounds + 1, lambda n: "ok")
    begun = _begun(book, items)

    def lap() -> None:
        states = list(begun)
        for i, item in items[DEVICES:]:
            states[i] = fold(states[i], item, book).state

    return _best(lap, rounds * DEVICES)


def _json(rounds: int) -> int:
    texts = [json.dumps(item.record) for _, item in _items(rounds, lambda n: "ok")]

    def lap() -> None:
        for text in texts:
            json.loads(text)

    return _best(lap, len(texts))


def _by_hand(rounds: int) -> int:
    lines = [
        f"    if not -1 - {i} / 10 <= r[{name!r}] <= 95 + {i} / 10: return False" for i, name in enumerate(NUMBERS)
    ]
    lines += [
        f"    if r[{name!r}] in ({word!r}, 'broken'): return False" for name, word in zip(WORDS, BAD, strict=True)
    ]
    scope: dict[str, Any] = {}
    exec("\n".join(("def well(r):", *lines, "    return True")), scope)
    well, records = scope["well"], [item.record["readings"] for _, item in _items(rounds, lambda n: "ok")]

    def lap() -> None:
        for readings in records:
            if not well(readings):
                raise SystemExit("what is well by the rules is not by hand")

    return _best(lap, len(records))
