"""The ledger: whatever the order of telling, it holds the last truth, and remembers what was once held true."""

import itertools
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector.core.model import Retold, Segment
from roundsman_collector.store import Batch, DeviceEntry, DeviceNow, Interval, Store, View
from tests.collector.store.cast import told

END = 60  # beyond every time in these stories; what holds there holds for ever

fresh = itertools.count()


def stands(view: View, device: str = "nvr-2", known_ms: int | None = None) -> list[tuple[int, int | None, str]]:
    found = view.intervals(device, 0, 10**15, known_ms)
    return [(one.event_from_ms, one.event_to_ms, one.state) for one in found]


def test_an_open_interval_is_cut_where_something_new_begins(store: Store, view: View) -> None:
    store.commit(Batch(now_ms=1000, tells=[told("nvr-2", 10, (10, None, "up"))]))
    store.commit(Batch(now_ms=2000, tells=[told("nvr-2", 50, (50, None, "down"))]))

    assert view.intervals("nvr-2", 0, 100) == [
        Interval(2, "nvr-2", "up", "", "", 10, 50, 2000, None),
        Interval(3, "nvr-2", "down", "", "", 50, None, 2000, None),
    ]
    assert view.intervals("nvr-2", 0, 100, known_ms=1999) == [
        Interval(1, "nvr-2", "up", "", "", 10, None, 1000, 2000),
    ]
    assert view.intervals("nvr-2", 0, 100, known_ms=999) == []


@pytest.mark.parametrize("known_ms", [None, 1000, 2000])
def test_the_evidence_of_many_is_the_intervals_of_each(store: Store, view: View, known_ms: int | None) -> None:
    nvr = told("nvr-2", 10, (10, 20, "up"), (20, 35, "down"), (35, 50, "up"), (50, None, "unknown"))
    store.commit(Batch(now_ms=1000, tells=[nvr, told("kiosk-7", 15, (15, None, "up"))]))
    store.commit(Batch(now_ms=2000, tells=[told("nvr-2", 40, (40, None, "down"))]))
    store.commit(Batch(now_ms=2000, device_now=[DeviceNow("kiosk-7", 1, 60, 60, 60, False, None, None)]))
    devices = ["nvr-2", "kiosk-7", "ups-2"]

    for window in itertools.combinations((0, 9, 10, 15, 20, 35, 50, 70), 2):
        found = view.evidence_of(devices, *window, now_ms=3000, known_ms=known_ms)

        for device in devices:
            until_ms = 60 if device == "kiosk-7" else 0
            ends = {"up": until_ms, "down": until_ms, "unknown": known_ms or 3000}
            rows = [
                (row.event_from_ms, row.event_to_ms or max(row.event_from_ms, ends[row.state]), row.state)
                for row in view.intervals(device, *window, known_ms)
            ]
            told_of_it = [one[:3] for one in found[device].segments if one.to_ms is None or one.to_ms > window[0]]
            assert told_of_it == [row for row in rows if row[1] > window[0]]
            assert found[device].until_ms == until_ms


def test_the_same_truth_told_again_writes_nothing(store: Store, view: View) -> None:
    store.commit(Batch(now_ms=1000, tells=[told("nvr-2", 10, (10, 20, "up"), (20, None, "down"))]))
    before = view.intervals("nvr-2", 0, 100)

    store.commit(Batch(now_ms=2000, tells=[told("nvr-2", 20, (20, None, "down"))]))
    store.commit(Batch(now_ms=3000, tells=[told("nvr-2", 10, (10, 20, "up"), (20, None, "down"))]))
    store.commit(Batch(now_ms=4000, tells=[told("nvr-2", 15, (15, 20, "up"), (20, None, "down"))]))

    assert view.intervals("nvr-2", 0, 100) == before
    assert view.status().intervals == 2


def test_late_news_changes_only_the_intervals_it_touches(store: Store, view: View) -> None:
    store.commit(Batch(now_ms=1000, tells=[told("nvr-2", 10, (10, 20, "up"), (20, 30, "unknown"), (30, None, "up"))]))

    store.commit(Batch(now_ms=2000, tells=[told("nvr-2", 20, (20, 25, "down"), (25, 30, "unknown"), (30, None, "up"))]))

    assert [(one.id, one.state) for one in view.intervals("nvr-2", 0, 100)] == [
        (1, "up"),
        (4, "down"),
        (5, "unknown"),
        (3, "up"),
    ]


def test_a_stretch_that_turns_out_like_its_neighbours_becomes_one_with_them(store: Store, view: View) -> None:
    store.commit(Batch(now_ms=1000, tells=[told("nvr-2", 10, (10, 20, "up"), (20, 30, "unknown"), (30, None, "up"))]))

    store.commit(Batch(now_ms=2000, tells=[told("nvr-2", 20, (20, 30, "up"), (30, None, "up"))]))

    assert stands(view) == [(10, None, "up")]
    assert stands(view, known_ms=1500) == [(10, 20, "up"), (20, 30, "unknown"), (30, None, "up")]


def test_the_window_is_half_open(store: Store, view: View) -> None:
    store.commit(Batch(now_ms=1000, tells=[told("nvr-2", 10, (10, 20, "up"), (20, 30, "down"))]))

    assert [one.state for one in view.intervals("nvr-2", 20, 30)] == ["down"]
    assert [one.state for one in view.intervals("nvr-2", 0, 20)] == ["up"]
    assert [one.state for one in view.intervals("nvr-2", 30, 90)] == []


