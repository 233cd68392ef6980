"""Evidence: chains, partitions, what a commit refuses, and the way back to samples."""

import pytest

from roundsman_collector.store import Batch, Store, StoreError, UnitRow, View
from roundsman_collector.store import evidence as rows
from roundsman_collector.store.connect import transaction
from roundsman_collector.store.sql import run
from tests.collector.store.cast import DAY, TODAY, evidence, report


def three_days(store: Store) -> None:
    """Agent 1: 1 3 4 6 7, agent 2: 2 5 8; two rows on the first day, three on the second, three on the third."""
    store.commit(Batch(now_ms=TODAY, evidence=[evidence(1, 1, None), evidence(2, 2, None)]))
    second = [evidence(3, 1, 1, TODAY + DAY), evidence(4, 1, 3, TODAY + DAY), evidence(5, 2, 2, TODAY + DAY)]
    third = [evidence(6, 1, 4, TODAY + 2 * DAY), evidence(7, 1, 6, TODAY + 2 * DAY), evidence(8, 2, 5, TODAY + 2 * DAY)]
    store.commit(Batch(now_ms=TODAY, evidence=[*second, *third]))


def numbers(found: object) -> list[int]:
    return [row.seq for row in found]  # type: ignore[attr-defined]


def test_a_row_comes_back_as_it_was_put_in(store: Store) -> None:
    row = rows.EvidenceRow(1, 2, None, "history", "流", 5, 9, TODAY, ((5, 6), (9, 9)), b"{\x00\xff}")

    store.commit(Batch(now_ms=TODAY, evidence=[row]))

    assert list(store.evidence_after(0)) == [row]
    assert store.evidence_of(2, 1, 0) == [row]


def test_each_received_day_has_a_partition_of_its_own(store: Store, view: View) -> None:
    three_days(store)

    assert view.status().partitions == (
        rows.Partition("20241004", "evidence_20241004", 1, 2, 2, 4),
        rows.Partition("20241005", "evidence_20241005", 3, 5, 3, 6),
        rows.Partition("20241006", "evidence_20241006", 6, None, 3, 6),
    )


def test_an_agents_chain_leads_through_the_partitions_down_to_where_it_is_asked(store: Store) -> None:
    three_days(store)

    assert numbers(store.evidence_of(1, 7, 0)) == [1, 3, 4, 6, 7]
    assert numbers(store.evidence_of(1, 7, 4)) == [4, 6, 7]
    assert numbers(store.evidence_of(1, 7, 5)) == [6, 7]
    assert numbers(store.evidence_of(1, 4, 2)) == [3, 4]
    assert numbers(store.evidence_of(2, 8, 0)) == [2, 5, 8]


def test_a_chain_longer_than_what_is_read_at_once_is_read_whole(store: Store) -> None:
    count = 2 * rows.CHUNK + 3
    own = [evidence(seq, 1, seq - 2 if seq > 2 else None) for seq in range(1, 2 * count, 2)]
    other = [evidence(seq, 2, seq - 2 if seq > 2 else None) for seq in range(2, 2 * count, 2)]
    store.commit(Batch(now_ms=TODAY, evidence=sorted(own + other)))

    assert store.evidence_of(1, own[-1].seq, 0) == own
    assert numbers(store.evidence_after(0)) == list(range(1, 2 * count))


def test_evidence_after_a_number_goes_on_across_partitions(store: Store) -> None:
    three_days(store)

    assert numbers(store.evidence_after(0)) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert numbers(store.evidence_after(4)) == [5, 6, 7, 8]
    assert numbers(store.evidence_after(8)) == []


def test_a_chain_that_leads_into_a_dropped_partition_ends_there(store: Store) -> None:
    three_days(store)

    dropped = store.prune(5, TODAY)

    assert [one.day for one in dropped] == ["20241004", "20241005"]
    assert numbers(store.evidence_of(1, 7, 0)) == [6, 7]
    assert numbers(store.evidence_of(2, 8, 0)) == [8]
    assert numbers(store.evidence_after(0)) == [6, 7, 8]


def test_the_partition_that_is_written_to_is_never_dropped(store: Store) -> None:
    three_days(store)

    store.prune(99, TODAY)

    assert numbers(store.evidence_after(0)) == [6, 7, 8]
    assert store.prune(99, TODAY) == ()


def test_numbering_goes_on_after_pruning_and_reopening(store: Store, where: str) -> None:
    three_days(store)
    store.prune(99, TODAY)
    store.close()

    with Store.open(where) as again:
        assert again.last_seq() == 8
        again.commit(Batch(now_ms=TODAY, evidence=[evidence(9, 1, 7, TODAY + 3 * DAY)]))
        assert numbers(again.evidence_of(1, 9, 0)) == [6, 7, 9]


def test_a_clock_set_back_over_midnight_does_not_mix_up_the_partitions(store: Store) -> None:
    three_days(store)

    store.commit(Batch(now_ms=TODAY, evidence=[evidence(9, 1, 7, TODAY + DAY), evidence(10, 1, 9, TODAY + 2 * DAY)]))

    assert numbers(store.evidence_after(0)) == list(range(1, 11))
    assert numbers(store.evidence_of(1, 10, 0)) == [1, 3, 4, 6, 7, 9, 10]


