"""Fleet mode (law 8): what is kept of reports is less, and says the same."""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roundsman_collector import fault
from roundsman_collector.api import telling
from roundsman_collector.core.model import Item, Ref, Spec
from roundsman_collector.core.policy import Above, Rule
from roundsman_collector.core.rebuild import resting
from roundsman_collector.core.rulebook import Rulebook, RuleSet, book_of
from roundsman_collector.core.state import dump
from roundsman_collector.engine import condensing
from roundsman_collector.engine.condensing import Condensing, Eyes, folded
from roundsman_collector.engine.pruning import Pruning
from roundsman_collector.store import EvidenceRow
from roundsman_collector.store.evidence import day_of
from roundsman_collector.store.runs import begun, packed, unpacked
from roundsman_collector.store.samples import records_in, samples_in, told_in
from tests.collector.core import test_law_one as law_one
from tests.collector.core.desk import GATEWAY, KIOSK, POLICY, START, Recorder, at, from_nothing, rule
from tests.collector.engine.desk import Agent, Collector, gateway, kiosk

SPECS = {spec.hash: spec for spec in (GATEWAY, KIOSK)}
HUGE = 2**60
DAY_MINUTES = 24 * 60


def locals_of(birth: str) -> frozenset[str]:
    return frozenset(name for name, is_local, _ in SPECS[birth].devices if is_local)


def row_of(seq: int, stream: str, birth: str, records: Sequence[Mapping[str, Any]]) -> EvidenceRow:
    body = json.dumps({"birth": birth, "records": records}).encode()
    numbers = [one["n"] for one in records]
    return EvidenceRow(seq, 1, seq - 1 or None, "report", stream, min(numbers), max(numbers), at(seq), None, body)


def condensed(rows: Sequence[EvidenceRow], cuts: Sequence[int], book: Rulebook) -> list[EvidenceRow]:
    """What is left of the rows when they are condensed at these places, as the engine does it."""
    kept: list[EvidenceRow] = []
    for begin, end in zip([0, *cuts], [*cuts, len(rows)], strict=True):
        old = kept[-1:] if kept and kept[-1].kind == "runs" else []
        kept = kept[: len(kept) - len(old)]
        for _, group in groupby([*old, *rows[begin:end]], key=lambda row: row.stream):
            mine = list(group)
            into = {one.into.seq: one.into for one in folded(mine, Eyes(book), locals_of)}
            gone = {row.seq for one in folded(mine, Eyes(book), locals_of) for row in one.rows} - set(into)
            kept += [into.get(row.seq, row) for row in mine if row.seq not in gone]
    return kept


# --- pure ------------------------------------------------------------------------------------------------------------


@settings(max_examples=300)
@given(st.data(), law_one.kiosk_life() | law_one.gateway_life())
def test_a_rebuild_from_runs_and_changes_tells_what_one_from_the_reports_tells(
    data: st.DataObject, items: list[Item]
) -> None:
    arriving = data.draw(st.permutations(items)) if data.draw(st.booleans()) else list(items)
    of = {(item.stream, item.n): item for item in arriving}
    rows = []
    for _, group in groupby(of.values(), key=lambda item: (item.stream, item.spec)):
        waiting = list(group)
        while waiting:
            size = data.draw(st.integers(1, 3))
            few, waiting = waiting[:size], waiting[size:]
            spec = few[0].spec or KIOSK
            rows.append(row_of(len(rows) + 1, few[0].stream, spec.hash, [one.record for one in few]))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(rows)), max_size=4)))

    kept = condensed(rows, cuts, law_one.BOOK)

    unfolded = [of[row.stream, record["n"]]._replace(record=record) for row in kept for record in told_in(row)[1]]
    assert sorted((one.stream, one.n) for one in unfolded) == sorted(of)
    agent = items[0].record.get("device", "kiosk-7") if items else "kiosk-7"
    told = from_nothing(agent, unfolded, law_one.NOW, law_one.BOOK)
    whole = from_nothing(agent, items, law_one.NOW, law_one.BOOK)
    assert told.truth == whole.truth
    assert told.state == whole.state
    links = {row.seq: row.prev_seq for row in kept}
    assert list(links.values()) == [None, *links][: len(links)]


def limits(clear: int, clear_share: int) -> tuple[Rule, ...]:
    return (
        rule("host.cpu_high", Above(reading="host.cpu_percent", limit=90, clear=clear), clear_for_s=60),
        rule(
            "host.load_high",
            Above(reading="host.cpu_percent", limit=50, clear=clear_share, per="host.cpus"),
            effect="degraded",
        ),
    )