def test_tells_of_one_batch_count_in_their_order_and_leave_no_row_that_was_never_known(
    store: Store, view: View
) -> None:
    tells = [
        told("nvr-2", 10, (10, None, "up")),
        told("nvr-2", 20, (20, None, "down")),
        told("nvr-2", 30, (30, None, "up")),
    ]

    store.commit(Batch(now_ms=1000, tells=tells))

    assert stands(view) == [(10, 20, "up"), (20, 30, "down"), (30, None, "up")]
    assert view.status().intervals == 3


def test_devices_do_not_touch_each_other(store: Store, view: View) -> None:
    store.commit(Batch(now_ms=1000, tells=[told("nvr-2", 10, (10, None, "up")), told("ups-2", 10, (10, None, "down"))]))
    store.commit(Batch(now_ms=1000, tells=[told("nvr-2", 5, (5, None, "unknown"))]))

    assert stands(view, "ups-2") == [(10, None, "down")]


def test_what_became_known_never_becomes_known_earlier_when_the_clock_goes_back(store: Store, where: str) -> None:
    store.commit(Batch(now_ms=5000, tells=[told("nvr-2", 10, (10, None, "up"))]))
    assert store.commit(Batch(now_ms=4000, tells=[told("nvr-2", 20, (20, None, "down"))])).known_ms == 5000
    store.close()

    with Store.open(where) as again, View.open(where) as view:
        assert again.commit(Batch(now_ms=3000, tells=[told("nvr-2", 30, (30, None, "up"))])).known_ms == 5000
        assert stands(view) == [(10, 20, "up"), (20, 30, "down"), (30, None, "up")]
        assert stands(view, known_ms=4999) == []


@pytest.mark.parametrize(
    "wrong",
    [
        told("nvr-2", 10, (5, 20, "up")),
        told("nvr-2", 10, (10, 20, "up"), (25, None, "down")),
        told("nvr-2", 10, (10, 20, "up"), (15, None, "down")),
        told("nvr-2", 10, (10, None, "up"), (20, None, "down")),
        told("nvr-2", 10, (10, 20, "up"), (20, 15, "down")),
    ],
    ids=["before its beginning", "a hole", "an overlap", "after the last", "backwards"],
)
def test_segments_that_do_not_follow_each_other_are_refused_whole(store: Store, view: View, wrong: Retold) -> None:
    store.commit(Batch(now_ms=1000, tells=[told("nvr-2", 0, (0, None, "up"))]))

    with pytest.raises(ValueError, match="ledger of nvr-2"):
        store.commit(Batch(now_ms=2000, tells=[told("ups-2", 0, (0, None, "up")), wrong]))

    assert stands(view) == [(0, None, "up")]
    assert stands(view, "ups-2") == []


@st.composite
def retellings(draw: st.DrawFn) -> tuple[int, tuple[Segment, ...]]:
    """From a time on: up to four stretches without holes, some empty; they may begin later, and may end."""
    from_ms = draw(st.integers(0, 30))
    at = from_ms + draw(st.sampled_from([0, 0, 0, 2]))
    segments = []
    for length in draw(st.lists(st.integers(0, 6), max_size=4)):
        state, cause = draw(
            st.sampled_from([("up", ""), ("down", "fault"), ("unknown", "silent"), ("unknown", "uplink")])
        )
        segments.append(Segment(at, at + length, state, cause, ""))
        at += length
    if segments and draw(st.booleans()):
        segments[-1] = segments[-1]._replace(to_ms=None)
    return from_ms, tuple(segments)


Cells = dict[int, tuple[str, str]]


def cells(segments: list[Segment]) -> Cells:
    """What holds in each millisecond."""
    return {
        t: (one.state, one.cause)
        for one in segments
        for t in range(one.from_ms, END if one.to_ms is None else one.to_ms)
    }


def held(view: View, device: str, known_ms: int | None = None) -> list[Segment]:
    found = view.intervals(device, 0, 10**15, known_ms)
    return [Segment(one.event_from_ms, one.event_to_ms, one.state, one.cause, one.fault) for one in found]


def check_canonical(segments: list[Segment]) -> None:
    for one in segments:
        assert one.to_ms is None or one.from_ms < one.to_ms, "an empty interval"
    for one, other in itertools.pairwise(segments):
        assert one.to_ms is not None, "an interval after one that goes on"
        assert one.to_ms <= other.from_ms, "two intervals overlap"
        assert one.to_ms < other.from_ms or one[2:] != other[2:], "touching intervals say the same"


@pytest.fixture(scope="module")
def doors(elsewhere: Callable[[], str]) -> Iterator[tuple[Store, View]]:
    where = elsewhere()
    with Store.open(where) as store, View.open(where) as view:
        yield store, view


@given(steps=st.lists(st.tuples(st.integers(0, 2), st.lists(retellings(), min_size=1, max_size=3)), max_size=8))
def test_any_sequence_of_retellings_gives_the_last_truth_and_every_earlier_knowledge(
    doors: tuple[Store, View], steps: list[tuple[int, list[tuple[int, tuple[Segment, ...]]]]]
) -> None:
    store, view = doors
    device = f"d{next(fresh)}"
    store.add_agent(f"agent-{device}", "south", [DeviceEntry(id=device, kind="k", name_zh="名", name_en="name")], 0)
    truth: Cells = {}
    once: dict[int, Cells] = {}
    known_ms = store._known_ms + 1

    for later, tells in steps:
        known_ms += later
        store.commit(Batch(now_ms=known_ms, tells=[Retold(device, from_ms, segments) for from_ms, segments in tells]))
        for from_ms, segments in tells:
            truth = {t: what for t, what in truth.items() if t < from_ms} | cells(list(segments))
        once[known_ms] = truth

        check_canonical(held(view, device))
        assert cells(held(view, device)) == truth

    for at, knowledge in once.items():
        check_canonical(held(view, device, at))
        assert cells(held(view, device, at)) == knowledge
