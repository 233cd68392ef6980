"""The body of an evidence row of kind `runs`: samples on which no rule sees a difference, told as one and its times.

    packed(birth, records, runs) -> bytes          unpacked(body) -> (birth, records, runs)

    run      first sample {n 7, t 10:00:00.012, readings …}   then only   n 8 9 10 …   t +60.003 s +59.998 s …   mono …
    records  whatever is no such sample, word for word: faults, gaps, clocks, boots, results

Numbers that rise evenly are kept as a column: the commonest step, then by how much each step differs, without the zeros
at the end. What a device says of its uptime tells when it started, so it is kept for every sample (`exact`), but for
the machine that the agent runs on: a new boot tells of that, so its uptime is counted on from the first sample. Which
samples may share a run is decided by engine/condensing.py.

A body is JSON, or, where that is shorter, a byte 0x01 and the same pressed by zlib.
"""

import json
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from pydantic_core import from_json

PRESSED = b"\x01"
LEVEL = 6
UPTIME = ".uptime_s"
"""How readings end that tell for how long a device has been up, in seconds."""


class Run(NamedTuple):
    """A first sample, and numbers, times and uptimes of all of them, the first included.

    `uptimes` holds for each of such readings what each sample said, or None where it is counted on.
    """

    first: dict[str, Any]
    n: list[int]
    t: list[int]
    mono: list[int]
    uptimes: dict[str, list[float] | None]

    def add(self, sample: dict[str, Any]) -> None:
        """Let the run go on with another sample."""
        self.n.append(sample["n"])
        self.t.append(sample["t"])
        self.mono.append(sample["mono"])
        for name, said in self.uptimes.items():
            if said is not None:
                said.append(sample["readings"][name])

    def samples(self) -> Iterator[dict[str, Any]]:
        """All its samples: what was kept of each, and of the first what was not."""
        yield self.first
        readings = self.first["readings"]
        for place in range(1, len(self.n)):
            told = readings
            if self.uptimes:
                told = {**readings, **{name: self._uptime(name, place) for name in self.uptimes}}
            yield {
                **self.first,
                "n": self.n[place],
                "t": self.t[place],
                "mono": self.mono[place],
                "readings": told,
            }

    def _uptime(self, name: str, place: int) -> float:
        said = self.uptimes[name]
        if said is not None:
            return said[place]
        at_first: float = self.first["readings"][name]
        later = at_first + (self.mono[place] - self.mono[0]) / 1000
        return round(later) if type(at_first) is int else later


class Runs(NamedTuple):
    """What such a body holds; all reports in it named the same birth."""

    birth: str
    records: list[dict[str, Any]]
    runs: list[Run]


def begun(sample: dict[str, Any], exact: bool) -> Run:
    """A run of one sample; `exact`: what each sample says of its uptime is kept."""
    readings = sample["readings"]
    uptimes: dict[str, list[float] | None] = {
        name: [readings[name]] if exact else None for name in readings if is_uptime(name, readings[name])
    }
    return Run(sample, [sample["n"]], [sample["t"]], [sample["mono"]], uptimes)


def is_uptime(name: str, value: object) -> bool:
    """Whether a reading tells for how long a device has been up."""
    return name.endswith(UPTIME) and type(value) in (int, float)


def packed(birth: str, records: Sequence[dict[str, Any]], runs: Sequence[Run]) -> bytes:
    """The body."""
    said = {"birth": birth, "records": records, "runs": [_said(run) for run in runs]}
    plain = json.dumps(said, separators=(",", ":"), ensure_ascii=False).encode()
    pressed = PRESSED + zlib.compress(plain, LEVEL)
    return pressed if len(pressed) < len(plain) else plain


def unpacked(body: bytes) -> Runs:
    """What a body holds."""
    said = from_json(zlib.decompress(body[1:]) if body[:1] == PRESSED else body)
    return Runs(said["birth"], said["records"], [_run(one) for one in said["runs"]])


def _said(run: Run) -> dict[str, Any]:
    said: dict[str, Any] = {"first": run.first, "count": len(run.n)}
    if len(run.n) > 1:
        said["n"] = _column(run.n)
        said["t"] = _column(run.t)
        said["drift"] = _column([mono - t for mono, t in zip(run.mono, run.t, strict=True)])
    if run.uptimes:
        said["uptimes"] = {name: None if told is None else _uptimes(told) for name, told in run.uptimes.items()}
    return said


def _run(said: dict[str, Any]) -> Run:
    first, count = said["first"], said["count"]
    uptimes = {
        name: None if told is None else _uptimes_of(told, first["readings"][name], count)
        for name, told in said.get("uptimes", {}).items()
    }
    if count == 1:
        return Run(first, [first["n"]], [first["t"]], [first["mono"]], uptimes)
    t = _values(said["t"], first["t"], count)
    drift = _values(said["drift"], first["mono"] - first["t"], count)
    mono = [at + by for at, by in zip(t, drift, strict=True)]
    return Run(first, _values(said["n"], first["n"], count), t, mono, uptimes)


def _column(values: Sequence[int]) -> list[int]:
    """The commonest step from one to the next, then what each step is beyond it."""
    steps = [after - before for before, after in pairwise(values)]
    if not steps:
        return [0]
    usual = Counter(steps).most_common(1)[0][0]
    beyond = [step - usual for step in steps]
    while beyond and not beyond[-1]:
        beyond.pop()
    return [usual, *beyond]


def _values(column: Sequence[int], first: int, count: int) -> list[int]:
    usual, *beyond = column
    values = [first]
    for step in beyond:
        values.append(values[-1] + usual + step)
    while len(values) < count:
        values.append(values[-1] + usual)
    return values


def _uptimes(values: Sequence[float]) -> dict[str, Any]:
    """Whole numbers as a column; what has at most three decimals as one of thousandths; anything else as it is."""
    if all(type(value) is int for value in values):
        return {"of": 1, "column": _column([int(value) for value in values])}
    if all(type(value) is float and abs(value) < 1e12 for value in values):
        thousandths = [round(value * 1000) for value in values]
        if all(whole / 1000 == value for whole, value in zip(thousandths, values, strict=True)):
            return {"of": 1000, "column": _column(thousandths)}
    return {"of": 0, "column": list(values)}


def _uptimes_of(said: dict[str, Any], first: float, count: int) -> list[float]:
    column = said["column"]
    match said["of"]:
        case 0:
            return list(column)
        case 1:
            return list(_values(column, int(first), count))
        case _:
            return [whole / 1000 for whole in _values(column, round(first * 1000), count)]
