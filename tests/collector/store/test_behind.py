"""What stands behind what, kept by dates and as it was known; and who lacks power or uplink because of whom."""

import pytest

from roundsman_collector.core.causes import Shadow
from roundsman_collector.core.model import Condition, Ref
from roundsman_collector.store import Batch, ConditionsTold, Store, StoreError, View
from roundsman_collector.store.audit import Deed
from roundsman_collector.store.behind import Wanted
from tests.collector.store.cast import TODAY

M = 60_000


def put(store: Store, *wanted: Wanted, at_ms: int = TODAY) -> int:
    return store.put_behind(wanted, Deed(who="li", at_ms=at_ms))


def fail(store: Store, subject: str, explains: str, from_ms: int, to_ms: int | None, known_ms: int) -> None:
    ref = Ref("s1", 1, from_ms)
    held = Condition(subject, "host", "host.unreachable", from_ms, to_ms, ref, ref, explains=explains)
    store.commit(Batch(now_ms=known_ms, conditions=[ConditionsTold(conditions=(held,))]))


def test_a_link_holds_from_its_time_to_the_next_and_the_same_again_changes_nothing(store: Store, view: View) -> None:
    first = put(store, Wanted("kiosk-7", "power", "ups-2", TODAY - 9))
    again = put(store, Wanted("kiosk-7", "power", "ups-2", TODAY - 5), at_ms=TODAY + 1)
    moved = put(store, Wanted("kiosk-7", "power", None, TODAY + 2), at_ms=TODAY + 2)

    assert (first, again, moved) == (1, 0, 1)
    assert [(row.root, row.from_ms, row.to_ms) for row in view.behind_history("kiosk-7")] == [
        ("ups-2", TODAY - 9, TODAY + 2),
        (None, TODAY + 2, None),
    ]
    assert view.behind_of(["kiosk-7"]) == {}
    assert store.links() == []


def test_what_is_said_anew_of_the_same_time_takes_the_place_and_what_was_known_stays(store: Store, view: View) -> None:
    put(store, Wanted("kiosk-7", "uplink", "nvr-2", TODAY - 60 * M))
    put(store, Wanted("kiosk-7", "uplink", "ups-2", TODAY - 60 * M), at_ms=TODAY + 10)
    fail(store, "nvr-2", "uplink", TODAY - 30 * M, TODAY - 20 * M, TODAY + 1)

    now = view.shadows_for(["kiosk-7"], TODAY - 60 * M, TODAY)
    then = view.shadows_for(["kiosk-7"], TODAY - 60 * M, TODAY, known_ms=TODAY + 5)
    before = view.shadows_for(["kiosk-7"], TODAY - 60 * M, TODAY, known_ms=TODAY)

    assert now == {}
    assert then == {
        "kiosk-7": (Shadow(TODAY - 30 * M, TODAY - 20 * M, "uplink", "nvr-2", "host.unreachable"),),
    }
    assert before == {}
    assert [row.root for row in view.behind_history("kiosk-7")] == ["nvr-2", "ups-2"]
    assert view.children_of("nvr-2") == []


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (Wanted("ups-2", "power", "kiosk-7", TODAY), "ups-2 <- kiosk-7 <- nvr-2 <- ups-2"),
        (Wanted("bus-31", "power", "bus-31", TODAY), "bus-31 <- bus-31"),
        (Wanted("bus-31", "power", "nobody-9", TODAY), "nobody-9, which is no known device"),
        (Wanted("bus-31", "power", "ups-2", TODAY + 1), "nothing begins in the future"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_of_it_stored(
    store: Store, view: View, wanted: Wanted, said: str
) -> None:
    put(store, Wanted("nvr-2", "power", "ups-2", TODAY - 5), Wanted("kiosk-7", "power", "nvr-2", TODAY - 5))

    with pytest.raises(StoreError, match=said) as refused:
        put(store, Wanted("bus-31", "uplink", "ups-2", TODAY), wanted)

    assert refused.value.cause == "conflict"
    assert view.behind_of(["bus-31", "ups-2"]) == {}


def test_power_one_way_and_uplink_the_other_is_no_circle(store: Store) -> None:
    assert put(store, Wanted("nvr-2", "power", "ups-2", TODAY), Wanted("ups-2", "uplink", "nvr-2", TODAY)) == 2


def test_who_lacks_something_now_is_found_from_the_faults_of_roots(store: Store, view: View) -> None:
    put(store, Wanted("nvr-2", "power", "ups-2", TODAY - 9), Wanted("kiosk-7", "uplink", "nvr-2", TODAY - 9))
    quiet = view.explained_now(TODAY)
    fail(store, "ups-2", "power", TODAY - 5, None, TODAY)

    everybody = view.explained_now(TODAY)

    assert quiet == {}
    assert {device: (one.kind, one.root) for device, one in everybody.items()} == {
        "nvr-2": ("power", "ups-2"),
        "kiosk-7": ("uplink", "ups-2"),
    }
    assert view.explained_now(TODAY, ["kiosk-7", "bus-31"]).keys() == {"kiosk-7"}
