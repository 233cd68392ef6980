"""Who has to agree, or to look, before a ticket goes on: customers, both sides, whoever reviews; told as tales.

A real engine and store, told time, steps as people's commands. What each service level asks for stands in its file
(rules/levels/); a level that does not ask for something lets people do without it.
"""

from tests.collector.engine.people import Halls


# Shows S0-13.
def test_security_who_says_that_somebody_comes_says_when_and_the_promise_is_kept(hall: Halls) -> None:
    camera = hall("security")
    camera.at("10:00").calls(text="no picture at the gate")

    assert camera.at("10:10").refused("acknowledge", by="wang", reply="visit") == "no_arrival"
    assert camera.refused("dispatch", by="wang", engineer="li") == "no_arrival", "nor is anybody sent in silence"
    camera.does("acknowledge", by="wang", reply="visit", arrival="14:00")
    camera.does("dispatch", by="wang", engineer="li").at("13:50").does("arrive")

    assert camera.clocks()["appointment"] == "met"


# Shows S0-58.
def test_security_what_is_handed_over_is_closed_when_the_customer_agrees(hall: Halls) -> None:
    camera = hall("security")
    camera.at("10:00").calls(text="the recorder forgets its users")
    camera.does("acknowledge", by="wang", reply="phone")

    camera.at("10:20").does("hand_over", by="wang", to="sun", text="a matter of the software")
    assert camera.due()["hand_over"] == "11-24 10:20"
    camera.at("16:00").does("resolve", by="sun", how="other", text="another version was sent")
    assert camera.refused("close", by="sun") == "not_agreed"

    camera.at("17:00").does("follow_up", by="sun", reached=True, satisfied=True)
    assert camera.does("close", by="sun").state() == "closed"
    assert [(one.who, one.data["to"], one.text) for one in camera.log() if one.verb == "hand_over"] == [
        ("wang", "sun", "a matter of the software")
    ]


# Shows S0-42.
def test_security_another_number_goes_on_when_both_sides_have_agreed(hall: Halls) -> None:
    camera = hall("security")
    camera.at("10:00").calls(text="no picture at the gate")

    assert camera.refused("transfer", by="wang", text="the mast must be climbed") == "not_agreed"
    camera.does("transfer", by="wang", text="the mast must be climbed", agreed_by="Chen", approved_by="Zhao")

    assert camera.numbers() == [("2026-000001", "transferred"), ("2026-000002", "open")]
    assert camera.said("transfer", 1) == [{"to": "2026-000002", "agreed_by": "Chen", "approved_by": "Zhao"}]


def test_tender_what_was_looked_into_once_need_not_be_under_another_number(hall: Halls) -> None:
    toner = hall("tender")
    toner.at("08:00").calls(text="no toner")
    toner.does("examine", by="wang", how="phone", text="the cartridge is empty")

    toner.at("08:10").does("transfer", by="wang", text="another book")

    assert toner.does("dispatch", by="wang", engineer="li").state() == "dispatched"


# Shows S2-18.
def test_tender_what_the_readings_found_needs_no_other_diagnosis(hall: Halls) -> None:
    printer = hall("tender")

    printer.at("08:00").breaks(printer__paper="end")

    assert printer.does("dispatch", by="wang", engineer="li").state() == "dispatched"


# Shows S4-15.
def test_kiosk_a_grave_fault_has_somebody_on_the_way_while_it_is_mended_remotely(hall: Halls) -> None:
    disk = hall("kiosk")
    disk.at("22:00").breaks(**{"disk[/]__readonly": "yes"})

    assert disk.refused("plan", by="wang", mode="remote") == "send_at_once"
    disk.does("plan", by="wang", mode="visit").does("dispatch", by="wang", engineer="li").at("22:20").does("depart")
    disk.does("examine", by="wang", how="remote", text="the disk was checked at the last start, and found full")
    disk.does("consent", by="wang", what="remove old logs", agreed="Chen").does("resolve", by="wang", how="remote")

    assert disk.state() == "resolved", "li turns back"
    assert disk.clocks() == {
        "solution": "met",
        "arrive": "cancelled",
        "repair": "cancelled",
        "restore": "cancelled",
        "total": "met",
    }


# Shows S4-42.
def test_kiosk_the_head_of_the_service_point_reviews_what_others_did_and_sends_back_what_is_wrong(hall: Halls) -> None:
    pinpad = hall("kiosk")
    pinpad.at("09:00").breaks(lasting=2, pinpad__state="fault").does("dispatch", by="wang", engineer="li")
    pinpad.at("09:50").does("arrive").at("10:30").does("fix", work="a new PIN pad", cause="product", is_replaced=True)
    pinpad.works(lasting=3, pinpad__state="ready").both_sign().does("confirm", name="Chen", rating=4)
    assert pinpad.refused("review", by="zhao", accepted=True) == "no_report", "nothing is accepted before it is whole"
    pinpad.does("report", forms=["work_order"]).does("follow_up", by="wang", reached=True)

    assert pinpad.refused("close", by="wang") == "no_review"
    assert pinpad.refused("review", by="li", accepted=True) == "not_yours"
    pinpad.does("review", by="zhao", accepted=False, text="the serial number of the old one is missing")
    assert pinpad.refused("close", by="wang") == "no_report"
    pinpad.does("report", forms=["work_order"]).does("review", by="zhao", accepted=True, rating=4)

    assert pinpad.does("close", by="wang").state() == "closed"


def test_kiosk_what_went_away_by_itself_is_reviewed_by_nobody(hall: Halls) -> None:
    paper = hall("kiosk")

    paper.at("09:00").breaks(printer__paper="end").at("09:10").works(lasting=2, printer__paper="ok").at("11-27 09:00")

    assert paper.state() == "closed"


# Shows S1-50.
def test_why_no_warranty_covers_it_stays_on_the_ticket(hall: Halls) -> None:
    computer = hall("tianyi")
    computer.at("10:00").calls(component="mainboard")
    computer.does("dispatch", by="wang", engineer="li").at("11:30").does("arrive")

    computer.does("fix", work="a new mainboard", cause="damage", exclusion="accident", text="water in the case")

    assert [(one["cause"], one["exclusion"]) for one in computer.said("fix")] == [("damage", "accident")]


def test_decoration_who_calls_it_urgent_later_still_has_the_hour(hall: Halls) -> None:
    water = hall("decoration")
    water.at("20:00").calls(text="the tap drips")
    assert water.due()["arrive"] == "11-23 21:00"

    water.at("20:10").does("priority", by="wang", priority="urgent")

    assert water.due()["arrive"] == "11-23 21:00", "the floor of urgent works is a day: it takes nothing away"