def test_a_clock_that_was_years_ahead_keeps_neither_evidence_nor_pruning_from_going_on(store: Store) -> None:
    three_days(store)
    store.commit(Batch(now_ms=TODAY, evidence=[evidence(9, 1, 7, TODAY + 9000 * DAY)]))
    store.commit(Batch(now_ms=TODAY, evidence=[evidence(10, 1, 9, TODAY + 3 * DAY)]))
    store.commit(Batch(now_ms=TODAY, evidence=[evidence(11, 1, 10, TODAY + 4 * DAY)]))
    assert numbers(store.evidence_of(1, 11, 0)) == [1, 3, 4, 6, 7, 9, 10, 11]

    store.prune(10, TODAY)

    assert numbers(store.evidence_of(1, 11, 0)) == [11]


@pytest.mark.parametrize(
    "again",
    [
        [evidence(8, 1, 7, TODAY + 2 * DAY)],
        [evidence(8, 1, 7, TODAY + 3 * DAY)],
        [evidence(9, 1, 7), evidence(9, 1, 7)],
        [evidence(10, 1, 7), evidence(9, 1, 7)],
    ],
    ids=["a number twice", "a number twice on another day", "twice in a batch", "falling"],
)
def test_numbers_that_do_not_rise_are_refused(store: Store, again: list[rows.EvidenceRow]) -> None:
    three_days(store)

    with pytest.raises(StoreError, match="does not rise") as refused:
        store.commit(Batch(now_ms=TODAY, evidence=again))

    assert (refused.value.cause, refused.value.again) == ("conflict", False)
    assert store.last_seq() == 8
    assert numbers(store.evidence_after(0)) == [1, 2, 3, 4, 5, 6, 7, 8]


def test_the_database_itself_refuses_a_number_twice(store: Store) -> None:
    three_days(store)
    store._last_seq = 5  # as if the program had forgotten

    with pytest.raises(StoreError) as refused:
        store.commit(Batch(now_ms=TODAY, evidence=[evidence(8, 1, 7, TODAY + 2 * DAY)]))

    assert refused.value.cause == "conflict"


def test_a_link_missing_from_the_middle_of_a_chain_is_told(store: Store) -> None:
    three_days(store)
    with transaction(store._write, "doing damage", store._place) as connection:
        run(connection, "DELETE FROM evidence_20241005 WHERE seq = 4")

    with pytest.raises(StoreError, match="evidence 4 is missing from evidence_20241005") as told:
        store.evidence_of(1, 7, 0)

    assert told.value.cause == "damaged"


def test_the_head_of_another_agent_is_refused(store: Store) -> None:
    three_days(store)

    with pytest.raises(StoreError, match="evidence 8 is not of agent 1"):
        store.evidence_of(1, 8, 0)


def test_samples_are_read_from_the_bodies_newest_received_first(store: Store, view: View) -> None:
    first = evidence(1, 1, None, TODAY + 900, report("kiosk-7", (1, TODAY + 100), (2, TODAY + 200), (3, TODAY + 300)))
    backlog = evidence(2, 1, 1, TODAY + 950, report("kiosk-7", (4, TODAY + 50), (5, TODAY + 250)))
    birth = rows.EvidenceRow(3, 1, 2, "birth", "", 0, 0, TODAY + 990, None, b'{"v":1}')
    store.commit(Batch(now_ms=TODAY, evidence=[first, backlog._replace(taken=((5, 5),)), birth]))

    page = view.samples("kiosk-7", TODAY, TODAY + 300)

    assert [(one.seq, one.sample["n"], one.sample["t"] - TODAY) for one in page.samples] == [
        (2, 5, 250),
        (1, 2, 200),
        (1, 1, 100),
    ]
    assert page.next_seq is None
    assert view.samples("nvr-2", TODAY, TODAY + 300).samples == ()


def test_pages_of_samples_join_without_loss_even_where_the_device_changed_agents(store: Store, view: View) -> None:
    store.assign("kiosk-7", "bus-31", TODAY + 500)
    of_agent = {1: 0, 3: 0}
    batch = []
    for seq in range(1, 21):
        agent_no = 3 if seq % 3 == 0 else 1
        body = report("kiosk-7", (seq, TODAY + seq))
        batch.append(evidence(seq, agent_no, of_agent[agent_no] or None, TODAY + seq, body))
        of_agent[agent_no] = seq
    store.commit(Batch(now_ms=TODAY, evidence=batch, units=[UnitRow(1, 4, 4, None, None, "{}")]))

    read: list[int] = []
    before: int | None = None
    while True:
        page = view.samples("kiosk-7", TODAY, TODAY + DAY, limit=3, before_seq=before)
        read += [one.sample["n"] for one in page.samples]
        before = page.next_seq
        if before is None:
            break

    assert read == list(range(20, 0, -1))
