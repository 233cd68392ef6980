"""A start reads again what memory had not written yet, all of it and not much more, whoever else is silent."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roundsman_collector.engine import timely
from roundsman_collector.engine.unit import text_of
from roundsman_collector.store.register import DeviceEntry
from tests.collector.core.desk import at
from tests.collector.engine.desk import GROUP, Agent, Collector, gateway, kiosk


def memory(collector: Collector) -> dict[str, dict[str, Any]]:
    """What the engine remembers of each agent, but for what no evidence says: being online, streams without numbers."""
    found = {unit.agent: json.loads(text_of(unit.memory)) for unit in collector.engine.units.values()}
    for one in found.values():
        one["online"] = None
        one["streams"] = {stream: ranges for stream, ranges in one["streams"].items() if ranges}
    return found


def say(collector: Collector, agent: Agent, minutes: float) -> None:
    device = "nvr-2" if agent.name == "gw-2" else agent.name
    collector.take(minutes, agent.report(minutes, agent.sample(minutes, device, printer__paper="ok")))


def begins(collector: Collector, monkeypatch: pytest.MonkeyPatch, minutes: float) -> list[int]:
    """Restart after a kill; from where evidence was read again."""
    asked: list[int] = []
    store_type = type(collector.store)
    evidence_after = store_type.evidence_after

    def noted(store: object, seq: int) -> object:
        asked.append(seq)
        return evidence_after(store, seq)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(store_type, "evidence_after", noted)
        collector.restart(minutes)
    return asked


def test_after_a_sweep_nothing_is_read_again_though_an_agent_never_spoke(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collector, agent = Collector(tmp_path), kiosk()
    collector.take(0, agent.birth(0))
    for minute in range(1, 20):
        say(collector, agent, minute)
    timely.sweep(collector.engine, 1000, at(20))

    asked = begins(collector, monkeypatch, 21)

    assert asked == [collector.store.last_seq()]


def test_only_what_came_since_the_oldest_unswept_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    collector, agent, other = Collector(tmp_path), kiosk(), gateway()
    collector.take(0, agent.birth(0), other.birth(0))
    for minute in range(1, 10):
        say(collector, agent, minute)
        say(collector, other, minute)
    timely.sweep(collector.engine, 1000, at(10))
    swept_to = collector.store.last_seq()
    say(collector, agent, 11)
    say(collector, other, 12)
    timely.sweep(collector.engine, 1, at(12))
    before = memory(collector)

    asked = begins(collector, monkeypatch, 13)

    assert asked == [swept_to + 1], "kiosk-7 is swept, gw-2 is not: its report is the second"
    assert memory(collector) == before


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(["kiosk", "gateway", "sweep one", "sweep all", "kill"]), max_size=25))
def test_memory_after_a_kill_is_the_memory_before_it(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    collector = Collector(tmp_path_factory.mktemp("restarts"))
    agents = {"kiosk": kiosk(), "gateway": gateway()}
    collector.take(0, *(agent.birth(0) for agent in agents.values()))

    for minute, step in enumerate([*steps, "kill"], start=1):
        if step in agents:
            say(collector, agents[step], minute)
        elif step == "kill":
            before = memory(collector)
            collector.restart(minute)
            assert memory(collector) == before
        else:
            timely.sweep(collector.engine, 1 if step == "sweep one" else 1000, at(minute))

    collector.store.close()


def test_what_a_removed_agent_said_last_is_known_when_it_comes_back(tmp_path: Path) -> None:
    collector, agent = Collector(tmp_path), kiosk()
    collector.take(0, agent.birth(0))
    say(collector, agent, 1)
    before = memory(collector)["kiosk-7"]
    collector.store.remove_agent("kiosk-7", at(2))
    collector.engine.load_register()
    timely.sweep(collector.engine, 1000, at(3))
    collector.restart(4)

    entry = DeviceEntry(id="kiosk-7", kind="kiosk", name_zh="kiosk-7", name_en="kiosk-7")
    collector.store.add_agent("kiosk-7", GROUP, [entry], at(5))
    collector.engine.load_register()

    assert memory(collector)["kiosk-7"] == before
