"""Reports: their kinds, what they would say now, whose they are."""

import hashlib
from fractions import Fraction
from typing import Any

import pytest
from starlette.testclient import TestClient

from roundsman_collector.issuing.making import Maker, Setting
from roundsman_collector.store import ReportDesk, Store, View
from tests.collector.api import kept_desk, world
from tests.collector.api.world import NOW, at

MONTH = "2024-10"
SLA = f"/api/v1/reports/preview?kind=sla&scope=contract:metro-c&period={MONTH}"


@pytest.fixture(autouse=True)
def under_contract(store: Store, view: View) -> None:
    """Metro's site, under a contract that promises 99.5 %, with the tickets of kept_desk.py."""
    world.contracted(world.desk(view).office)
    kept_desk.settle(store)


def got(api: TestClient, path: str) -> Any:
    answer = api.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


def values(found: dict[str, Any], part: str) -> dict[tuple[Any, str], Any]:
    """What a part says, by row and column, in English."""
    return {
        (one["row"]["en"] if isinstance(one["row"], dict) else one["row"], one["column_en"]): one["value"]
        for one in found["lines"]
        if one["part_en"] == part
    }


def share(value: dict[str, Any]) -> str | None:
    part, whole, _ = value["share"]
    return None if part is None else str(Fraction(part) / Fraction(whole))


def window(found: dict[str, Any]) -> str:
    return f"from={found['from_ms']}&to={found['to_ms']}"


def test_every_kind_says_what_it_can_be_about(api: TestClient) -> None:
    found = {one["kind"]: one for one in got(api, "/api/v1/reports/kinds")["kinds"]}

    assert found["sla"]["scopes"] == ["contract"]
    assert all(one["title_zh"] and one["title_en"] and one["periods"] for one in found.values())


def test_an_sla_report_tells_promises_as_the_api_does(api: TestClient) -> None:
    found = got(api, SLA)
    kept = got(api, f"/api/v1/kept?{window(found)}&contract=metro-c")

    clocks, figures = values(found, "By clock"), values(found, "Figures of service")
    for one in kept["total"]["clocks"]:
        name = one["name_en"]
        assert clocks[name, "Tickets"] == {"count": [one["tickets"], None]}
        assert clocks[name, "Mean time"] == (None if one["mean_ms"] is None else {"span": [one["mean_ms"]]})
        for stands in one["stands"]:
            assert clocks[name, stands["name_en"]] == {"count": [stands["tickets"], None]}
    for one in kept["total"]["figures"]:
        assert figures[one["name_en"], "Count"] == {"count": [one["count"], None]}
        assert figures[one["name_en"], "Of"] == {"count": [one["of"], None]}
    assert figures["tickets", "Count"] == {"count": [kept["total"]["tickets"], None]}
    assert [one["clock"] for one in kept["total"]["clocks"]] == ["arrive"]


def test_an_sla_report_tells_availability_as_the_api_does(api: TestClient) -> None:
    found = got(api, SLA)
    told = got(api, f"/api/v1/availability?{window(found)}&known={NOW}&by=site&of=contract:metro-c")

    total, facts = told["total"], values(found, "Availability")
    assert facts[None, "Devices"] == {"count": [total["devices"], None]} == {"count": [2, None]}
    assert share(facts[None, "Availability"]) == total["availability"]
    assert share(facts[None, "Coverage"]) == total["coverage"]
    assert share(facts[None, "As the contract counts"]) == total["contract"]["availability"]
    assert facts[None, "Down"] == {"span": [total["down_ms"]]}
    assert facts[None, "Promised"] == f"{told['target_percent']}%" == "99.5%"
    assert facts[None, "Kept"]["en"] == "missed"
    (row,) = told["rows"]
    sites = values(found, "By site")
    assert share(sites["Metro station", "Availability"]) == row["availability"]
    assert sites["Metro station", "Outages"] == {"count": [row["outages"], None]}


def test_what_was_late_is_told_ticket_by_ticket(store: Store, api: TestClient) -> None:
    store.commit(kept_desk.late(1))
    late = values(got(api, SLA), "What was late")

    assert late["2024-000001", "Clock"]["en"] == "arrival"
    assert late["2024-000001", "Stands"]["en"] == "late"
    assert (late["2024-000001", "Due"], late["2024-000001", "Ended"]) == ({"at": [at(14)]}, {"at": [at(15)]})
    assert late["2024-000001", "Fault"]["en"] == "printer out of paper"