MOVED = Rulebook(
    [
        RuleSet(rules=limits(80, 40), hash="a", valid_from_ms=0),
        RuleSet(rules=limits(50, 20), hash="b", valid_from_ms=at(6.5)),
    ]
)
"""Limits at which a fault is over that move while the device lives."""
LEVEL = st.tuples(st.sampled_from([25.0, 30.0, 45.0, 60.0, 85.0, 95.0]), st.sampled_from([1, 2, 4]))


@settings(max_examples=300)
@given(st.lists(LEVEL, min_size=4, max_size=16), st.lists(st.integers(1, 14), max_size=2))
def test_between_two_limits_a_run_holds_only_what_a_fault_that_is_open_would_take_for_the_same(
    levels: list[tuple[float, int]], cuts: list[int]
) -> None:
    agent = Recorder("k7-1", KIOSK)
    items = [
        agent.sample(i, "kiosk-7", host__cpu_percent=percent, host__cpus=cpus)
        for i, (percent, cpus) in enumerate(levels)
    ]
    rows = [row_of(item.n, item.stream, KIOSK.hash, [item.record]) for item in items]

    kept = condensed(rows, sorted(cut for cut in cuts if cut < len(rows)), MOVED)

    records = [record for row in kept for record in told_in(row)[1]]
    unfolded = [item._replace(record=record) for item, record in zip(items, records, strict=True)]
    told, whole = (from_nothing("kiosk-7", some, at(100), MOVED) for some in (unfolded, items))
    assert told.truth == whole.truth
    assert told.state == whole.state


@given(
    st.lists(st.tuples(st.integers(-3, 3), st.integers(-90_000, 90_000), st.integers(-5, 5)), max_size=30),
    st.lists(st.integers(0, 10**9) | st.floats(-1e9, 1e9) | st.decimals(0, 10**7, places=2).map(float), min_size=31),
    st.booleans(),
)
def test_numbers_times_and_uptimes_come_back_as_they_were(
    steps: list[tuple[int, int, int]], uptimes: list[float], exact: bool
) -> None:
    n, t, mono = 5, START, 1000
    first = {"n": n, "kind": "sample", "boot": "b1", "mono": mono, "t": t, "device": "kiosk-7", "valid_s": 90}
    samples = [{**first, "readings": {"host.uptime_s": uptimes[0], "printer.paper": "ok"}}]
    for (more_n, more_t, drift), uptime_s in zip(steps, uptimes[1:], strict=False):
        n, t, mono = n + more_n, t + more_t, mono + more_t + drift
        readings = {"host.uptime_s": uptime_s, "printer.paper": "ok"}
        samples.append({**samples[0], "n": n, "t": t, "mono": mono, "readings": readings})
    run = begun(samples[0], exact)
    for sample in samples[1:]:
        run.add(sample)

    back = list(unpacked(packed("9a41c2", [], [run])).runs[0].samples())

    if exact:
        assert back == samples
    else:
        times = ("n", "t", "mono", "boot", "device", "valid_s", "kind")
        assert [[one[name] for name in times] for one in back] == [[one[name] for name in times] for one in samples]
        assert back[0] == samples[0]


BANDS = book_of(
    Rulebook([RuleSet(rules=(rule("host.cpu_high", Above(reading="host.cpu_percent", limit=90, clear=80)),))]).at(
        "kiosk-7", START
    )
)


def test_a_well_day_is_one_row_that_takes_some_bytes_for_each_sample() -> None:
    agent = Recorder("k7-1", KIOSK)
    said = [agent.sample(i, "kiosk-7", host__cpu_percent=i % 70 + 0.0).record for i in range(1440)]

    kept = condensed([row_of(i + 1, "k7-1", KIOSK.hash, [one]) for i, one in enumerate(said)], [60, 700], BANDS)

    assert len(kept) == 1
    assert len(kept[0].body) < 600
    back = records_in(kept[0])
    assert [(one["n"], one["t"], one["mono"]) for one in back] == [(one["n"], one["t"], one["mono"]) for one in said]
    assert {one["readings"]["host.cpu_percent"] for one in back} == {0.0}


def test_what_a_rule_holds_against_stays_word_for_word_and_what_it_lets_go_of_later_is_a_run_of_its_own() -> None:
    agent = Recorder("k7-1", KIOSK)
    percents = [10.0, 95.0, 20.0, 85.0, 30.0, 86.0, 97.5]
    said = [agent.sample(i, "kiosk-7", host__cpu_percent=one).record for i, one in enumerate(percents)]

    (kept,) = condensed([row_of(i + 1, "k7-1", KIOSK.hash, [one]) for i, one in enumerate(said)], [], BANDS)

    assert [one["readings"]["host.cpu_percent"] for one in records_in(kept)] == [10, 95, 10, 85, 10, 85, 97.5]
    shown = samples_in(kept, "kiosk-7", at(0), at(10))
    assert [one.as_of_ms for one in shown] == [None, at(3), at(0), None, at(0), None, None]


