"""What five service regulations promise, lived through: from the fault or the phone call to the signature.

A real engine and store, told time, steps as people's commands. The eleven rows of promises come first, then what does
not go as planned: late, paused, transferred, void, back again, replaced, taken away, merged, called back.
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from roundsman_collector.store import Deed, ItemFields, LocationFields, MoveWish, Office, View
from tests.collector.engine.people import Hall, Halls, ask
from tests.collector.engine.test_desk import POWER, Story

NONSENSE = (
    "INSERT INTO ticket_event (ticket_id, at_ms, who, verb, text, data) "
    """VALUES (?, ?, 'nobody', 'open', '', '{"carried": {}}')"""
)
"""A line that no clock can be read from."""


# --- the promises ----------------------------------------------------------------------------------------------------


def test_security_a_reply_in_half_an_hour_an_appointment_that_is_kept_and_papers_within_two_days(hall: Halls) -> None:
    camera = hall("security")

    camera.at("10:00").calls(text="no picture at the gate")
    assert camera.due() == {"respond": "11-23 10:30", "forms": "11-25 10:00"}

    camera.at("10:20").does("acknowledge", by="wang", reply="visit", arrival="14:00")
    camera.does("dispatch", by="wang", engineer="li")
    assert camera.due() == {"appointment": "11-23 14:00", "forms": "11-25 10:00"}

    camera.at("13:50").does("depart").does("arrive")
    assert camera.at("14:30").refused("leave", reason="parts") == "no_analysis"
    camera.does("leave", reason="parts", analysis="the lens is broken, none in the car", next_visit="11-24 09:30")
    assert camera.due()["appointment"] == "11-24 09:30", "the next visit has its own"

    camera.at("11-24 09:00").does("dispatch", by="wang", engineer="li").at("09:25").does("arrive")
    camera.at("10:00").does("fix", work="a new lens", cause="product").both_sign()
    camera.at("17:00").hands_in_and_closes()
    assert camera.state() == "closed"
    assert camera.clocks() == {"respond": "met", "appointment": "met", "hand_over": "cancelled", "forms": "met"}
    assert camera.said("breach") == []


# Shows S1-3, S1-5.
def test_huajun_a_reply_in_eight_hours_an_answer_in_two_working_days_software_mended_in_a_day(hall: Halls) -> None:
    software = hall("huajun")

    software.at("11-27 15:00").breaks(**{"app[checkout]__state": "dead"})
    assert software.due() == {"respond": "11-27 23:00", "solution": "12-01 18:00", "repair": "11-28 15:00"}, (
        "Friday is not counted, nor is the weekend"
    )

    software.at("11-27 16:00").does("acknowledge", by="wang", reply="remote").does("plan", by="wang", mode="remote")
    assert software.at("11-28 09:00").refused("resolve", how="remote") == "no_consent"
    software.does("consent", what="restart the application", by_whom="Chen").does("resolve", how="remote")
    software.does("close", by="wang")
    assert software.state() == "closed"
    assert software.clocks() == {"respond": "met", "solution": "met", "repair": "met"}


# Shows S1-28, S1-30.
def test_bidder_somebody_is_there_within_an_hour_of_the_hours_of_service(hall: Halls) -> None:
    printer = hall("bidder")

    printer.at("11-28 17:30").breaks(lasting=5, printer__error="output_full")
    assert printer.due() == {
        "respond": "11-28 18:00",
        "arrive": "11-29 08:30",
        "repair": "11-29 17:30",
        "loan": "11-29 17:30",
    }, "Saturday closes at six, and on Sunday it goes on"

    printer.at("17:50").does("acknowledge", by="wang", reply="visit")
    printer.at("11-29 08:00").does("dispatch", by="wang", engineer="li").at("08:25").does("arrive")
    printer.at("08:40").works(printer__error="none").does("fix", work="emptied", cause="misuse")
    printer.both_sign().hands_in_and_closes()
    assert printer.clocks() == {"respond": "met", "arrive": "met", "repair": "met", "loan": "met"}


# Shows S1-31, S1-32.
def test_bidder_what_takes_longer_than_a_day_has_a_unit_on_loan(hall: Halls) -> None:
    printer = hall("bidder")
    printer.at("09:00").breaks(printer__error="mechanical").does("dispatch", by="wang", engineer="li")
    printer.at("11:00").does("arrive").does("loan", name="an old printer", serial="P-9")
    printer.does("leave", reason="parts", analysis="the cutter is ordered", next_visit="11-25 10:00")

    printer.at("11-24 12:00")

    assert printer.clocks() == {"respond": "met", "repair": "breached", "loan": "met"}
    assert printer.told()[-1] == "11-24 09:00 repair 101"
    printer.at("11-25 10:00").does("dispatch", by="wang", engineer="li").does("arrive").works(printer__error="none")
    printer.does("fix", work="a new cutter", cause="product").both_sign()
    printer.does("confirm", name="Chen").does("report").does("follow_up", reached=True)
    assert printer.refused("close") == "lent"
    (loan,) = printer.standing().loans
    assert printer.does("loan_back", loan=loan).does("close").state() == "closed"
    assert printer.clocks() == {"respond": "met", "repair": "missed", "loan": "met"}


# Shows S1-36, S1-45, S1-46, S1-47.
def test_tianyi_there_in_two_hours_mended_in_a_day_and_back_from_the_workshop_in_a_week(hall: Halls) -> None:
    computer = hall("tianyi")

    computer.at("10:00").calls(component="mainboard")
    assert computer.due() == {"arrive": "11-23 12:00", "repair": "11-24 10:00", "loan": "11-24 10:00"}

    computer.does("dispatch", by="wang", engineer="li").at("11:30").does("arrive")
    assert computer.refused("take_away", component="mainboard") == "no_loan"
    computer.at("12:00").does("loan", name="a notebook", serial="N-4")
    assert computer.refused("take_away", component="mainboard") == "not_agreed"
    computer.does("take_away", component="mainboard", agreed_by="Chen")
    assert computer.due() == {"repair": "11-24 10:00", "rma": "11-30 12:00"}

    computer.at("11-27 15:00").does("bring_back", component="mainboard").does("loan_back", loan=1)
    computer.does("fix", work="mended in the workshop", cause="product").both_sign().hands_in_and_closes()
    assert computer.clocks() == {"arrive": "met", "repair": "missed", "loan": "met", "rma": "met"}


# Shows S1-56.
def test_decoration_a_solution_in_half_an_hour_and_somebody_with_tools_within_the_hour(hall: Halls) -> None:
    lamp = hall("decoration")

    lamp.at("20:00").calls(text="no light in the stairwell")
    assert lamp.due() == {"respond": "11-23 20:30", "solution": "11-23 20:30", "arrive": "11-23 21:00"}

    lamp.at("20:10").does("plan", by="wang", mode="visit").does("dispatch", by="wang", engineer="li")
    lamp.at("20:50").does("arrive").at("21:20").does("fix", work="a new ballast", cause="product")
    lamp.both_sign().hands_in_and_closes()
    assert lamp.clocks() == {"respond": "met", "solution": "met", "arrive": "met"}


# Shows S1-52.
def test_decoration_urgent_works_have_the_hour_as_a_promise_and_a_day_as_the_floor(hall: Halls) -> None:
    water = hall("decoration")
    water.at("20:00").calls(text="no water", customer_priority="urgent")
    assert water.due()["arrive"] == "11-24 20:00 / 11-23 21:00"

    water.at("20:20").does("plan", by="wang", mode="visit").does("dispatch", by="wang", engineer="li")
    water.at("22:00").does("arrive").does("fix", work="a new tap", cause="product").both_sign().hands_in_and_closes()

    assert water.clocks() == {"respond": "met", "solution": "met", "arrive": "met"}
    assert "11-23 21:00 arrive 100" in water.told(), "the promise was broken, the floor was kept"
    assert water.said("breach") == []


# Shows S2-6, S2-18, S2-19.
def test_tender_twelve_hours_and_a_day_are_the_floor_two_and_eight_are_the_promise(hall: Halls) -> None:
    toner = hall("tender")

    toner.at("08:00").calls()
    assert toner.due() == {"respond": "11-23 20:00 / 11-23 10:00"}

    toner.at("10:30").does("acknowledge", by="wang", reply="visit", arrival="15:00")
    assert toner.due()["repair"] == "11-24 10:30 / 11-23 18:30", "the second clock starts where the first ended"
    assert toner.told() == ["11-23 10:00 respond 50", "11-23 10:00 respond 80", "11-23 10:00 respond 100"]

    assert toner.refused("dispatch", by="wang", engineer="li") == "not_examined"
    toner.does("examine", by="wang", how="phone", text="the cartridge is empty, there is none in the cupboard")
    toner.does("dispatch", by="wang", engineer="li").at("14:55").does("arrive").at("16:00")
    toner.does("fix", work="toner", cause="other").both_sign().hands_in_and_closes()
    assert toner.clocks() == {"respond": "met", "repair": "met", "appointment": "met"}


# Shows S1-63, S2-7, S2-20.
def test_tender_what_is_urgent_is_done_within_the_hour(hall: Halls) -> None:
    toner = hall("tender")
    toner.at("08:00").calls(customer_priority="urgent")
    assert toner.due()["total"] == "11-23 09:00"

    toner.at("08:03").does("contact", by="wang", outcome="declined", text="wants somebody here, no questions")
    toner.at("08:05").does("dispatch", by="wang", engineer="li").at("08:30").does("arrive")
    toner.at("08:55").does("fix", work="toner", cause="other").both_sign().hands_in_and_closes()

    assert toner.clocks()["total"] == "met"


# Shows S3-14.
def test_vehicle_a_visit_as_agreed_and_done_within_three_working_days(hall: Halls) -> None:
    terminal = hall("vehicle")

    terminal.at("11-26 09:10").calls()
    assert terminal.due() == {"repair": "12-01 18:00"}, "Thursday is not counted, nor is the weekend"

    terminal.does("appoint", by="wang", arrival="11-27 10:00", agreed_by="the driver")
    terminal.does("dispatch", by="wang", engineer="li").at("11-27 09:55").does("arrive")
    terminal.at("11:00").does("fix", work="a new antenna", cause="product").both_sign().hands_in_and_closes()
    assert terminal.clocks() == {"appointment": "met", "repair": "met"}


# Shows S4-21.
def test_kiosk_what_a_clerk_can_mend_has_half_an_hour_by_phone_and_a_visit_if_that_fails(hall: Halls) -> None:
    paper = hall("kiosk", zone="suburban")

    paper.at("09:00").breaks(printer__paper="end")
    assert paper.due() == {"support": "11-23 09:30", "solution": "11-23 09:40"}

    paper.at("09:20").does("acknowledge", by="wang", reply="phone").does("plan", by="wang", mode="visit")
    assert paper.due() == {"arrive": "11-23 15:20 / 11-23 13:20"}, "from when it was clear that somebody must come"

    paper.does("dispatch", by="wang", engineer="li").at("12:00").does("depart").at("12:50").does("arrive")
    paper.at("13:00").does("fix", work="paper, and how it is put in", cause="misuse")
    assert paper.at("13:03").works(lasting=2, printer__paper="ok").state() == "verified"
    paper.both_sign().hands_in_and_closes()
    assert paper.clocks() == {
        "support": "met",
        "solution": "met",
        "arrive": "met",
        "mean_repair": "counted",
    }


# Shows S4-3, S4-22.
def test_kiosk_maintenance_is_there_in_four_hours_and_mended_within_an_hour_on_the_mean(hall: Halls) -> None:
    reader = hall("kiosk")

    reader.at("09:00").breaks(lasting=2, scanner__state="fault")
    assert reader.due() == {"solution": "11-23 09:40", "arrive": "11-23 13:00 / 11-23 11:00"}

    reader.at("09:30").does("plan", by="wang", mode="visit").does("dispatch", by="wang", engineer="li")
    reader.at("10:20").does("arrive", happened="10:10").at("11:40").does("fix", work="a new cable", cause="product")
    reader.works(lasting=3, scanner__state="ready").both_sign().hands_in_and_closes()
    assert reader.clocks() == {"solution": "met", "arrive": "met", "mean_repair": "counted"}, (
        "an hour and a half: no ticket alone misses a mean"
    )


# Shows S4-23.
def test_kiosk_what_is_replaced_is_so_within_two_hours_of_the_arrival(hall: Halls) -> None:
    pinpad = hall("kiosk")

    pinpad.at("09:00").breaks(lasting=2, pinpad__state="fault")
    pinpad.at("09:30").does("plan", by="wang", mode="visit").does("dispatch", by="wang", engineer="li")
    pinpad.at("10:40").does("arrive")
    assert pinpad.due() == {"repair": "11-23 12:40"}

    pinpad.does("part", component="pinpad", name="PIN pad", quantity=1, old_serial="A-1", new_serial="B-2")
    pinpad.at("12:10").does("fix", work="a new PIN pad", cause="product", is_replaced=True)
    pinpad.works(lasting=3, pinpad__state="ready").both_sign().hands_in_and_closes()
    assert pinpad.clocks() == {"solution": "met", "arrive": "met", "repair": "met", "mean_repair": "counted"}


# Shows S4-10.
def test_kiosk_far_away_the_engineer_leaves_within_an_hour_and_arrives_within_a_day(hall: Halls) -> None:
    disk = hall("kiosk", zone="elsewhere")

    disk.at("22:00").breaks(**{"disk[/]__readonly": "yes"})
    assert disk.due() == {"solution": "11-23 22:40", "total": "11-26 22:00"}

    disk.at("22:20").does("plan", by="wang", mode="visit")
    assert disk.due() == {"depart": "11-23 23:20", "arrive": "11-24 22:20", "total": "11-26 22:00"}

    disk.at("23:00").does("dispatch", by="wang", engineer="li").at("23:10").does("depart", transport="train")
    disk.at("11-24 09:00").does("arrive")
    assert disk.due() == {"repair": "11-24 11:00", "restore": "11-24 19:00", "total": "11-26 22:00"}

    disk.at("10:30").works(lasting=5, **{"disk[/]__readonly": "no"})
    disk.does("fix", work="a new disk", cause="product").both_sign().hands_in_and_closes()
    assert disk.clocks() == {
        "solution": "met",
        "depart": "met",
        "arrive": "met",
        "repair": "met",
        "restore": "met",
        "total": "met",
    }


# --- late, and waiting -----------------------------------------------------------------------------------------------


def test_a_promise_that_nobody_keeps_is_told_up_the_chain_until_it_is_written_down_as_broken(hall: Halls) -> None:
    reader = hall("kiosk")
    reader.at("09:00").breaks(lasting=2, scanner__state="fault").does("plan", by="wang", mode="visit")
    reader.does("dispatch", by="wang", engineer="li")

    reader.at("15:00")

    arrive = [one for one in (*reader.said("warn"), *reader.said("breach")) if one["clock"] == "arrive"]
    assert [(one.get("percent", 101), one["tell"]) for one in arrive] == [
        (50, ["engineer"]),
        (80, ["engineer", "dispatcher"]),
        (100, ["engineer", "dispatcher"]),
        (101, ["engineer", "dispatcher", "manager"]),
    ]
    assert reader.told() == [
        "11-23 11:00 arrive 50",
        "11-23 11:00 arrive 80",
        "11-23 11:00 arrive 100",
        "11-23 13:00 arrive 101",
    ]
    assert reader.clocks() == {"solution": "met", "arrive": "breached"}

    reader.at("16:00").does("arrive", happened="12:50")
    assert reader.clocks()["arrive"] == "met", "li was there in time, and had no network in the cellar"
    assert len(reader.said("breach")) == 1, "what was recorded stays"


def test_a_customer_who_is_not_there_stops_the_clocks_and_moves_what_is_due(hall: Halls) -> None:
    reader = hall("kiosk")
    reader.at("09:00").breaks(lasting=2, scanner__state="fault").does("plan", by="wang", mode="visit")
    reader.does("dispatch", by="wang", engineer="li")

    reader.at("10:30").does("wait", reason="customer_absent")
    assert reader.at("12:00").clocks()["arrive"] == "paused"
    reader.does("resume")

    assert reader.due()["arrive"] == "11-23 14:30 / 11-23 12:30"
    reader.at("14:00").does("arrive")
    assert reader.clocks()["arrive"] == "met"
    assert reader.said("breach") == []


def test_waiting_for_parts_stops_no_clock_that_did_not_say_so(hall: Halls) -> None:
    reader = hall("kiosk")
    reader.at("09:00").breaks(lasting=2, scanner__state="fault").does("plan", by="wang", mode="visit")

    reader.at("10:00").does("wait", by="wang", reason="parts")

    assert reader.at("13:10").told()[-1] == "11-23 13:00 arrive 101"


def test_clocks_that_are_due_while_the_collector_is_down_are_told_when_it_is_back(hall: Halls) -> None:
    paper = hall("kiosk")
    paper.at("09:00").breaks(printer__paper="end")

    paper.restart(paper.minutes + 60)
    paper.now_ms += 60 * 60_000
    answer = paper.tries("resolve", by="wang", how="phone")
    paper.at("10:30")

    assert answer.state == "done"
    assert paper.clocks() == {
        "support": "missed",
        "solution": "missed",
        "arrive": "cancelled",
        "mean_repair": "cancelled",
    }
    assert [one["clock"] for one in paper.said("breach")] == ["support", "solution"]


def test_what_was_over_by_itself_owes_no_papers_of_a_visit_that_never_was(hall: Halls) -> None:
    camera = hall("security")
    camera.at("10:00").breaks(printer__paper="end")
    camera.at("10:05").works(printer__paper="ok")

    camera.at("11-26 12:00")

    assert camera.state() == "closed"
    assert camera.told() == []


def test_a_ticket_whose_log_makes_no_sense_keeps_nobody_elses_clocks_from_being_told(hall: Halls) -> None:
    paper = hall("kiosk")
    for code in ("printer.paper_end", "printer.jam", "printer.cover_open"):
        paper.at("09:00").calls(code)
    with sqlite3.connect(paper.path) as database:
        database.execute(NONSENSE, (2, paper.now_ms))

    paper.at("10:00")

    assert [len(paper.said("breach", ticket)) for ticket in (1, 2, 3)] == [2, 0, 2]
    again_ms = paper.instant("09:15") + 60 * 60_000
    assert paper.row(2).wake_at_ms == again_ms, "it is tried again an hour later"
    assert _put_off(paper) == [("2026-000002", paper.instant("09:15"), 1, "KeyError: 'marks'", again_ms)]


def test_a_ticket_that_is_put_off_is_seen_until_a_look_at_it_goes_well(hall: Halls) -> None:
    paper = hall("kiosk")
    paper.at("09:00").calls("printer.paper_end")
    with sqlite3.connect(paper.path) as database:
        database.execute(NONSENSE, (1, paper.now_ms))
    paper.at("11:30")
    ((_, since_ms, tries, _, again_ms),) = _put_off(paper)
    assert (since_ms, tries, again_ms) == (paper.instant("09:15"), 3, paper.instant("12:15"))

    with sqlite3.connect(paper.path) as database:
        database.execute("DELETE FROM ticket_event WHERE who = 'nobody'")
    paper.at("12:16")

    assert _put_off(paper) == []
    assert len(paper.said("breach")) == 2, "what was due meanwhile is told then"


def _put_off(paper: Hall) -> list[tuple[str, int, int, str, int | None]]:
    with View.open(paper.path) as view:
        return [tuple(one) for one in view.put_off(9)]


# --- another number, or none -----------------------------------------------------------------------------------------


def test_a_transfer_ends_one_number_begins_another_and_the_clocks_run_on(hall: Halls) -> None:
    reader = hall("kiosk")
    reader.at("09:00").calls("scanner.fault", customer_priority="urgent")

    reader.at("09:30").does("acknowledge", by="wang").does("transfer", by="wang", text="another book")

    assert reader.numbers() == [("2026-000001", "transferred"), ("2026-000002", "open")]
    assert reader.said("transfer", 1) == [{"to": "2026-000002"}]
    assert reader.said("open", 2)[0]["transferred_from"] == "2026-000001"
    assert reader.due(1) == {}
    assert reader.due(2) == {"solution": "11-23 09:40", "arrive": "11-23 13:00 / 11-23 11:00"}
    reader.does("plan", by="wang", mode="visit").does("transfer", by="wang", text="and back")
    assert reader.due(3)["arrive"] == "11-23 13:00 / 11-23 11:00", "from the first report, however often it moves"
    assert reader.said("open", 3)[0]["carried"]["priorities"] == [[0, "urgent"]]


def test_security_the_next_number_has_the_loan_unit_the_spare_and_what_the_customer_said(hall: Halls) -> None:
    camera = hall("security")
    caller = {"name": "Chen", "phone": "13800000000"}
    camera.at("10:00").calls(
        component="camera", text="no picture", caller=caller, customer_priority="urgent", wish="soon"
    )
    camera.does("check", by="wang", asked="customer", words="no picture since the rain", phone="13811111111")
    deed = Deed(who="wang", at_ms=camera.now_ms)
    with Office.open(camera.path) as office:
        office.put_stock_item("lens", ItemFields(name_zh="镜头", name_en="Lens"), deed=deed)
        office.put_stock_location("hq", LocationFields(name_zh="总库"), deed=deed)
        office.book_move(MoveWish(location="hq", item="lens", verb="receive", quantity=3), deed=deed)
        office.reserve_spare("hq", "lens", 2, "2026-000001", deed=deed)
    camera.at("10:20").does("acknowledge", by="wang", reply="visit", arrival="14:00")
    camera.does("dispatch", by="wang", engineer="li").at("13:00").does("arrive")
    camera.does("loan", name="a camera", serial="C-9").does(
        "take_away", component="camera", serial="C-1", agreed_by="Chen"
    )
    camera.at("13:30").does("leave", reason="parts", analysis="wet inside", next_visit="11-24 10:00")

    wish = {"ticket": 1, "text": "a mast", "data": {"agreed_by": "Chen", "approved_by": "Zhao"}}
    moved, again = (camera.asks("transfer", "wang", "t-1", **wish) for _ in range(2))

    assert (moved.id, moved.state) == (again.id, "done")
    assert camera.numbers() == [("2026-000001", "transferred"), ("2026-000002", "open")]
    spare = {"reservation": 1, "location": "hq", "item": "lens", "quantity": 2, "state": "open"}
    along = {
        "spares": [{**spare, "name_zh": "镜头", "name_en": "Lens"}],
        "loans": [1],
        "taken_away": [{"component": "camera", "serial": "C-1"}],
    }
    assert camera.said("transfer", 1) == [{"agreed_by": "Chen", "approved_by": "Zhao", "to": "2026-000002", **along}]
    said = camera.said("open", 2)[0]
    assert {key: said[key] for key in along} == along
    assert (said["caller"], said["words"]) == ({"name": "Chen", "phone": "13811111111"}, "no picture since the rain")
    assert (said["wish"], said["customer_priority"]) == ("soon", "urgent")
    assert (camera.row(2).arrival_ms, camera.standing(2).arrival_ms) == (camera.instant("11-24 10:00"),) * 2
    with camera.view() as view:
        assert [(one.state, one.ticket) for one in view.stock_reservations()] == [
            ("open", "2026-000002"),
            ("released", "2026-000001"),
        ]
        assert [(one.now.shelf, one.reserved) for one in view.stock()] == [(3, 2)]
        assert [one.ticket for one in view.spares_of_ticket(1)[2]] == ["2026-000002"], "the old one shows where it went"

    camera.at("11-24 09:00").does("dispatch", by="wang", engineer="li").at("10:00").does("arrive")
    camera.does("part", component="camera", name="lens", item="lens", location="hq", new_serial="L-2")
    camera.does("fix", work="a new lens", cause="product").both_sign().does("confirm", name="Chen", rating=5)
    camera.does("report", forms=["work_order"]).does("follow_up", by="wang", reached=True, satisfied=True)
    assert camera.refused("close", by="wang") == "away"
    camera.does("bring_back", component="camera")
    assert camera.refused("close", by="wang") == "lent"
    assert camera.does("loan_back", loan=1).does("close", by="wang").state() == "closed"
    with camera.view() as view:
        assert [(one.now.shelf, one.reserved) for one in view.stock()] == [(2, 0)]


# Shows S0-47.
def test_a_transfer_of_what_is_over_is_over_and_the_fault_comes_back_to_the_new_number(hall: Halls) -> None:
    paper = hall("kiosk")
    paper.at("09:00").breaks(printer__paper="end").does("dispatch", by="wang", engineer="li")
    paper.at("09:10").works(lasting=2, printer__paper="ok").does("transfer", by="wang", text="another book")
    assert paper.standing(2).fault_is_over

    paper.at("09:20").breaks(printer__paper="end")

    assert paper.numbers() == [("2026-000001", "transferred"), ("2026-000002", "open")]
    assert paper.verbs(2)[-1] == "recur"


def test_a_fault_has_one_ticket_that_people_work_on(hall: Halls) -> None:
    paper = hall("kiosk")
    paper.at("09:00").breaks(printer__paper="end").at("09:10").works(lasting=2, printer__paper="ok")
    paper.at("09:20").calls("printer.paper_end")
    assert paper.numbers() == [("2026-000001", "resolved"), ("2026-000002", "open")]

    assert paper.refused("reopen", by="wang", text="it came back", ticket=1) == "other"


def test_a_ticket_that_should_not_be_is_voided_by_the_manager_and_keeps_its_number(hall: Halls) -> None:
    paper = hall("kiosk")
    paper.at("09:00").breaks(printer__paper="end")

    assert paper.refused("void", by="li", text="a test of ours") == "not_yours"
    assert paper.refused("void", by="zhao") == "no_words"
    paper.does("void", by="zhao", text="a test of ours")

    assert paper.at("12:00").told() == []
    paper.restart(paper.minutes)
    paper.says(printer__paper="end")
    assert paper.numbers() == [("2026-000001", "void")], "the fault goes on, and stays voided"
    paper.works(lasting=2, printer__paper="ok").at("12:30").breaks(printer__paper="end")
    assert paper.numbers() == [("2026-000001", "void"), ("2026-000002", "open")]


def test_late_truth_voids_what_never_was(hall: Halls) -> None:
    paper = hall("kiosk")
    paper.at("08:50").says(printer__paper="ok").at("09:00")
    well = paper.kiosk.sample(paper.minutes - 0.5, "kiosk-7", printer__paper="ok")
    paper.breaks(printer__paper="end")
    assert paper.state() == "open"

    paper.at("09:00:30").take(paper.minutes, paper.kiosk.report(paper.minutes, well, leaf="history"))
    paper.at("09:10")

    assert (paper.state(), paper.row().outcome) == ("void", "void")
    assert paper.at("12:00").told() == []


def test_late_truth_tells_somebody_who_was_sent_and_ends_nothing(hall: Halls) -> None:
    paper = hall("kiosk")
    paper.at("08:50").says(printer__paper="ok").at("09:00")
    well = paper.kiosk.sample(paper.minutes - 0.5, "kiosk-7", printer__paper="ok")
    paper.breaks(printer__paper="end").does("dispatch", by="wang", engineer="li")

    paper.at("09:00:30").take(paper.minutes, paper.kiosk.report(paper.minutes, well, leaf="history"))
    paper.at("09:10")

    assert (paper.state(), paper.verbs()[-1]) == ("dispatched", "recover")
    assert paper.said("recover")[0]["never"] is True


# --- back again ------------------------------------------------------------------------------------------------------


def test_a_fault_that_is_back_within_the_window_opens_the_same_ticket_again_and_later_another(hall: Halls) -> None:
    paper = hall("kiosk")
    paper.at("09:00").breaks(printer__paper="end").at("09:05").works(printer__paper="ok")
    assert paper.state() == "resolved"

    paper.at("11-24 15:00").breaks(printer__paper="end")
    assert (paper.numbers(), paper.verbs()) == ([("2026-000001", "open")], ["open", "resolve", "reopen"])

    paper.at("11-24 15:10").works(printer__paper="ok")
    assert paper.at("11-27 15:11").state() == "closed", "three days are over"
    paper.at("11-27 16:00").breaks(printer__paper="end")
    assert paper.numbers() == [("2026-000001", "closed"), ("2026-000002", "open")]


def test_a_fault_that_is_back_before_the_customer_has_signed_is_not_mended(hall: Halls) -> None:
    paper = hall("kiosk")
    paper.at("09:00").breaks(printer__paper="end").does("dispatch", by="wang", engineer="li").does("arrive")
    paper.at("09:20").does("fix", work="paper", cause="misuse").at("09:22").works(lasting=2, printer__paper="ok")
    assert paper.signs("customer").state() == "verified"

    paper.at("09:30").breaks(printer__paper="end")

    assert (paper.state(), paper.standing().signed) == ("acknowledged", frozenset())
    assert paper.refused("confirm") == "state"
    assert len(paper.numbers()) == 1


def test_what_somebody_solved_by_phone_too_soon_is_opened_again_and_the_evidence_goes_on_with_it(hall: Halls) -> None:
    paper = hall("kiosk")
    paper.at("09:00").breaks(printer__paper="end").does("resolve", by="wang", how="phone")

    paper.at("09:10").does("reopen", by="wang", text="it prints nothing after all")
    assert (paper.state(), paper.row().resolved_ms) == ("open", None)
    paper.at("09:20").works(lasting=2, printer__paper="ok")

    assert (paper.state(), paper.row().outcome, len(paper.numbers())) == ("resolved", "recovered", 1)


def test_what_is_opened_again_when_the_readings_are_well_has_its_fault_behind_it(hall: Halls) -> None:
    paper = hall("kiosk")
    paper.at("09:00").breaks(printer__paper="end").does("resolve", by="wang", how="phone")
    paper.at("09:20").works(lasting=2, printer__paper="ok")

    paper.at("09:30").does("reopen", by="wang", text="the customer says it is no better")
    assert (paper.state(), paper.standing().fault_is_over) == ("open", True)
    paper.at("09:40").breaks(printer__paper="end")

    assert (paper.verbs()[-1], paper.standing().fault_is_over, len(paper.numbers())) == ("recur", False, 1)


def test_a_repair_that_the_customer_had_called_for_is_not_one_where_readings_find_the_fault_again(hall: Halls) -> None:
    paper = hall("kiosk")
    paper.at("09:00").calls("printer.paper_end")
    paper.does("dispatch", by="wang", engineer="li").does("arrive").at("09:20").does(
        "fix", work="paper", cause="misuse"
    )

    paper.at("09:30").breaks(printer__paper="end")

    assert (paper.state(), paper.verbs()[-1], len(paper.numbers())) == ("acknowledged", "reopen", 1)


def test_what_people_closed_while_the_fault_held_stays_closed_after_a_restart(hall: Halls) -> None:
    paper = hall("kiosk")
    paper.at("09:00").breaks(printer__paper="end").does("dispatch", by="wang", engineer="li").does("arrive")
    paper.does("fix", work="the sensor lies", cause="other").both_sign().hands_in_and_closes()

    paper.restart(paper.minutes)
    paper.at("09:10").says(printer__paper="end")

    assert paper.numbers() == [("2026-000001", "closed")]


# --- replace, take away, call back -----------------------------------------------------------------------------------


# Shows S1-43.
def test_a_part_that_was_repaired_twice_is_replaced_unless_the_manager_says_why_not(hall: Halls) -> None:
    computer = hall("tianyi")
    for day in ("11-23", "11-25"):
        computer.at(f"{day} 09:00").breaks(lasting=2, scanner__state="fault")
        computer.does("dispatch", by="wang", engineer="li").does("arrive")
        computer.at("10:00").does("fix", work="soldered", cause="product").works(lasting=3, scanner__state="ready")
        computer.both_sign().hands_in_and_closes()
    computer.at("11-27 09:00").breaks(lasting=2, scanner__state="fault")
    computer.does("dispatch", by="wang", engineer="li").does("arrive")

    assert computer.refused("fix", work="soldered again", cause="product") == "replace"
    assert computer.refused("override", by="li", text="no scanner is made any more", rule="replacement") == "not_yours"
    computer.does("override", by="zhao", text="no scanner is made any more", rule="replacement")
    computer.does("fix", work="soldered again", cause="product").both_sign().hands_in_and_closes()

    assert [state for _, state in computer.numbers()] == ["closed", "closed", "closed"]


# Shows S3-13.
def test_who_was_helped_by_phone_is_called_back_after_two_hours_with_the_readings_of_these(hall: Halls) -> None:
    paper = hall("kiosk")
    paper.at("09:00").breaks(printer__paper="end").at("09:14").works(printer__paper="ok")
    paper.calls("printer.jam", text="it says jam, and prints")
    paper.at("09:15").does("resolve", by="wang", how="false_alarm", text="the paper was new")
    assert paper.refused("close", by="wang") == "no_follow_up"

    paper.works_until("11:16", printer__paper="ok", printer__error="none")

    (called,) = paper.said("call_back")
    assert (called["to_ms"] - called["from_ms"], called["up_ms"], called["down_ms"]) == (7_200_000, 7_170_000, 0)
    paper.at("11:20").does("follow_up", by="wang", reached=False)
    assert paper.refused("close", by="wang") == "no_follow_up", "nobody answered"
    paper.at("12:00").does("follow_up", by="wang", reached=True).does("review", by="zhao", accepted=True)
    assert paper.does("close", by="wang").state() == "closed"


# --- by the label on the device --------------------------------------------------------------------------------------


def test_passers_by_report_by_the_label_and_a_device_gets_no_more_tickets_than_it_can_bear(hall: Halls) -> None:
    kiosk = hall("kiosk")
    label: dict[str, Any] = {"source": "qr", "subject": "kiosk-7", "at_most": 3}
    kiosk.at("09:00").breaks(lasting=5, printer__paper="end")
    assert kiosk.row().code == "printer.paper_end"

    kiosk.at("09:05").asks("open", "label:1", key="tap-tap", code="printer.paper_end", text="no ticket comes", **label)
    kiosk.asks("open", "label:1", key="tap-tap", code="printer.paper_end", text="no ticket comes", **label)
    assert kiosk.numbers() == [("2026-000001", "open")]
    assert kiosk.verbs() == ["open", "call"], "monitoring knew, and a double tap is one report"

    for minute, code in enumerate(("", "screen.off", "card.fault"), 6):
        kiosk.at(f"09:{minute:02d}").asks("open", "label:1", code=code, text="and this", **label)
    assert [state for _, state in kiosk.numbers()] == ["open"] * 4

    answer = kiosk.at("09:10").asks("open", "label:1", code="cash.jam", text="it ate my note", **label)
    assert answer.result == {"ticket": 4, "number": "2026-000004", "is_known": True}, "the newest takes what comes"
    assert kiosk.log(4)[-1].text == "it ate my note"

    kiosk.at("09:12").does("resolve", by="wang", how="phone", ticket=4)
    kiosk.at("09:15").asks("open", "label:1", code="cash.jam", text="it ate mine, too", **label)
    assert kiosk.row(5).code == "cash.jam", "there is room again"
    assert kiosk.calls("touch.lost", text="nothing reacts").result is not None
    assert kiosk.row(6).source == "phone", "who calls is not held up by labels"


# --- a cause that is found later -------------------------------------------------------------------------------------


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Story]:
    """Kiosks of which nobody has said yet that they get their uplink from gw-2, and all silent."""
    one = Story(tmp_path, links=[POWER])
    one.heard(1, "kiosk-7", "kiosk-8", "kiosk-9")
    one.heard(1.5, "gw-2")
    one.look(4.1)
    yield one
    one.collector.store.close()


LINKS = [("kiosk-7", "uplink", "gw-2"), ("kiosk-8", "uplink", "gw-2"), ("kiosk-9", "uplink", "gw-2")]


def test_a_cause_found_later_takes_over_what_is_planned_and_leaves_alone_who_is_on_the_way(town: Story) -> None:
    desk = town.collector
    assert town.tickets == [("@kiosk-7", "open"), ("@kiosk-8", "open"), ("@kiosk-9", "open")]
    for ticket, steps in ((1, ("plan",)), (2, ("plan", "dispatch"))):
        for verb in steps:
            data = {"plan": {"mode": "visit"}, "dispatch": {"engineer": "li"}}[verb]
            assert ask(desk, 4.2, verb, "wang", ticket=ticket, data=data).state == "done"

    town.stand(*LINKS, minutes=4.3)
    town.look(4.6, 4.8, 5, 6)

    assert town.tickets == [
        ("@kiosk-7", "merged"),
        ("@kiosk-8", "dispatched"),
        ("@kiosk-9", "merged"),
        ("@gw-2", "open"),
    ]
    found = desk.store.ticket_with_log(2)
    assert found is not None
    notes = [event.data for event in found[1] if event.verb == "note"]
    assert notes == [{"lacks": "uplink"}], "li hears that the line is the cause, once"
    desk.restart(6.1)
    town.look(6.2, 6.4, 7)
    again = desk.store.ticket_with_log(2)
    assert again is not None
    assert [event.verb for event in again[1]].count("note") == 1
    assert ask(desk, 7.5, "arrive", "li", ticket=2, data={}).state == "done"