def test_a_customer_reads_its_own_and_never_hears_of_another(view: View) -> None:
    desk = world.desk(view)
    metro, nobody = world.signed_in(desk, "viewer"), world.signed_in(desk, "nobody")

    assert metro.get(SLA).status_code == 200
    strange = [
        metro.get(SLA.replace("metro-c", "hush-c")),
        metro.get(SLA.replace("metro-c", "nowhere")),
        nobody.get(SLA),
    ]
    assert [answer.status_code for answer in strange] == [404, 404, 404]
    said = [answer.json()["detail"] for answer in strange]
    assert said == [f"there is no contract {name!r}" for name in ("hush-c", "nowhere", "metro-c")]


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("kind=sla&scope=contract:metro-c&period=2025-01", 409, "this one begins on 2025-01-01"),
        ("kind=sla&scope=contract:metro-c&period=2024-13", 422, "a week, month, quarter"),
        ("kind=sla&scope=contract:metro-c&period=2024-W40", 422, "month or quarter"),
        ("kind=sla&scope=site:metro-a&period=2024-10", 422, "contract"),
        ("kind=sla&scope=planet:mars&period=2024-10", 422, "site, contract"),
        ("kind=fairy&scope=contract:metro-c&period=2024-10", 422, "sla"),
    ],
)
def test_what_cannot_be_reported_is_refused_with_what_can(api: TestClient, query: str, status: int, said: str) -> None:
    answer = api.get(f"/api/v1/reports/preview?{query}")

    assert (answer.status_code, said in answer.json()["expected"]) == (status, True), answer.text


# --- kept ------------------------------------------------------------------------------------------------------------

LATER = 1730390400000 + 3 * 86_400_000
"""October 2024 is over, and late news has settled."""


def maker(view: View) -> Maker:
    setting = Setting(
        page=lambda document, language: f"<p>{document.number}</p>",
        workbook=lambda document, language: b"xlsx",
        pdf=lambda page, say: b"%PDF-1.7 " + page.encode(),
    )
    desk = ReportDesk(view._place)
    return Maker(view=view, desk=desk, setting=setting, name="a", faults=world.FAULTS, now_ms=lambda: LATER)


WISH = {"kind": "sla", "scope": "contract:metro-c", "period": MONTH}


def final(api: TestClient, view: View) -> dict[str, Any]:
    """A report that was asked for and made."""
    answer = api.post("/api/v1/reports", json=WISH)
    assert answer.status_code == 201, answer.text
    assert maker(view).step()
    return dict(got(api, f"/api/v1/reports/{answer.json()['id']}"))


def issued(api: TestClient, view: View) -> dict[str, Any]:
    found = final(api, view)
    answer = api.post(f"/api/v1/reports/{found['id']}/issue", json={"digest": found["digest"]})
    assert answer.status_code == 200, answer.text
    return dict(got(api, f"/api/v1/reports/{found['id']}"))


def test_a_report_is_asked_for_made_issued_and_proved_by_its_bytes(api: TestClient, view: View) -> None:
    found = issued(api, view)

    assert (found["state"], found["number"], found["issued_by"]) == ("issued", "SLA-2024-10-metro-c", "token:first")
    assert api.post("/api/v1/reports", json=WISH).status_code == 200
    for one in found["files"]:
        answer = api.get(one["link"])
        assert hashlib.sha256(answer.content).hexdigest() == one["sha256"]
        proved = got(api, f"/api/v1/reports/verify?sha256={one['sha256']}")["found"]
        assert [(each["id"], each["form"]) for each in proved] == [(found["id"], one["form"])]
    assert got(api, f"/api/v1/reports/verify?sha256={'0' * 64}")["found"] == []
    assert [one["id"] for one in got(api, "/api/v1/reports?state=issued")["reports"]] == [found["id"]]


def test_a_kept_page_may_do_nothing_but_be_read(api: TestClient, view: View) -> None:
    found = final(api, view)
    answer = api.get(f"/api/v1/reports/{found['id']}/files/page")

    assert "sandbox" in answer.headers["content-security-policy"]
    assert "script" not in answer.headers["content-security-policy"]


def test_a_report_is_issued_as_it_was_seen_and_once(api: TestClient, view: View) -> None:
    found = final(api, view)
    at = f"/api/v1/reports/{found['id']}"

    assert api.post(f"{at}/issue", json={"digest": "0" * 64}).status_code == 409
    assert api.post(f"{at}/issue", json={"recipients": ["a@x.cn", "not an address"]}).status_code == 422
    assert api.post(f"{at}/issue", json={"recipients": ["a@x.cn", "b@x.cn"]}).status_code == 200
    assert api.post(f"{at}/issue", json={}).status_code == 409
    assert [one["recipient"] for one in got(api, at)["letters"]] == ["a@x.cn", "b@x.cn"]


def test_what_is_not_issued_is_not_confirmed(api: TestClient, view: View) -> None:
    found = final(api, view)

    assert api.post(f"/api/v1/reports/{found['id']}/link", json={}).status_code == 409
    assert api.post(f"/api/v1/reports/{found['id']}/scan?name=x", content=b"%PDF-1").status_code == 409


