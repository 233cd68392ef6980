"""Devices that a test makes and that are gone after it, and the claim that every answer keeps to the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from roundsman_agent.probe import Answer
from roundsman_wire.catalogue import misfit
from tests.agent.probes.devices import Datagrams, Line, Lines, Ports, Reply, Udp


@pytest.fixture
def line() -> Iterator[Lines]:
    """Make serial devices."""
    made: list[Line] = []

    def make(reply: Reply) -> Line:
        made.append(Line(reply))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def udp() -> Iterator[Ports]:
    """Make UDP devices."""
    made: list[Udp] = []

    def make(reply: Datagrams) -> Udp:
        made.append(Udp(reply))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def belongs_to_the_catalogue() -> Callable[[Answer], None]:
    """Every value fits its reading, and every None has its reason."""

    def check(answer: Answer) -> None:
        complaints = [text for name, value in answer.readings.items() if (text := misfit(name, value))]
        assert complaints == []
        unexplained = [name for name, value in answer.readings.items() if value is None and name not in answer.failed]
        assert unexplained == []

    return check
