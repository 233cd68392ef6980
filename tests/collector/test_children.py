"""The collector's children: started when somebody wants them, and again when they end."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from roundsman_collector import app
from roundsman_collector.app import Child
from roundsman_collector.config import DATABASE, load
from roundsman_collector.store import Store
from tests.brokers import runs, until


@pytest.fixture
def wanted() -> list[bool]:
    return []


@pytest.fixture
def child(tmp_path: Path, wanted: list[bool]) -> Iterator[Child]:
    Store.open(tmp_path / DATABASE).close()
    made = Child("notify", load(None, tmp_path), tmp_path, lambda: bool(wanted))
    yield made
    made.stop()


def pid(child: Child) -> int:
    assert child._child is not None
    return child._child.pid


def test_a_child_is_started_when_it_is_wanted_and_not_before(child: Child, wanted: list[bool]) -> None:
    child.poll()
    assert child._child is None

    wanted.append(True)
    child.poll()
    child.poll()

    first = pid(child)
    assert runs(first)
    child.stop()
    assert not runs(first)


def test_a_child_that_was_killed_is_started_again_after_a_pause(child: Child, wanted: list[bool]) -> None:
    wanted.append(True)
    child.poll()
    first = pid(child)
    os.kill(first, signal.SIGKILL)
    until(lambda: child._child is not None and child._child.poll() is not None, "it is gone")

    child.poll()
    assert pid(child) == first, "not at once: it may die at every start"
    with mock.patch.object(app.clock, "mono_s", lambda: child._restart_at):
        child.poll()

    assert pid(child) != first