@pytest.mark.parametrize(
    "change",
    [
        {"readings": {"printer.paper": "low", "host.cpu_percent": 1}},
        {"readings": {"printer.paper": "ok", "host.cpu_percent": None}},
        {"readings": {"host.cpu_percent": 1, "printer.paper": "ok"}},
        {"readings": {"printer.paper": "ok"}},
        {"boot": "b2"},
        {"valid_s": 91},
        {"device": "nvr-2"},
        {"failed": {"escpos": ["timeout", "1 s"]}},
        {"ntp": True},
        {"new_field": 1},
    ],
)
def test_samples_that_differ_in_anything_but_numbers_and_times_do_not_share_a_run(change: dict[str, Any]) -> None:
    one = Recorder("k7-1", KIOSK).sample(0, "kiosk-7", printer__paper="ok", host__cpu_percent=7).record
    other = {**one, "n": one["n"] + 1, "t": one["t"] + 60_000, **change}

    (kept,) = condensed([row_of(1, "k7-1", KIOSK.hash, [one, other])], [], BANDS)

    assert records_in(kept) == [one, other]


def test_a_report_of_a_clock_nobody_set_and_one_with_a_result_keep_their_rows() -> None:
    agent = Recorder("k7-1", KIOSK)
    said: list[dict[str, Any]] = [dict(agent.sample(i, "kiosk-7", host__cpu_percent=1).record) for i in range(6)]
    said[1]["ntp"] = False
    said[4] = {**said[4], "kind": "result", "command": "c", "ok": True, "detail": ""}
    rows = [row_of(i + 1, "k7-1", KIOSK.hash, [one]) for i, one in enumerate(said)]

    kept = condensed(rows, [3, 5], BANDS)

    assert [(row.seq, row.prev_seq, row.kind) for row in kept] == [
        (1, None, "runs"),
        (2, 1, "runs"),
        (4, 2, "runs"),
        (5, 4, "runs"),
        (6, 5, "runs"),
    ]
    assert [record["n"] for row in kept for record in records_in(row)] == [1, 2, 3, 4, 5, 6]


# --- behind the engine -----------------------------------------------------------------------------------------------

READINGS = {"printer__paper": "ok", "host__cpu_percent": 5.0, "host__uptime_s": 100}


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    made = Collector(tmp_path)
    yield made
    made.store.close()


def condense(collector: Collector, minutes: float) -> int:
    """Let everything be condensed that is due at this minute."""
    work = Condensing(collector.engine)
    work.step(at(minutes - 120))
    count = work.step(at(minutes))
    while more := work.step(at(minutes)):
        count += more
    return count


def rows_of(collector: Collector, agent: str) -> list[EvidenceRow]:
    unit = collector.engine.by_agent[agent]
    return collector.store.evidence_of(unit.no, unit.head_seq or 0, 0)


def told(collector: Collector) -> tuple[Any, ...]:
    """Everything that follows from evidence."""
    devices = ("kiosk-7", "gw-2", "nvr-2", "ups-2")
    with collector.view() as view:
        conditions = [
            [one[1:] for one in sorted(view.conditions(name, 0, at(10**6)))] for name in (*devices, "@kiosk-7", "@gw-2")
        ]
    states = [dump(resting(unit.state)) for unit in collector.engine.units.values()]
    return [collector.ledger(name) for name in devices], conditions, collector.tickets(), states


def lived(collector: Collector, is_condensed: bool) -> tuple[Any, ...]:
    """Seven hours of a kiosk and a gateway with faults, a reboot and a hole; then the past speaks once more."""
    one, gate = kiosk(), gateway()
    collector.take(0, one.birth(0), gate.birth(0))
    held = None
    for minute in range(420):
        paper = "end" if 70 <= minute < 90 or minute == 200 else "ok"
        if minute == 150:
            one.boot, one.booted = "b2", at(149)
            collector.take(150, one.report(150, one.record(149.1, "boot", orderly=False)))
        sample = one.sample(minute, printer__paper=paper, host__cpu_percent=float(minute % 50))
        if minute == 100:
            held = sample
        else:
            collector.take(minute, one.report(minute, sample))
        polls = [
            gate.sample(minute, "gw-2", host__cpu_percent=float(minute % 7), host__uptime_s=5 + 60 * minute),
            gate.sample(minute, "nvr-2", **({} if 30 <= minute < 50 else {"host__uptime_s": 9.25 + 60 * minute})),
            gate.sample(minute, "ups-2", host__uptime_s=60.25 * (minute % 300)),
        ]
        collector.take(minute, gate.report(minute, *polls))
        if minute % 10 == 0:
            collector.look(minute)
        if is_condensed and minute % 45 == 44:
            condense(collector, minute)
        if minute == 300:
            collector.restart(minute)
    assert held is not None
    late = {**held, "readings": {**held["readings"], "printer.paper": "end"}}
    collector.take(420, one.report(420, late, leaf="history"))
    collector.look(421)
    return told(collector)


