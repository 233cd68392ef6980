"""Hostile devices, for every probe at once: whatever becomes of a recorded answer, parsing it stays within bounds.

Each file in recordings/ is read, struck in up to eight places (strokes.py says how) and parsed again. A probe that
is new, or a device that was recorded, is in here without another line.
"""

from __future__ import annotations

import contextlib
import json
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roundsman_agent import recording
from roundsman_agent.clock import Moment
from roundsman_agent.poll import sample
from roundsman_agent.probe import Answer, Probe, ProbeError
from roundsman_wire.catalogue import FAILURES, misfit, split
from roundsman_wire.codec import encode
from roundsman_wire.report import PLAIN_LIMIT
from tests.agent.probes.strokes import Stroke, blown_up, mutated

RECORDINGS = sorted((Path(__file__).parent / "recordings").glob("*.json"))
READINGS_LIMIT = 1000
"""What one sample holds (poll.py)."""
CPU_LIMIT_S = 2.0
MEMORY_LIMIT = 64 * 1024 * 1024
DETAIL_LIMIT = 5000
"""The wire cuts what is longer than 400; a detail that repeats all that a device said costs memory before that."""
HALF_AS_MANY = settings().max_examples // 2
"""There are many recordings, and more to come."""
NOON = Moment(wall=1_795_233_600_000, mono=1, boot="b00", ntp=True)

strokes = st.lists(
    st.tuples(st.integers(0, 100_000), st.integers(0, 30), st.integers(0, 2**32)), min_size=1, max_size=8
)
every_recording = pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)


def assert_within_bounds(probe: Probe, given_settings: dict[str, object], raw: object) -> None:
    """The answer is one that the agent can send, or the device's own failure."""
    begin = time.thread_time()
    try:
        answer = probe.parse(raw, given_settings)
    except ProbeError as error:
        answer = Answer(readings={}, failed={probe.name: (error.code, error.detail)})

    assert time.thread_time() - begin < CPU_LIMIT_S
    assert len(answer.readings) <= READINGS_LIMIT
    assert len(answer.failed) <= READINGS_LIMIT + 1
    assert [text for name, value in answer.readings.items() if (text := misfit(name, value))] == []
    assert [name for name, value in answer.readings.items() if value is None and name not in answer.failed] == []
    assert {code for code, _ in answer.failed.values()} <= set(FAILURES)
    assert max((len(detail) for _, detail in answer.failed.values()), default=0) <= DETAIL_LIMIT
    if probe.readings:  # SNMP's are declared by its families
        assert {split(name).pattern for name in answer.readings} <= set(probe.readings)
    assert len(encode(sample("kiosk-7", 60.0, NOON, {probe.name: answer}))) < PLAIN_LIMIT


@every_recording
@settings(max_examples=HALF_AS_MANY)
@given(some=strokes)
def test_whatever_a_device_says_is_parsed_within_bounds(path: Path, some: list[Stroke]) -> None:
    probe, given_settings, raw = recording.opened(json.loads(path.read_text(encoding="utf-8")))

    assert_within_bounds(probe, given_settings, mutated(raw, some))


@every_recording
def test_an_answer_of_monstrous_size_costs_neither_time_nor_memory(path: Path) -> None:
    probe, given_settings, raw = recording.opened(json.loads(path.read_text(encoding="utf-8")))
    monstrous = blown_up(raw, 100)

    assert_within_bounds(probe, given_settings, monstrous)
    tracemalloc.start()  # which itself takes much time
    try:
        with contextlib.suppress(ProbeError):
            probe.parse(monstrous, given_settings)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < MEMORY_LIMIT


def test_strokes_change_what_they_strike() -> None:
    raw = {4: 0x12, "said": (b"$GPGGA,1*5B\r\n", '{"a": [1, 2]}')}

    struck = [mutated(raw, [(where, how, 7)]) for where in range(5) for how in range(12)]

    assert sum(one != raw for one in struck) > 40
    assert raw == {4: 0x12, "said": (b"$GPGGA,1*5B\r\n", '{"a": [1, 2]}')}