# Shows S4-33.
def test_the_signed_paper_is_kept_and_confirms_the_report(api: TestClient, view: View) -> None:
    found = issued(api, view)
    at = f"/api/v1/reports/{found['id']}"

    assert api.post(f"{at}/scan?name=x", content=b"no scan").status_code == 422
    assert api.post(f"{at}/scan?name=钱女士", content=b"%PDF-1.4 signed").status_code == 200

    kept = got(api, at)
    (yes,) = kept["confirmations"]
    assert (kept["state"], yes["name"], yes["how"]) == ("confirmed", "钱女士", "scan")
    assert yes["sha256"] == next(one["sha256"] for one in kept["files"] if one["form"] == "pdf")


def test_a_customer_sees_what_was_issued_to_it_alone(api: TestClient, view: View) -> None:
    desk = world.desk(view)
    metro, nobody = world.signed_in(desk, "viewer"), world.signed_in(desk, "nobody")
    found = final(api, view)
    at = f"/api/v1/reports/{found['id']}"
    assert (metro.get(at).status_code, got(metro, "/api/v1/reports")["reports"]) == (404, [])

    api.post(f"{at}/issue", json={})

    assert [one["id"] for one in got(metro, "/api/v1/reports")["reports"]] == [found["id"]]
    assert metro.get(f"{at}/files/pdf").status_code == 200
    assert got(metro, at)["letters"] == []
    for path in (at, f"{at}/files/pdf", f"/reports/{found['id']}", f"/reports/{found['id']}/paper"):
        assert nobody.get(path).status_code == 404
    assert got(nobody, f"/api/v1/reports/verify?sha256={found['files'][0]['sha256']}")["found"] == []


def test_a_schedule_is_made_and_ended(api: TestClient) -> None:
    wish = {"kind": "sla", "scope": "contract:*", "cycle": "month", "recipients": ["q@metro.cn", "q@metro.cn"]}
    made = api.post("/api/v1/reports/schedules", json=wish)

    assert (made.status_code, made.json()["recipients"]) == (201, ["q@metro.cn"])
    assert [one["id"] for one in got(api, "/api/v1/reports/schedules")["schedules"]] == [made.json()["id"]]
    for wrong in ({"scope": "site:metro-a"}, {"scope": "contract:nowhere"}, {"cycle": "week"}, {"recipients": ["x"]}):
        assert api.post("/api/v1/reports/schedules", json={**wish, **wrong}).status_code in (404, 422)
    assert api.delete(f"/api/v1/reports/schedules/{made.json()['id']}").status_code == 204
    assert api.delete(f"/api/v1/reports/schedules/{made.json()['id']}").status_code == 409


# --- the customer's link ---------------------------------------------------------------------------------------------


def linked(api: TestClient, view: View) -> tuple[dict[str, Any], str]:
    found = issued(api, view)
    made = api.post(f"/api/v1/reports/{found['id']}/link", json={"for_whom": "钱女士"})
    assert made.status_code == 201
    return found, "/confirm/" + made.json()["url"].rpartition("/")[2]


def send(stranger: TestClient, path: str, **fields: str) -> Any:
    files = {"signature": ("signature.png", b"\x89PNG\r\n\x1a\n drawn", "image/png")}
    return stranger.post(path, data=fields, files=files, headers={"Origin": world.ORIGIN})


# Shows S4-33.
def test_a_customer_confirms_by_a_link_once_and_without_an_account(
    api: TestClient, stranger: TestClient, view: View
) -> None:
    found, path = linked(api, view)
    shown = stranger.get(path)
    pdf = next(one["sha256"] for one in found["files"] if one["form"] == "pdf")
    assert shown.status_code == 200 and found["number"] in shown.text and pdf in shown.text
    assert stranger.get(f"{path}/paper").status_code == stranger.get(f"{path}/pdf").status_code == 200
    assert send(stranger, path, name="").status_code == 422
    plain = stranger.post(path, data={"name": "钱女士"}, headers={"Origin": world.ORIGIN})
    assert plain.status_code == 422 and found["number"] in plain.text, "a form that cannot be read costs no link"

    done = send(stranger, path, name="钱女士", words="同意")

    assert done.status_code == 200 and "钱女士" in done.text
    (yes,) = got(api, f"/api/v1/reports/{found['id']}")["confirmations"]
    assert (yes["name"], yes["words"], yes["how"], yes["sha256"]) == ("钱女士", "同意", "drawn", pdf)
    again = send(stranger, path, name="somebody else")
    strange = stranger.get("/confirm/nothing-like-it")
    used = stranger.get(path)
    assert (again.status_code, strange.status_code, used.status_code) == (404, 404, 404)
    assert strange.text.replace("nothing-like-it", "") == used.text.replace(path.rpartition("/")[2], "")


def test_a_page_that_is_not_ours_confirms_nothing(api: TestClient, stranger: TestClient, view: View) -> None:
    _, path = linked(api, view)

    answer = stranger.post(path, data={"name": "x"}, headers={"Origin": "https://evil.example"})

    assert answer.status_code == 403
    assert stranger.get(path).status_code == 200
