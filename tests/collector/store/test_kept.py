"""How promises were kept, as the database counts it: what is left out, what a scope hides, and the tickets behind."""

from typing import Any

import pytest

from roundsman_collector.config import built_in
from roundsman_collector.core.kept import AGAIN_MS, Tally
from roundsman_collector.core.ticket_log import ROBOT
from roundsman_collector.roles import EVERYTHING, NOTHING, Scope
from roundsman_collector.rules.levels import body_of, file_from
from roundsman_collector.store import Batch, Store, TicketOpen, TicketStep, TicketVoid, View, levels
from roundsman_collector.store.kept import NONE, Behind, KeptAsked, KeptFound, LeftOut
from roundsman_collector.store.ticket_clocks import ClockRow, ClocksTold
from tests.collector.store.cast import TODAY

HOUR = 3_600_000
DAY = 24 * HOUR


def opened(subject: str, opened_ms: int, component: str = "printer") -> TicketOpen:
    return TicketOpen(
        subject=subject,
        agent_no=1,
        component=component,
        code="printer.paper_end",
        severity="minor",
        service_class="clerk",
        fault_from_ms=opened_ms,
        opened_ms=opened_ms,
        year=2026,
        watched=False,
        source="phone",
    )


def step(ticket: int, at_ms: int, verb: str, *, who: str = "li", **data: Any) -> TicketStep:
    return TicketStep(ticket=ticket, at_ms=at_ms, verb=verb, who=who, text="x", data=data)


def visit(ticket: int, at_ms: int, engineer: str) -> list[TicketStep]:
    """Somebody is sent, comes as agreed, mends it, within two hours."""
    return [
        step(ticket, at_ms, "dispatch", engineer=engineer, arrival_ms=at_ms + HOUR),
        step(ticket, at_ms + HOUR, "arrive"),
        step(ticket, at_ms + 2 * HOUR, "fix"),
    ]


def clock(name: str, state: str, elapsed_ms: int = 0, is_breached: bool = False) -> ClockRow:
    return ClockRow(name, state, TODAY, TODAY + HOUR, None, None, elapsed_ms, is_breached)


@pytest.fixture
def kept(store: Store, view: View) -> View:
    """1 kiosk-7, 2 nvr-2 (late), 3 bus-31 (void, breached), 4 kiosk-7 again, a month later; kiosk-7 is metro's."""
    with store._write.begin() as connection:
        body = body_of(file_from(built_in("levels/kiosk.yaml"), source="kiosk.yaml"))
        levels.put(connection, "kiosk", "h", body, 0)
        level_id = levels.newest(connection)["kiosk"].id
        connection.exec_driver_sql(
            "INSERT INTO site (id, from_ms, made_ms, made_by, customer, group_id, name_zh, name_en, address, zone, "
            "time_zone, service_hours, engineer) VALUES ('s', 0, 0, 'w', 'metro', 'south', '', '', '', '', '', '', '')"
        )
        connection.exec_driver_sql(
            "INSERT INTO place (id, from_ms, made_ms, made_by, site, name_zh, name_en, engineer) "
            "VALUES ('p', 0, 0, 'w', 's', '', '', NULL)"
        )
        connection.exec_driver_sql(
            "INSERT INTO installation (device, from_ms, made_ms, made_by, place) VALUES ('kiosk-7', 0, 0, 'w', 'p')"
        )
    later = TODAY + AGAIN_MS
    store.commit(
        Batch(
            now_ms=later,
            tickets=[
                opened("kiosk-7", TODAY),
                opened("nvr-2", TODAY + 1),
                opened("bus-31", TODAY + 2),
                opened("kiosk-7", later),
            ],
        )
    )
    promised = {"level_id": level_id, "contract": "c-1", "zone": "urban"}
    store.commit(
        Batch(
            now_ms=later + DAY,
            tickets=[
                step(1, TODAY, "promise", who=ROBOT, **promised),
                *visit(1, TODAY + HOUR, "li"),
                step(2, TODAY, "promise", who=ROBOT, level_id=None, contract=None, zone="urban"),
                step(2, TODAY + HOUR, "call"),
                TicketVoid(ticket=3, at_ms=TODAY + HOUR, text="it never was"),
                step(4, later, "promise", who=ROBOT, **promised, site="s-1", customer="metro"),
                *visit(4, later, "wang"),
            ],
            clocks=[
                ClocksTold(
                    ticket=1,
                    wake_at_ms=None,
                    clocks=[clock("arrive", "met", HOUR), clock("mean_repair", "counted", HOUR)],
                ),
                ClocksTold(ticket=2, wake_at_ms=None, clocks=[clock("total", "breached", 9 * HOUR, is_breached=True)]),
                ClocksTold(ticket=3, wake_at_ms=None, clocks=[clock("arrive", "cancelled", HOUR, is_breached=True)]),
                ClocksTold(
                    ticket=4,
                    wake_at_ms=None,
                    clocks=[clock("arrive", "met", HOUR, is_breached=True), clock("mean_repair", "counted", 2 * HOUR)],
                ),
            ],
        )
    )
    return view


def asked(**more: Any) -> KeptAsked:
    usual = {"scope": EVERYTHING, "from_ms": TODAY, "to_ms": TODAY + 40 * DAY, "now_ms": TODAY + 40 * DAY}
    return KeptAsked(**{**usual, **more})


