"""The weekly report and the monthly file: what the API tells of the same window, for the house alone."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from roundsman_collector.api.desk import Desk
from roundsman_collector.core.slips import Wish
from roundsman_collector.store import Batch, Deed, Store, TicketOpen
from roundsman_collector.store.slips import SlipNew
from tests.collector.api.month import NOW, at, month, program, step
from tests.collector.api.report_desk import PREVIEW, got, name, preview, values, window

WEEK, MONTH = "2024-W40", "2024-10"
COUNTS = {
    "tickets": "tickets",
    "called_again": "with repeated calls",
    "mended": "mended on site",
    "unsolved": "not solved in time",
    "followed_up": "followed up",
    "unfollowed": "not followed up in time",
}


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Desk]]:
    """The month of month.py; a customer reported by phone, called again, was contacted twice and followed up."""
    with month(tmp_path_factory.mktemp("month")) as (store, desk):
        reported = TicketOpen(
            subject="bus-31",
            agent_no=3,
            component="",
            code="reported",
            severity="minor",
            service_class="maintenance",
            fault_from_ms=at(5),
            opened_ms=at(5),
            year=2024,
            source="phone",
            watched=False,
            who="li",
            text="打不着火",
        )
        store.commit(Batch(now_ms=NOW - 2, tickets=[reported]))
        lines = [
            step(5, 5.1, "call", name="王"),
            step(5, 5.2, "contact", outcome="not_reached"),
            step(5, 5.3, "contact", outcome="reached"),
            step(5, 5.4, "resolve", how="phone"),
            step(1, 2.3, "verify"),
            step(1, 5.5, "follow_up", reached=True, satisfied=True),
            step(1, 8, "call"),  # the week after
            step(1, 8.1, "review", who="root", accepted=True),
        ]
        store.commit(Batch(now_ms=NOW - 1, tickets=lines))
        slips(desk)
        yield store, desk


def slips(desk: Desk) -> None:
    """Two inquiries, one of them in the week after, one void; a trip's feedback, and one of another month."""
    asked = {"name": "王", "question": "价格", "answer": "已答", "phone": "13812345678"}
    trip = {"days": "2", "content": "更换 3 台", "found": "无", "customer_says": "满意"}
    made = [
        desk.office.begin_slip(slip(kind, day), said, deed=Deed(who="li", at_ms=at(hour)))
        for kind, day, said, hour in (
            ("inquiry", "2024-10-01", asked, 5.6),
            ("inquiry", "2024-10-01", asked, 8.2),
            ("inquiry", "2024-10-01", asked, 5.7),
            ("trip", "2024-10-01", trip, 5.8),
            ("trip", "2024-09-30", trip, 5.9),
        )
    ]
    desk.office.write_slip(made[2].id, Wish("void", words="重复"), deed=Deed(who="li", at_ms=at(5.8)))


def slip(kind: str, day: str) -> SlipNew:
    return SlipNew(kind=kind, day=day, site=None, customer="metro", group=None, device=None, engineer="li")


@pytest.fixture(scope="module")
def api(lived: tuple[Store, Desk]) -> TestClient:
    return program(lived[1])


# Shows S3-19.
def test_conversations_are_those_of_the_week_in_which_they_were_written_down(api: TestClient) -> None:
    found = preview(api, "weekly", "company:", WEEK)
    told = got(api, f"/api/v1/conversations?{window(found)}")

    assert [(one["kind"], one["number"], one["is_reached"]) for one in told["conversations"]] == [
        ("reported", "2024-000005", None),
        ("again", "2024-000005", None),
        ("contacted", "2024-000005", False),
        ("contacted", "2024-000005", True),
        ("follow_up", "2024-000001", True),
        ("inquiry", "S2024-000001", None),
    ]
    assert told["conversations"][-1]["words"] == "价格 → 已答"
    assert api.get(told["conversations"][-1]["link"]).json()["kind"] == "inquiry"
    kinds = values(found, "By kind")
    assert {name: value["count"][0] for (name, _), value in kinds.items()} == {
        "all": told["found"],
        **{one["name_en"]: one["conversations"] for one in told["kinds"]},
    }
    said = [
        (name(one["row"]), one["value"]["at"][0])
        for one in found["lines"]
        if (one["part_en"], one["column_en"]) == ("Each conversation", "When")
    ]
    assert said == [(one["number"], one["at_ms"]) for one in told["conversations"]]


