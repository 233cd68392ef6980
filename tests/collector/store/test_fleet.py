"""Lists of whole fleets: the pasts of all are those of each, and the board narrows, counts and keeps its secrets."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from roundsman_collector.core.model import Retold, Segment
from roundsman_collector.roles import EVERYTHING, NOTHING, Scope
from roundsman_collector.store import Batch, Board, BoardRow, DeviceNow, FleetFilter, Store, View
from roundsman_collector.store.fleet import DevicePast, Past
from tests.collector.core.oracle import Span, figure
from tests.collector.store.cast import TODAY, evidence, staffed, ticket

MINUTE = 60_000
DEVICES = ("kiosk-7", "nvr-2", "ups-2", "bus-31")
NOW = TODAY + 100 * MINUTE
LENGTHS = (10 * MINUTE, 60 * MINUTE, 300 * MINUTE)

minutes = st.integers(0, 110)
state = st.tuples(st.sampled_from(["up", "down", "unknown"]), st.sampled_from(["", "fault", "off"]))


@st.composite
def retold(draw: st.DrawFn) -> Retold:
    """A ledger told anew from a time on: stretches that touch, the last one open or not, before and after now."""
    ends = sorted(draw(st.lists(minutes, min_size=1, max_size=6, unique=True)))
    begin = ends.pop(0)
    segments, at = [], begin
    for end in ends:
        segments.append(Segment(TODAY + at * MINUTE, TODAY + end * MINUTE, *draw(state), ""))
        at = end
    if draw(st.booleans()) or not segments:
        segments.append(Segment(TODAY + at * MINUTE, None, *draw(state), ""))
    return Retold(draw(st.sampled_from(DEVICES)), TODAY + begin * MINUTE, tuple(segments))


@settings(max_examples=60, deadline=None)
@given(tells=st.lists(retold(), max_size=8), covered=st.dictionaries(st.sampled_from(DEVICES), minutes))
def test_the_past_of_all_is_the_past_of_each(
    elsewhere: Callable[[], str], tells: list[Retold], covered: dict[str, int]
) -> None:
    where = elsewhere()
    with staffed(where) as store, View.open(where) as view:
        for step, told in enumerate(tells):
            store.commit(Batch(now_ms=NOW + step, tells=[told]))
        present = [DeviceNow(one, 1, 0, TODAY + until * MINUTE, 0, False, None, None) for one, until in covered.items()]
        store.commit(Batch(now_ms=NOW, device_now=present))

        found = {one.device: one.pasts for part in view.fleet_pasts(NOW, LENGTHS) for one in part}

        for device in DEVICES:
            assert found[device] == tuple(alone(view, device, length) for length in LENGTHS)


def alone(view: View, device: str, length: int) -> Past:
    """The same from the device's own ledger: it serves since the beginning of the day."""
    one = view.device(device)
    assert one is not None
    until = min(NOW, one.covered_to_ms or 0)
    spans = [
        Span(
            from_ms=row.event_from_ms,
            to_ms=max(row.event_from_ms, until if row.event_to_ms is None else row.event_to_ms),
            state=row.state,  # type: ignore[arg-type]
        )
        for row in view.intervals(device, NOW - length, NOW)
    ]
    served = ((TODAY, NOW),)
    it = figure(spans, window=(NOW - length, NOW), now_ms=NOW, in_service=served)
    return Past(it.up_ms, it.down_ms, it.unknown_ms, it.excluded_ms, it.outages, it.longest_ms)