def test_a_collector_that_condenses_tells_what_one_that_keeps_everything_tells(tmp_path: Path) -> None:
    found, anew = [], []
    for name in ("full", "changes"):
        (tmp_path / name).mkdir()
        collector = Collector(tmp_path / name)
        found.append(lived(collector, name == "changes"))
        kinds = [row.kind for row in rows_of(collector, "kiosk-7")]
        assert collector.stored_numbers("gw-2") == list(range(1, 3 * 420 + 1))
        if name == "changes":
            assert kinds.count("runs") < 10
            assert kinds.count("report") < 120
        collector.restart(430)
        collector.engine.tell_anew(list(collector.engine.units.values()), at(1), at(431))
        collector.look(432)
        anew.append(told(collector))
        collector.store.close()

    assert found[1] == found[0]
    assert anew[1] == anew[0]
    assert any(one[3] == "printer.paper_end" for one in found[0][0][0])


def steady(collector: Collector, agent: Agent, minutes: range) -> None:
    for minute in minutes:
        collector.take(minute, agent.report(minute, agent.sample(minute, **READINGS)))
    collector.look(minutes[-1])


def test_the_last_hour_and_what_memory_on_disk_does_not_know_stay_whole(collector: Collector) -> None:
    agent = kiosk()
    collector.take(0, agent.birth(0))
    steady(collector, agent, range(100))
    for minute in range(100, 180):
        collector.take(minute, agent.report(minute, agent.sample(minute, **READINGS)))

    condense(collector, 180)

    rows = rows_of(collector, "kiosk-7")
    assert [row.kind for row in rows] == ["birth", "runs", *["report"] * 80]
    assert collector.restart(181) == 80
    assert collector.stored_numbers("kiosk-7") == list(range(1, 181))


