"""Conditions: bitemporal like the ledger, several at a time."""

import itertools
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector.core.model import Condition, Ref
from roundsman_collector.store import Batch, ConditionRow, ConditionsTold, Store, View
from tests.collector.store.cast import condition

fresh = itertools.count()


def known(view: View, subject: str = "kiosk-7", known_ms: int | None = None) -> list[tuple[int, int | None]]:
    return [(one.event_from_ms, one.event_to_ms) for one in view.conditions(subject, 0, 10**15, known_ms)]


def test_a_condition_that_ends_is_known_to_have_been_open_before(store: Store, view: View) -> None:
    begun, over = condition("kiosk-7", 10), condition("kiosk-7", 10, 90)
    store.commit(Batch(now_ms=1000, conditions=[ConditionsTold(conditions=(begun,))]))
    store.commit(Batch(now_ms=2000, conditions=[ConditionsTold(conditions=(over,))]))

    ref = Ref("s1", 10, 10)
    facts, plain = ("kiosk-7", "printer", "printer.paper_out", 10), ("", "", "", False)
    assert view.conditions("kiosk-7", 0, 100) == [ConditionRow(2, *facts, 90, 2000, None, ref, ref, "", *plain)]
    assert view.conditions("kiosk-7", 0, 100, known_ms=1999) == [
        ConditionRow(1, *facts, None, 1000, 2000, ref, ref, "", *plain)
    ]
    assert view.conditions("kiosk-7", 90, 100) == []


def test_a_condition_told_again_unchanged_writes_nothing(store: Store, view: View) -> None:
    for now_ms in (1000, 2000):
        store.commit(Batch(now_ms=now_ms, conditions=[ConditionsTold(conditions=(condition("kiosk-7", 10),))]))

    assert [one.known_from_ms for one in view.conditions("kiosk-7", 0, 100)] == [1000]


def test_what_a_rebuild_does_not_find_any_more_was_not(store: Store, view: View) -> None:
    before = condition("kiosk-7", 10, 20), condition("kiosk-7", 30, 40), condition("kiosk-7", 50)
    store.commit(Batch(now_ms=1000, conditions=[ConditionsTold(conditions=before)]))

    rebuilt = ConditionsTold(conditions=(condition("kiosk-7", 35, 40),), whole=(("kiosk-7", 25),))
    store.commit(Batch(now_ms=2000, conditions=[rebuilt]))

    assert known(view) == [(10, 20), (35, 40)]
    assert known(view, known_ms=1999) == [(10, 20), (30, 40), (50, None)]


def test_an_agent_may_be_the_subject(store: Store, view: View) -> None:
    silence = condition("@kiosk-7", 10, code="agent.silent")._replace(cause="off")

    store.commit(Batch(now_ms=1000, conditions=[ConditionsTold(conditions=(silence,))]))

    assert [(one.code, one.cause) for one in view.conditions("@kiosk-7", 0, 100)] == [("agent.silent", "off")]


def test_a_condition_that_comes_and_goes_in_one_batch_is_one_row(store: Store, view: View) -> None:
    tells = [ConditionsTold(conditions=(condition("kiosk-7", 10, to),)) for to in (None, 90)]

    store.commit(Batch(now_ms=1000, conditions=tells))

    assert [(one.id, one.event_to_ms) for one in view.conditions("kiosk-7", 0, 100)] == [(1, 90)]


def test_a_condition_that_ends_where_it_begins_is_taken_back(store: Store, view: View) -> None:
    store.commit(Batch(now_ms=1000, conditions=[ConditionsTold(conditions=(condition("kiosk-7", 10),))]))
    store.commit(Batch(now_ms=2000, conditions=[ConditionsTold(conditions=(condition("kiosk-7", 10, 10),))]))

    assert known(view) == []
    assert known(view, known_ms=1500) == [(10, None)]


def test_a_condition_that_ends_before_it_begins_is_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="ends before it begins"):
        store.commit(Batch(now_ms=1, conditions=[ConditionsTold(conditions=(condition("kiosk-7", 10, 9),))]))


def test_an_open_condition_stands_beside_its_device(store: Store, view: View) -> None:
    batch = condition("kiosk-7", 10), condition("kiosk-7", 5, 8, code="door.open")
    store.commit(Batch(now_ms=1000, conditions=[ConditionsTold(conditions=batch)]))

    kiosk = view.device("kiosk-7")

    assert kiosk is not None
    assert [one.code for one in kiosk.conditions] == ["printer.paper_out"]


@pytest.fixture(scope="module")
def doors(elsewhere: Callable[[], str]) -> Iterator[tuple[Store, View]]:
    where = elsewhere()
    with Store.open(where) as store, View.open(where) as view:
        yield store, view


pieces = st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 12), st.one_of(st.none(), st.integers(0, 5)))
Piece = tuple[str, int, int | None]


@given(steps=st.lists(st.tuples(st.lists(pieces, max_size=3), st.one_of(st.none(), st.integers(0, 12))), max_size=8))
def test_any_sequence_of_tellings_gives_the_last_truth_and_every_earlier_knowledge(
    doors: tuple[Store, View], steps: list[tuple[list[Piece], int | None]]
) -> None:
    store, view = doors
    subject = f"@a{next(fresh)}"
    truth: dict[tuple[str, int], Condition] = {}
    once: dict[int, list[Condition]] = {}
    known_ms = store._known_ms + 1

    for batch, whole in steps:
        known_ms += 1
        told = [
            condition(subject, begin, None if length is None else begin + length, code) for code, begin, length in batch
        ]
        whole_of = () if whole is None else ((subject, whole),)
        store.commit(Batch(now_ms=known_ms, conditions=[ConditionsTold(conditions=tuple(told), whole=whole_of)]))
        if whole is not None:
            truth = {key: one for key, one in truth.items() if one.to_ms is not None and one.to_ms <= whole}
        truth |= {(one.code, one.from_ms): one for one in told}
        truth = {key: one for key, one in truth.items() if one.from_ms != one.to_ms}
        once[known_ms] = sorted(truth.values(), key=lambda one: (one.from_ms, one.code))

    for at, knowledge in once.items():
        rows = view.conditions(subject, 0, 10**15, at)
        assert [
            Condition(
                one.subject,
                one.component,
                one.code,
                one.event_from_ms,
                one.event_to_ms,
                one.first,
                one.confirmed,
                one.cause,
            )
            for one in rows
        ] == knowledge