# Shows S3-19.
def test_requests_are_the_tickets_by_the_way_they_came(api: TestClient) -> None:
    found = preview(api, "weekly", "company:", WEEK)
    told = got(api, f"/api/v1/kept?{window(found)}&by=source")

    said = values(found, "By way of report")
    rows = [("all", told["total"]), *((row["name_en"], row) for row in told["rows"])]
    assert [row for row, _ in rows[1:]] == ["monitoring", "phone"] or [row for row, _ in rows[1:]] == [
        "phone",
        "monitoring",
    ]
    for row, one in rows:
        counts = {each["count"]: each["tickets"] for each in one["counts"]}
        for count, column in COUNTS.items():
            assert said[row, column] == {"count": [counts[count], None]}, (row, count)
    listed = {row for row, _ in values(found, "Each request")}
    assert listed == {"2024-000001", "2024-000002", "2024-000005"}, "the voided one is listed and in no number"
    assert (
        got(api, f"/api/v1/kept/tickets?{window(found)}&count=tickets&source=phone")["tickets"][0]["number"]
        == "2024-000005"
    )


# Shows S3-23.
def test_the_file_of_a_month_lists_what_is_on_file_and_who_reviewed_it(
    lived: tuple[Store, Desk], api: TestClient
) -> None:
    found = preview(api, "monthly_file", "company:", MONTH)
    told = got(api, f"/api/v1/records?{window(found)}")

    said, whole = values(found, "By ticket"), values(found, "Altogether")
    columns = {"call": "Other calls", "contact": "Contacts", "follow_up": "Follow-ups", "open": "Reports"}
    assert {row for row, _ in said} == {one["number"] for one in told["records"]}
    for one in told["records"]:
        for verb, column in columns.items():
            assert said[one["number"], column] == {"count": [one["steps"].get(verb, 0), None]}
        assert said[one["number"], "Reviewed"] == (None if one["reviewed_ms"] is None else {"at": [one["reviewed_ms"]]})
    assert whole[None, "Tickets"] == {"count": [told["found"], None]} == {"count": [5, None]}
    assert whole[None, "Reviewed and accepted"] == {"count": [told["reviewed"], None]} == {"count": [1, None]}
    assert whole[None, "Photos"] == {"count": [told["files"].get("photo", 0), None]}


# Shows S2-25.
# Shows S3-18.
def test_the_records_of_a_month_are_handed_in_as_one(api: TestClient) -> None:
    found = preview(api, "handed_in", "company:", MONTH)
    days = "from=2024-10-01&to=2024-10-31"
    conversations = got(api, f"/api/v1/conversations?{window(found)}")["found"]
    records = got(api, f"/api/v1/records?{window(found)}")["records"]
    trips = got(api, f"/api/v1/slips?kind=trip&{days}")["slips"]

    whole = values(found, "Altogether")
    assert whole[None, "Conversations"] == {"count": [conversations, None]}
    assert whole[None, "Services for customers"] == {"count": [len(records), None]}
    assert whole[None, "Feedback after a business trip"] == {"count": [len(trips), None]} == {"count": [1, None]}
    assert {row for row, _ in values(found, "Services for customers")} == {one["number"] for one in records}
    told = values(found, "Feedback after a business trip")
    assert {row for row, _ in told} == {one["number"] for one in trips} == {"S2024-000004"}
    assert told["S2024-000004", "What was done"] == "更换 3 台"
    assert "13812345678" not in str(found)


def test_customers_get_what_is_theirs_from_the_api_and_no_report_of_the_house(lived: tuple[Store, Desk]) -> None:
    bank = program(lived[1], "token-of-bank")

    assert got(bank, f"/api/v1/conversations?from={at(0)}&to={at(31)}")["found"] == 0
    on_file = got(bank, f"/api/v1/records?from={at(0)}&to={at(31)}")["records"]
    assert [(one["number"], one["customer"]) for one in on_file] == [("2024-000003", "bank")]
    assert got(bank, f"/api/v1/kept/judgements?from={at(0)}&to={at(31)}")["found"] == 0, "they were the metro's words"
    for kind, period in (("weekly", WEEK), ("monthly_file", MONTH)):
        assert bank.get(f"{PREVIEW}?kind={kind}&scope=company:&period={period}").status_code == 404


def test_a_week_without_anything_says_so(api: TestClient) -> None:
    found = preview(api, "weekly", "company:", "2024-W36")

    assert values(found, "By kind")["all", "Times"] == {"count": [0, None]}
    assert not any(one["part_en"] == "Each request" for one in found["lines"])
