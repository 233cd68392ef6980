"""/slips: a record of an installation from what is known to both signatures, and who may read what of it."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from roundsman_collector.store import Deed, View
from tests.collector.api import report_desk, world
from tests.collector.core import pictures

SLIPS = "/api/v1/slips"
FITTED = {"kind": "installation", "day": "2024-10-01", "device": "kiosk-7"}
SAID = {"model": "K7", "serial": "SN-1", "contact": "王女士", "phone": "13812345678", "tests": "yes"}


@pytest.fixture(autouse=True)
def placed(view: View) -> None:
    report_desk.settle(world.desk(view).office)


def begun(api: TestClient, **more: Any) -> dict[str, Any]:
    answer = api.post(SLIPS, json={**FITTED, "data": SAID, **more})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def uploaded(api: TestClient, number: str, kind: str) -> int:
    answer = api.post(
        f"{SLIPS}/{number}/files?kind={kind}", content=pictures.png(300, 110), headers={"Content-Type": "image/png"}
    )
    assert answer.status_code == 201, answer.text
    found: int = answer.json()["id"]
    return found


def stepped(api: TestClient, number: str, step: str, **body: Any) -> Any:
    return api.post(f"{SLIPS}/{number}/{step}", json=body)


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, str(answer.json().get("type", "")).removeprefix("urn:roundsman:problem:")


# Shows S3-9.
def test_a_record_is_complete_before_it_is_signed_and_stays_afterwards(api: TestClient) -> None:
    slip = begun(api)
    number = slip["number"]
    early = stepped(api, number, "sign", side="service", words="李工", file=uploaded(api, number, "signature"))
    after_photo = stepped(api, number, "photo", file=uploaded(api, number, "photo")).json()
    for side in ("service", "customer"):
        last = stepped(api, number, "sign", side=side, words="王女士", file=uploaded(api, number, "signature"))

    assert (slip["values"]["position"], slip["missing_en"]) == ("站厅", ["a photo"])
    assert code(early) == (409, "slip_incomplete")
    assert after_photo["missing_en"] == []
    assert (last.json()["state"], [one["side"] for one in last.json()["signatures"]]) == (
        "signed",
        ["service", "customer"],
    )
    assert code(api.put(f"{SLIPS}/{number}", json={"data": {"model": "K8"}})) == (409, "slip_signed")
    rows = api.get(f"{SLIPS}/installed?from=2024-10-01&to=2024-10-31").json()["rows"]
    assert rows == [{"day": "2024-10-01", "id": "token:first", "fitted": 1, "accepted": 1, "reaches_aim": False}]


# Shows S3-28.
def test_the_acceptance_of_a_vehicle_is_signed_by_user_and_manager(api: TestClient) -> None:
    said = {"plate": "粤B·12345 蓝", "serial": "1", "wiring": "yes", "position_fix": "yes", "online": "yes"}
    slip = begun(api, kind="acceptance", data=said)
    for side in ("customer", "manager"):
        stepped(api, slip["number"], "sign", side=side, words="周", file=uploaded(api, slip["number"], "signature"))

    payable = api.get(f"{SLIPS}?kind=acceptance&state=signed").json()["slips"]
    assert [one["number"] for one in payable] == [slip["number"]]


# Shows S3-36.
def test_numbers_are_whole_for_those_who_act_alone_and_that_they_were_shown_is_written_down(
    api: TestClient, view: View
) -> None:
    slip = begun(api)
    viewer = world.signed_in(world.desk(view), "viewer")

    assert slip["values"]["phone"] == "13812345678"
    assert viewer.get(f"{SLIPS}/{slip['number']}").json()["values"]["phone"] == "138****5678"
    seen = [(one.who, one.subject) for one in view.audit(limit=20) if one.verb == "numbers.seen"]
    assert seen == [("token:first", f"slip:{slip['number']}")]
    assert not any("13812345678" in str(one) for one in view.audit(limit=20))


def test_a_customer_is_told_of_its_own_alone(api: TestClient, view: View) -> None:
    theirs, other = begun(api), begun(api, device="ups-2")
    viewer = world.signed_in(world.desk(view), "viewer")

    assert [one["number"] for one in viewer.get(SLIPS).json()["slips"]] == [theirs["number"]]
    assert viewer.get(f"{SLIPS}/{other['number']}").status_code == 404
    assert viewer.get(f"{SLIPS}/installed?by=site&from=2024-10-01&to=2024-10-01").json()["rows"][0]["id"] == "metro-a"


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "poem"},
        {"device": "nothing-1"},
        {"device": None},
        {"day": "2034-10-01"},
        {"engineer": "nobody-at-all"},
        {"kind": "training", "device": None},
        {"kind": "training", "device": None, "site": "nowhere"},
    ],
)
def test_what_cannot_be_written_is_refused_with_the_field(api: TestClient, wrong: dict[str, Any]) -> None:
    answer = api.post(SLIPS, json={**FITTED, **wrong})

    assert (answer.status_code, answer.json()["where"]) == (422, f"body.{list(wrong)[-1]}") or (
        answer.status_code,
        answer.json()["where"],
    ) == (422, "body.site")


def test_an_entry_that_the_form_does_not_have_is_refused(api: TestClient) -> None:
    assert code(api.post(SLIPS, json={**FITTED, "data": {"colour": "red"}})) == (409, "slip_no_entry")


# Shows S3-36.
def test_whoever_reads_a_caller_s_or_a_site_s_number_is_written_down_and_a_viewer_is_not(
    api: TestClient, view: View
) -> None:
    office = world.desk(view).office
    fields = {**world.PLACES[3][2], "contact": "王", "contact_phone": "13812345678"}
    office.put_entry("site", "metro-a", fields, deed=Deed(who="admin", at_ms=world.NOW))
    viewer, engineer = (world.signed_in(world.desk(view), who) for who in ("viewer", "engineer"))
    for client in (viewer, engineer, engineer):
        for path in ("sites/metro-a", "sites", "devices/kiosk-7/card"):
            assert client.get(f"/api/v1/{path}").status_code == 200

    seen = [(one.who, one.subject) for one in view.audit(limit=30) if one.verb == "numbers.seen"]
    assert sorted(seen) == [("engineer", "device:kiosk-7"), ("engineer", "site:metro-a"), ("engineer", "sites")]