def behind(view: View, wanted: Behind, **more: Any) -> list[int]:
    return [row.id for row in view.kept_behind(asked(**more), wanted, before_id=None, limit=50)]


def test_tickets_are_counted_by_group_and_those_that_are_void_listed_apart(kept: View) -> None:
    found = kept.kept(asked(by="contract"))

    assert sorted(found.tallies, key=lambda one: (one.key or "", one.clock, one.is_breached)) == [
        Tally(None, "total", "breached", True, None, 1, 9 * HOUR),
        Tally("c-1", "arrive", "met", False, None, 1, HOUR),
        Tally("c-1", "arrive", "met", True, None, 1, HOUR),
        Tally("c-1", "mean_repair", "counted", False, HOUR, 2, 3 * HOUR),
    ]
    assert found.counts == {
        "c-1": {
            "tickets": 2,
            "mended": 2,
            "mended_again": 1,
            "solved": 2,
            "appointments_kept": 2,
            "unfollowed": 2,
        },
        None: {"tickets": 1, "unsolved": 1, "called_again": 1},
    }
    assert found.left_out == (LeftOut("void", 1, 1),)


def test_every_grouping_has_the_same_sum(kept: View) -> None:
    def sum_of(by: Any) -> tuple[int, int]:
        found = kept.kept(asked(by=by))
        return sum(one["tickets"] for one in found.counts.values()), sum(one.tickets for one in found.tallies)

    assert [sum_of(by) for by in ("", "contract", "engineer", "zone")] == [(3, 5)] * 4
    assert set(kept.kept(asked(by="engineer")).counts) == {"li", "wang", None}
    assert set(kept.kept(asked(by="zone")).counts) == {"urban"}


def test_a_window_is_half_open_and_a_repair_before_it_still_makes_one_a_second_one(kept: View) -> None:
    first = kept.kept(asked(to_ms=TODAY + 1))
    last = kept.kept(asked(from_ms=TODAY + AGAIN_MS, to_ms=TODAY + AGAIN_MS + 1))

    assert first.counts[None]["tickets"] == 1 and "mended_again" not in first.counts[None]
    assert last.counts[None]["tickets"] == 1 and last.counts[None]["mended_again"] == 1
    assert kept.kept(asked(to_ms=TODAY)) == KeptFound()


def test_a_filter_narrows_and_nothing_can_be_asked_for_too(kept: View) -> None:
    assert kept.kept(asked(contract="c-1")).counts[None]["tickets"] == 2
    assert kept.kept(asked(contract=NONE)).counts[None]["tickets"] == 1
    assert kept.kept(asked(engineer="wang")).counts[None]["tickets"] == 1
    assert kept.kept(asked(zone="remote")).counts == {}
    assert kept.kept(asked(contract="c-1", engineer=NONE)).counts == {}
    assert kept.kept(asked(site="s-1")).counts[None]["tickets"] == 1
    assert kept.kept(asked(site="s-1", customer="bank")).counts == {}, "it was opened for the metro"
    assert kept.kept(asked(site=NONE, customer=NONE)).counts[None]["tickets"] == 2


def test_a_scope_keeps_its_secrets_counts_included(kept: View) -> None:
    metro = kept.kept(asked(scope=Scope(customers=frozenset({"metro"}))))

    assert metro.counts[None]["tickets"] == 2 and metro.left_out == ()
    assert kept.kept(asked(scope=NOTHING)) == KeptFound()


def test_behind_each_number_stand_its_tickets(kept: View) -> None:
    assert behind(kept, Behind(clock="arrive", stands="met")) == [4, 1]
    assert behind(kept, Behind(clock="arrive", stands="recorded")) == [4]
    assert behind(kept, Behind(clock="arrive", stands="cancelled")) == [], "a void one is in no figure"
    assert behind(kept, Behind(clock="total", stands="breached")) == [2]
    assert behind(kept, Behind(clock="mean_repair", stands="counted"), engineer="wang") == [4]
    assert behind(kept, Behind(count="mended_again")) == [4]
    assert behind(kept, Behind(count="tickets")) == [4, 2, 1]
    assert behind(kept, Behind(left_out="void")) == [3]
    assert behind(kept, Behind(count="tickets"), scope=Scope(customers=frozenset({"metro"}))) == [4, 1]


def test_pages_of_tickets_go_on_where_the_one_before_ended(kept: View) -> None:
    wanted = Behind(count="tickets")

    first = kept.kept_behind(asked(), wanted, before_id=None, limit=2)
    rest = kept.kept_behind(asked(), wanted, before_id=first[-1].id, limit=2)

    assert [[row.id for row in rows] for rows in (first, rest)] == [[4, 2], [1]]


def test_more_tickets_than_are_read_at_once_are_counted_once_each(store: Store, view: View) -> None:
    store.commit(Batch(now_ms=TODAY, tickets=[opened(f"#site-{number}", TODAY) for number in range(1203)]))

    assert view.kept(asked()).counts == {None: {"tickets": 1203}}
    rows = view.kept_behind(asked(), Behind(count="tickets"), before_id=None, limit=1100)
    assert [row.id for row in rows] == list(range(1203, 103, -1))