def test_facts_tell_voice_place_and_ledger(store: Store, view: View) -> None:
    with store._write.begin() as connection:
        for statement in (
            "INSERT INTO site (id, from_ms, made_ms, made_by, customer, group_id, name_zh, name_en, address, zone, "
            "time_zone, service_hours) VALUES ('s-1', 0, 0, 'w', 'bank', 'north', '', '', '', '', '', '')",
            "INSERT INTO place (id, from_ms, made_ms, made_by, site, name_zh, name_en) "
            "VALUES ('p-1', 0, 0, 'w', 's-1', '', '')",
            "INSERT INTO installation (device, from_ms, made_ms, made_by, place) VALUES ('nvr-2', 0, 0, 'w', 'p-1')",
            "INSERT INTO installation (device, from_ms, to_ms, made_ms, made_by, place) "
            "VALUES ('ups-2', 0, 5, 0, 'w', 'p-1')",
            "INSERT INTO device_search (device, text) VALUES ('nvr-2', 'nvr-2 录像机 lxj')",
        ):
            connection.execute(text(statement))
    store.commit(Batch(now_ms=NOW, tells=[Retold("nvr-2", TODAY, (Segment(TODAY, None, "down", "fault", "x"),))]))

    nvr, ups = sorted(view.fleet_facts_of(["nvr-2", "ups-2"]))

    assert nvr[:11] == (
        *("nvr-2", "nvr", "录像机 2", "Recorder 2", "gateway-2", "south", "p-1", "s-1", "north", "bank"),
        "nvr-2 录像机 lxj",
    )
    assert (nvr.state, nvr.cause, nvr.fault, nvr.since_ms, nvr.covered_to_ms) == ("down", "fault", "x", TODAY, None)
    assert (ups.place, ups.site, ups.customer, ups.state) == (None, None, None, None)
    assert [one.id for one in view.fleet_facts("kiosk-7", 2)] == ["nvr-2", "ups-2"]


def test_news_name_who_has_new_rows_and_what_is_open(store: Store, view: View) -> None:
    before = view.newest_interval()
    store.commit(
        Batch(
            now_ms=NOW,
            evidence=[evidence(1, 1, None)],
            tells=[Retold("bus-31", TODAY, (Segment(TODAY, None, "up", "", ""),))],
            tickets=[ticket("nvr-2"), ticket("nvr-2")],
        )
    )

    news = view.fleet_news(before, TODAY)

    assert (news.told, news.last_interval) == ({"bus-31"}, before + 1)
    assert news.tickets == {"nvr-2": ("2026-000001", "2026-000002")}
    assert view.fleet_news(news.last_interval, TODAY).told == frozenset()


# --- the board --------------------------------------------------------------------------------------------------------


def row(device: str, word: str = "normal", **more: object) -> BoardRow:
    plain = BoardRow(
        device=device,
        rank=["fault", "offline", "unknown", "warning", "maintenance", "normal"].index(word),
        word=word,
        why="",
        kind="kiosk",
        name_zh="",
        name_en="",
        agent=device,
        group="south",
        place=None,
        site=None,
        site_group=None,
        customer=None,
        since_ms=None,
        tickets="",
        text=device,
        look_ms=None,
    )
    return plain._replace(**more)


@pytest.fixture
def board() -> Board:
    made = Board()
    made.put(
        [
            row("bus-31", "unknown", kind="vehicle", text="bus-31 31路车载机 clj"),
            row("kiosk-7", site="s-1", customer="bank", site_group="north", tickets="2026-000001"),
            row("nvr-2", "fault", kind="nvr", site="s-2", customer="mall", group="west"),
            row("ups-2", "fault", kind="ups", site="s-2", customer="mall", group="west"),
        ]
    )
    return made


def ids(board: Board, wanted: FleetFilter, scope: Scope = EVERYTHING) -> list[str]:
    page = board.page(scope, wanted, "worst", 0, 50)
    assert page.total == len(page.rows)
    return [one.device for one in page.rows]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (FleetFilter(), ["nvr-2", "ups-2", "bus-31", "kiosk-7"]),
        (FleetFilter(words=("fault",)), ["nvr-2", "ups-2"]),
        (FleetFilter(words=("unknown", "normal")), ["bus-31", "kiosk-7"]),
        (FleetFilter(kinds=("ups", "kiosk")), ["ups-2", "kiosk-7"]),
        (FleetFilter(groups=("west",)), ["nvr-2", "ups-2"]),
        (FleetFilter(customers=("bank",)), ["kiosk-7"]),
        (FleetFilter(sites=("s-2",), kinds=("nvr",)), ["nvr-2"]),
        (FleetFilter(has_ticket=True), ["kiosk-7"]),
        (FleetFilter(has_ticket=False), ["nvr-2", "ups-2", "bus-31"]),
        (FleetFilter(text="31路  CLJ"), ["bus-31"]),
        (FleetFilter(text="%"), []),
        (FleetFilter(text="'; DROP TABLE stands; --"), []),
    ],
)
def test_each_field_of_a_filter_narrows_the_list(board: Board, wanted: FleetFilter, expected: list[str]) -> None:
    assert ids(board, wanted) == expected