def test_a_day_is_never_joined_with_the_next_and_what_is_full_is_left(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(condensing, "RECORDS_KEPT", 100)
    agent = kiosk()
    collector.take(0, agent.birth(0))
    for begin in range(0, 1200, 60):
        steady(collector, agent, range(begin, begin + 60))
        condense(collector, begin + 60)

    condense(collector, 1300)

    rows = rows_of(collector, "kiosk-7")
    assert len({row.received_ms // 86_400_000 for row in rows}) == 2
    assert all(len({record["t"] // 86_400_000 for record in records_in(row)}) <= 1 for row in rows)
    assert {row.kind for row in rows} == {"birth", "runs"}
    assert 9 <= len(rows) <= 16
    assert sum(len(records_in(row)) for row in rows) == 1200
    for one in collector.store.partitions():
        mine = [row for row in rows if day_of(row.received_ms) == one.day]
        assert (one.row_count, one.byte_count) == (len(mine), sum(len(row.body) for row in mine))


def test_a_number_that_comes_again_after_an_hour_is_no_clone(collector: Collector) -> None:
    agent = kiosk()
    collector.take(0, agent.birth(0))
    said = agent.sample(0, **READINGS)
    collector.take(0, agent.report(0, said))
    again = {**said, "readings": {**said["readings"], "host.cpu_percent": 77.0}}
    steady(collector, agent, range(1, 100))
    condense(collector, 200)

    collector.take(200, agent.report(200, again))

    with collector.view() as view:
        counted = {(one.name, one.cause): one.count for one in view.counters()}
    assert counted["duplicate", "unchecked"] == 1
    assert ("refused", "cloned") not in counted


def test_a_dirty_unit_is_left_alone(collector: Collector) -> None:
    agent = kiosk()
    collector.take(0, agent.birth(0))
    late = agent.sample(0, **READINGS)
    steady(collector, agent, range(1, 100))
    collector.take(100, agent.report(100, late, leaf="history"))

    assert condense(collector, 300) == 0


def test_a_power_cut_between_two_statements_loses_nothing(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = kiosk()
    collector.take(0, agent.birth(0))
    steady(collector, agent, range(100))
    before = rows_of(collector, "kiosk-7")
    counted = collector.store.partitions()

    def cut(point: str) -> None:
        if point == "store.in_merge":
            raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(fault, "hit", cut)
        with pytest.raises(SystemExit):
            condense(collector, 300)
    collector.restart(300)

    assert rows_of(collector, "kiosk-7") == before
    assert collector.store.partitions() == counted
    assert condense(collector, 300) == 99
    assert collector.stored_numbers("kiosk-7") == list(range(1, 101))


def test_evidence_that_cannot_be_read_stays_and_does_not_stop_the_others(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, gate = kiosk(), gateway()
    collector.take(0, one.birth(0), gate.birth(0))
    for minute in range(50):
        collector.take(minute, one.report(minute, one.sample(minute, **READINGS)))
        collector.take(minute, gate.report(minute, gate.sample(minute, **READINGS)))
    collector.look(50)
    bad = collector.engine.by_agent["kiosk-7"].no

    def told_or_not(row: EvidenceRow) -> tuple[str, list[Any]]:
        if row.agent_no == bad:
            raise ValueError("not to be read")
        return told_in(row)

    monkeypatch.setattr(condensing, "told_in", told_or_not)
    assert condense(collector, 300) == 49
    assert len(rows_of(collector, "kiosk-7")) == 51


def test_evidence_goes_by_age_after_it_was_condensed_and_nothing_told_is_lost(tmp_path: Path) -> None:
    found = []
    for name in ("full", "changes"):
        (tmp_path / name).mkdir()
        collector = Collector(tmp_path / name)
        agent = kiosk()
        collector.take(0, agent.birth(0))
        for minute in range(0, 6 * DAY_MINUTES, 30):
            paper = "end" if 1500 < minute < 1700 or 6500 < minute < 6600 else "ok"
            sample = {**agent.sample(minute, printer__paper=paper, host__cpu_percent=minute % 40), "valid_s": 2000}
            if minute == 5000:
                continue
            collector.take(minute, agent.report(minute, sample))
            collector.look(minute)
            if name == "changes" and minute % 360 == 0:
                condense(collector, minute)
        end = 6 * DAY_MINUTES
        work = Pruning(collector.engine, days=3, budget_bytes=HUGE)
        for _ in range(6):
            work.look(at(end))
            while work.step(at(end)):
                pass
        late = {**agent.sample(7000.5, printer__paper="end"), "valid_s": 900}
        collector.take(end, agent.report(end, late, leaf="history"))
        collector.look(end + 1)
        found.append(told(collector))
        if name == "changes":
            assert len(rows_of(collector, "kiosk-7")) < 25
        collector.store.close()

    assert found[0] == found[1]


def test_everybody_is_looked_at_once_in_an_hour(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    work = Condensing(collector.engine)
    monkeypatch.setattr(work, "_folded", lambda unit, *_: (seen.append(unit.agent), ([], True))[1])

    for second in range(2 * 3600 + 10):
        work.step(START + second * 1000)

    assert sorted(seen) == ["gw-2", "gw-2", "kiosk-7", "kiosk-7"]
    assert seen[0] != seen[1]


def test_shown_samples_say_whose_readings_they_bear(collector: Collector) -> None:
    agent = kiosk()
    collector.take(0, agent.birth(0))
    steady(collector, agent, range(30))
    condense(collector, 200)

    with collector.view() as view:
        page = view.samples("kiosk-7", at(0), at(100))
        some = view.samples("kiosk-7", at(3), at(5))
        pointed_at = view.record(collector.engine.by_agent["kiosk-7"].no, Ref("kiosk-7-1", 5, at(4)))

    assert [one.as_of_ms for one in page.samples] == [*[at(0)] * 29, None]
    assert [one.sample["t"] for one in some.samples] == [at(4), at(3)]
    assert telling.sample(some.samples[0])["readings_of_ms"] == at(0)
    assert "readings_of_ms" not in telling.sample(page.samples[-1])
    assert pointed_at is not None
    assert (pointed_at.record["t"], pointed_at.as_of_ms) == (at(4), at(0))


def test_a_spec_that_was_forgotten_keeps_uptimes() -> None:
    agent = Recorder("k7-1", Spec("77aa01", ()))
    said = [agent.sample(i, "kiosk-7", host__uptime_s=7 * i).record for i in range(5)]
    rows = [row_of(i + 1, "k7-1", "77aa01", [one]) for i, one in enumerate(said)]

    (merge,) = folded(rows, Eyes(book_of(POLICY)), lambda _: frozenset())

    assert records_in(merge.into) == said
