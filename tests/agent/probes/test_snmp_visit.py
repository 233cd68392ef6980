"""How much a device is asked at once: as much as it bears, learned by asking, forgotten after an hour."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from roundsman_agent.probe import ProbeError
from roundsman_agent.snmp_session import TOO_BIG, Bindings, Bound, PduError
from roundsman_agent.snmp_visit import AGE_S, AT_ONCE, CAREFUL, Known, Memory, Visit

SCALARS = [f"1.3.6.1.2.1.33.1.2.{n}.0" for n in range(1, 131)]
COLUMNS = [f"1.3.6.1.2.1.33.1.4.4.1.{n}" for n in (2, 4, 5)]
GEN_ERR = 5

Quirk = Callable[[int], None]
"""Raises what the device does to a request for so many objects."""


class Device:
    """A device with 130 scalars and a table of three columns; `quirk` judges each request."""

    def __init__(self, quirk: Quirk = lambda count: None, *, rows: int = 3, most: int = 1000) -> None:
        self.quirk, self.most = quirk, most
        objects = {oid: number for number, oid in enumerate(SCALARS)}
        objects |= {f"{column}.{row}": row for column in COLUMNS for row in range(1, rows + 1)}
        self.objects = dict(sorted(objects.items(), key=lambda item: [int(part) for part in item[0].split(".")]))
        self.broken: set[str] = set()
        self.asked: list[int] = []
        self.bytes_moved = 0

    def get(self, oids: Sequence[str]) -> dict[str, Bound | None]:
        self._judge(len(oids))
        if self.broken.intersection(oids):
            raise PduError(GEN_ERR)
        return {oid: self._value(oid) for oid in oids[: self.most]}

    def next(self, oids: Sequence[str]) -> Bindings:
        raise AssertionError("a visit asks for what it knows")

    def bulk(self, oids: Sequence[str], repetitions: int) -> Bindings:
        self._judge(len(oids) * repetitions)
        answer: Bindings = []
        after = list(oids)
        for _ in range(repetitions):
            after = [self._following(oid) for oid in after]
            answer += [(oid, self._value(oid)) for oid in after]
        return answer[: self.most]

    def _judge(self, count: int) -> None:
        self.asked.append(count)
        self.quirk(count)

    def _value(self, oid: str) -> Bound | None:
        return Bound("integer", self.objects[oid]) if oid in self.objects else None

    def _following(self, oid: str) -> str:
        parts = [int(part) for part in oid.split(".")]
        return next((one for one in self.objects if [int(part) for part in one.split(".")] > parts), oid)


def visited(device: Device, known: Known, *, repetitions: int = 20) -> Visit:
    visit = Visit(device, known, repetitions=repetitions)
    visit.get(SCALARS)
    visit.walk(COLUMNS)
    return visit


def too_big(most: int) -> Quirk:
    def quirk(count: int) -> None:
        if count > most:
            raise PduError(TOO_BIG)

    return quirk


def silent(most: int) -> Quirk:
    def quirk(count: int) -> None:
        if count > most:
            raise ProbeError("timeout", "no answer")

    return quirk


def test_sixty_objects_are_asked_at_once_and_columns_side_by_side() -> None:
    device, known = Device(), Known(since=0)

    visit = visited(device, known)

    assert len(visit.answers) == 130 + 9
    assert device.asked == [60, 60, 10, 60]


def test_the_second_visit_asks_for_the_rows_that_were_there_and_one_more() -> None:
    device, known = Device(), Known(since=0)
    visited(device, known)
    device.asked.clear()

    visit = visited(device, known)

    assert len(visit.answers) == 130 + 9
    assert device.asked == [60, 60, 10, 3 * 4]


def test_rows_that_were_added_are_seen_in_the_next_visit() -> None:
    known = Known(since=0)
    visited(Device(rows=3), known)

    visit = visited(Device(rows=45), known)

    assert len(visit.answers) == 130 + 3 * 45


def test_rows_that_have_gone_are_gone() -> None:
    known = Known(since=0)
    visited(Device(rows=45), known)

    assert len(visited(Device(rows=2), known).answers) == 130 + 3 * 2


@pytest.mark.parametrize("most", [1, 7, 25])
def test_a_device_to_which_it_is_too_big_is_asked_less_and_that_is_remembered(most: int) -> None:
    device, known = Device(too_big(most)), Known(since=0)

    first = visited(device, known)
    device.asked.clear()
    second = visited(device, known)

    assert first.answers == second.answers
    assert len(first.answers) == 130 + 9
    assert first.stumbled == second.stumbled == {}
    assert max(device.asked) <= max(most, 3)


def test_a_device_that_is_silent_to_large_requests_is_asked_ten_at_once() -> None:
    device, known = Device(silent(CAREFUL)), Known(since=0)
    with pytest.raises(ProbeError):  # it has not said a word yet: it may be off
        visited(device, known)

    visit = visited(device, known)

    assert len(visit.answers) == 130 + 9
    assert known.size == CAREFUL


def test_a_device_that_fell_silent_in_the_middle_is_asked_less_at_once() -> None:
    device, known = Device(), Known(since=0)
    visit = Visit(device, known, repetitions=20)
    visit.get(SCALARS[:60])
    device.quirk = silent(CAREFUL)

    visit.walk(COLUMNS)

    assert len(visit.answers) == 60 + 9


def test_a_device_that_is_silent_to_small_requests_ends_the_visit() -> None:
    device, known = Device(silent(0)), Known(since=0, size=CAREFUL)

    with pytest.raises(ProbeError):
        visited(device, known)

    assert len(device.asked) == 1


def test_an_answer_that_was_cut_short_is_asked_for_its_rest() -> None:
    visit = visited(Device(most=16), Known(since=0))

    assert len(visit.answers) == 130 + 9


def test_an_object_over_which_the_device_stumbles_is_found_once_and_then_asked_alone() -> None:
    device, known = Device(), Known(since=0)
    device.broken = {SCALARS[17]}
    first = visited(device, known)
    device.asked.clear()

    second = visited(device, known)

    assert first.stumbled == second.stumbled == {SCALARS[17]: "genErr"}
    assert len(first.answers) == len(second.answers) == 129 + 9
    assert device.asked == [60, 60, 9, 1, 12]
    device.broken.clear()
    assert len(visited(device, known).answers) == 130 + 9
    assert known.stumbling == set()


def test_what_is_known_is_forgotten_after_an_hour() -> None:
    memory = Memory()
    known = memory.of("nvr-2", 0.0)
    known.size = 1

    assert memory.of("nvr-2", AGE_S - 1) is known
    assert memory.of("nvr-2", AGE_S).size == AT_ONCE
    assert memory.of("ups-2", 0.0) is not known