def test_pages_follow_each_other_in_either_order(board: Board) -> None:
    by_id = [board.page(EVERYTHING, FleetFilter(), "id", at, 2) for at in (0, 2, 4)]

    assert [[one.device for one in page.rows] for page in by_id] == [["bus-31", "kiosk-7"], ["nvr-2", "ups-2"], []]
    assert {page.total for page in by_id} == {4}


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        (NOTHING, []),
        (Scope(customers=frozenset({"bank"})), ["kiosk-7"]),
        (Scope(groups=frozenset({"west"})), ["nvr-2", "ups-2"]),
        (Scope(groups=frozenset({"north"})), ["kiosk-7"]),
        (Scope(groups=frozenset({"west"}), customers=frozenset({"bank"})), ["nvr-2", "ups-2", "kiosk-7"]),
        (Scope(groups=frozenset({"east"})), []),
    ],
)
def test_nothing_beyond_a_scope_is_listed_counted_or_named(board: Board, scope: Scope, expected: list[str]) -> None:
    mall = ("mall", "west")
    homes = {"kiosk-7": ("bank", "north"), "nvr-2": mall, "ups-2": mall, "bus-31": ("", "south")}
    board.put_pasts([[DevicePast(one, *homes[one], (Past(5, 1, 0, 0, 1, 1),)) for one in DEVICES]], NOW)

    assert ids(board, FleetFilter(), scope) == expected
    assert sum(board.counts(scope).values()) == len(expected)
    assert sum(board.facets(scope, "kind").values()) == len(expected)
    assert set(board.facets(scope, "customer")) == {"mall" if one in ("nvr-2", "ups-2") else "bank" for one in expected}
    assert set(board.rows(scope, DEVICES)) == set(expected)
    pooled = board.pooled(scope, FleetFilter(), 0)
    assert pooled is not None and (pooled.devices, pooled.past.up_ms) == (len(expected), 5 * len(expected))


def test_what_a_device_did_for_somebody_before_is_not_in_a_strangers_pool(board: Board) -> None:
    before, since = Past(100, 50, 0, 0, 2, 30), Past(7, 1, 0, 0, 1, 1)
    moved = [DevicePast("nvr-2", "bank", "north", (before,)), DevicePast("nvr-2", "mall", "west", (since,))]
    board.put_pasts([moved], NOW)

    mall = board.pooled(Scope(customers=frozenset({"mall"})), FleetFilter(), 0)
    whole = board.pooled(EVERYTHING, FleetFilter(), 0)

    assert mall is not None and mall.past == since
    assert whole is not None and whole.past == Past(107, 51, 0, 0, 3, 30)
    assert board.pasts(["nvr-2"])[0] == {"nvr-2": {0: Past(107, 51, 0, 0, 3, 30)}}


def test_the_old_past_holds_until_the_new_one_is_whole(board: Board) -> None:
    board.put_pasts([[DevicePast("nvr-2", "", "", (Past(1, 0, 0, 0, 0, 0),))]], NOW)

    def breaks() -> Iterator[list[DevicePast]]:
        yield [DevicePast("nvr-2", "", "", (Past(9, 0, 0, 0, 0, 0),))]
        raise RuntimeError("the disk is gone")

    with pytest.raises(RuntimeError, match="the disk is gone"):
        board.put_pasts(breaks(), NOW + 1)

    assert board.pasts(["nvr-2"]) == ({"nvr-2": {0: Past(1, 0, 0, 0, 0, 0)}}, NOW)


def test_what_a_round_does_not_name_is_gone(board: Board) -> None:
    board.begin_round()
    board.put([row("nvr-2"), row("new-1", "warning")])
    board.end_round()

    assert ids(board, FleetFilter()) == ["new-1", "nvr-2"]
    assert board.counts(EVERYTHING) == {"normal": 1, "warning": 1}


def test_who_is_due_comes_the_longest_overdue_first(board: Board) -> None:
    board.put([row("nvr-2", look_ms=20), row("ups-2", look_ms=10), row("bus-31", look_ms=40)])

    assert board.due(30, 10) == ["ups-2", "nvr-2"]
    assert board.devices_of(["nvr-2", "bus-31", "nobody"]) == ["bus-31", "nvr-2"]


@pytest.mark.sqlite
def test_the_index_finds_what_is_open_without_the_history(store: Store, tmp_path: Path) -> None:
    with store._write.begin() as connection:
        plan = connection.execute(
            text("EXPLAIN QUERY PLAN SELECT subject FROM condition WHERE known_to_ms IS NULL AND event_to_ms IS NULL")
        ).fetchall()

    assert "condition_by_end" in plan[0][3]
