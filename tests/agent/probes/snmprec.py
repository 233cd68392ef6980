"""What real devices said to SNMP, from recordings (.snmprec, .snmprec.bz2), and a session that says it again.

    recorded(path) -> {oid: Bound}           visited(answers, family="auto", ports=[]) -> Talk | ProbeError

A line is ``oid|tag|value``; a tag that ends in x has its value in hex; one with a colon varies, and counts as what it
starts from. The session answers GET, GETNEXT and GETBULK in the order of OIDs as a device does, and nothing else: there
is no way to write.
"""

from __future__ import annotations

import bz2
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from roundsman_agent import snmp_family
from roundsman_agent.probe import complete
from roundsman_agent.probes import snmp
from roundsman_agent.snmp_ber import Bound
from roundsman_agent.snmp_family import Talk
from roundsman_agent.snmp_session import Bindings
from roundsman_agent.snmp_visit import Known

__all__ = ["Recorded", "recorded", "visited"]

# The tag of a .snmprec line -> our word for the type.
TAGS = {
    "2": "integer",
    "4": "octets",
    "6": "oid",
    "64": "ip",
    "65": "counter",
    "66": "gauge",
    "67": "timeticks",
    "70": "counter",
}
WANTED_OF_INTERFACES = [f"1.3.6.1.2.1.2.2.1.{n}" for n in (2, 3, 5, 7, 8, 9, 11, 12, 14, 17, 18, 20)]
STARTS = re.compile(r"\b(?:initial|value|min)=(\d+)")


def recorded(path: Path) -> dict[str, Bound]:
    """Every object of a recording that some family may ask for; a chassis has a million others."""
    data = path.read_bytes()
    if path.suffix == ".bz2":
        data = bz2.decompress(data)
    answers: dict[str, Bound] = {}
    for line in _asked_for().findall(data):
        oid, tag, value = line.decode("latin-1").rstrip("\r").split("|", 2)
        kind, _, varies = tag.partition(":")
        if varies and "=" in value:
            start = STARTS.search(value)
            value = start[1] if start is not None else "0"
        bound = _bound(kind.removesuffix("x"), value, is_hex=kind.endswith("x") and not varies)
        if bound is not None:
            answers[oid] = bound
    return answers


@cache
def _asked_for() -> re.Pattern[bytes]:
    """The lines that families ask for, or would find following what they ask for."""
    roots = {"1.3.6.1.2.1.1"}
    for plan in snmp_family.families():
        roots |= {*plan.identify, *plan.evidence, *plan.objects(), *plan.columns()}
        if plan.ports is not None:
            roots |= {*plan.ports.fixed(), *plan.ports.columns(), *plan.ports.narrow()}
    roots -= {one for one in roots if any(one.startswith(f"{other}.") for other in roots)}
    # Of all interfaces only what is asked; the family is recognised by the first of its rows.
    roots = (roots - {"1.3.6.1.2.1.2.2"}) | set(WANTED_OF_INTERFACES)
    return re.compile(b"^(?:" + b"|".join(re.escape(one.encode()) for one in sorted(roots)) + rb")[.|].*$", re.M)


def _bound(tag: str, value: str, *, is_hex: bool) -> Bound | None:
    kind = TAGS.get(tag)
    octets = bytes.fromhex(value) if is_hex else value.encode("latin-1")
    if kind is None:
        return None
    if kind == "octets":
        return Bound(kind, octets)
    if kind == "ip":
        return Bound(kind, ".".join(map(str, octets)) if is_hex else value)
    return Bound(kind, value if kind == "oid" else int(value))


class Recorded:
    """A session with a device that says what was recorded of it."""

    bytes_moved = 0

    def __init__(self, answers: Mapping[str, Bound]) -> None:
        self._answers = answers
        self._order = sorted((_parts(oid), oid) for oid in answers)
        self._keys = [key for key, _ in self._order]
        self.asked = 0

    def get(self, oids: Sequence[str]) -> dict[str, Bound | None]:
        self.asked += 1
        return {oid: self._answers.get(oid) for oid in oids}

    def next(self, oids: Sequence[str]) -> Bindings:
        self.asked += 1
        return [self._following(oid) for oid in oids]

    def bulk(self, oids: Sequence[str], repetitions: int) -> Bindings:
        self.asked += 1
        answer: Bindings = []
        after = list(oids)
        for _ in range(repetitions):
            row = [self._following(oid) for oid in after]
            after = [oid for oid, _ in row]
            answer += row
        return answer

    def _following(self, oid: str) -> tuple[str, Bound | None]:
        place = bisect_right(self._keys, _parts(oid))
        if place == len(self._order):
            return oid, None
        name = self._order[place][1]
        return name, self._answers[name]


def visited(answers: Mapping[str, Bound], family: str = "auto", **more: object) -> Talk:
    """What a visit to that device brings; ProbeError when it is of no family."""
    settings = complete(snmp.probe, {"host": "recorded", "family": family, **more})
    session = Recorded(answers)
    plan = snmp._identified(session, family, "recorded")
    return snmp._talk(session, plan, Known(since=0.0), settings)


def _parts(oid: str) -> tuple[int, ...]:
    return tuple(map(int, oid.split(".")))
