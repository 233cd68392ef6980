"""The pages of reports: asked for, looked at, issued, scheduled; what cannot be comes back with the reason."""

import pytest
from starlette.testclient import TestClient

from roundsman_collector.roles import EVERYTHING
from roundsman_collector.store import Store, View
from roundsman_collector.store.issued import ReportFilter
from roundsman_collector.web.saying import Saying
from tests.collector.api import kept_desk, world
from tests.collector.api.served import api, person, settled, store, stranger, view
from tests.collector.api.test_reports import final, issued, maker
from tests.collector.api.world import NOW

__all__ = ["api", "person", "settled", "store", "stranger", "view"]

ENGLISH = {"Accept-Language": "en"}
WISH = {"kind": "sla", "scope": "contract", "about": "metro-c", "period": "2024-10", "language": "en"}


@pytest.fixture(autouse=True)
def under_contract(store: Store, view: View) -> None:
    world.contracted(world.desk(view).office)
    kept_desk.settle(store)


def test_a_report_is_asked_for_on_the_page_and_stands_in_the_list(person: TestClient, view: View) -> None:
    answer = person.post("/reports", data=WISH, headers={"Origin": world.ORIGIN})
    assert answer.status_code == 303

    shown = person.get(answer.headers["location"], headers=ENGLISH)
    assert "SLA-2024-10-metro-c" in shown.text and "as soon as the period is over" in shown.text
    assert "SLA-2024-10-metro-c" in person.get("/reports", headers=ENGLISH).text
    (row,) = view.reports(EVERYTHING, ReportFilter())
    assert (row.language, row.asked_ms) == ("en", NOW)


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"period": "2025-01"}, 409, "this one begins on 2025-01-01"),
        ({"period": "soon"}, 422, "a week, month, quarter"),
        ({"about": "nowhere"}, 404, "There is no such site"),
    ],
)
def test_what_cannot_be_reported_comes_back_with_the_reason(
    person: TestClient, change: dict[str, str], status: int, said: str
) -> None:
    answer = person.post("/reports", data={**WISH, **change}, headers={"Origin": world.ORIGIN, **ENGLISH})

    assert (answer.status_code, said in answer.text) == (status, True)


def test_a_preview_says_that_it_is_provisional(person: TestClient) -> None:
    shown = person.get("/reports/preview?kind=sla&scope=contract&about=metro-c&period=2024-10", headers=ENGLISH)

    assert shown.status_code == 200 and "PROVISIONAL" in shown.text and "Metro station" in shown.text


def test_a_manager_issues_what_is_final(person: TestClient, api: TestClient, view: View) -> None:
    found = final(api, view)
    shown = person.get(f"/reports/{found['id']}", headers=ENGLISH)
    assert "Issue it" in shown.text and found["files"][0]["sha256"] in shown.text

    old = person.post(
        f"/reports/{found['id']}/issue", data={"digest": "old"}, headers={"Origin": world.ORIGIN, **ENGLISH}
    )
    assert old.status_code == 409 and "changed meanwhile" in old.text
    done = person.post(
        f"/reports/{found['id']}/issue", data={"digest": found["digest"]}, headers={"Origin": world.ORIGIN}
    )
    assert done.status_code == 303
    assert "Issue it" not in person.get(f"/reports/{found['id']}", headers=ENGLISH).text


def test_a_link_is_shown_once_and_a_scan_is_kept(person: TestClient, api: TestClient, view: View) -> None:
    found = issued(api, view)
    made = person.post(f"/reports/{found['id']}/link", data={"for_whom": "钱"}, headers={"Origin": world.ORIGIN})
    assert "/confirm/" in made.text
    assert "/confirm/" not in person.get(f"/reports/{found['id']}").text

    none = person.post(f"/reports/{found['id']}/scan", data={"name": "钱"}, files={}, headers={"Origin": world.ORIGIN})
    assert none.status_code == 422
    scan = {"scan": ("signed.pdf", b"%PDF-1.4", "application/pdf")}
    kept = person.post(
        f"/reports/{found['id']}/scan", data={"name": "钱女士"}, files=scan, headers={"Origin": world.ORIGIN}
    )
    assert kept.status_code == 303
    assert "钱女士" in person.get(f"/reports/{found['id']}").text


def test_what_changed_is_shown_with_what_it_was(person: TestClient, api: TestClient, view: View, store: Store) -> None:
    found = issued(api, view)
    row = view.report(found["id"])
    assert row is not None
    store.commit(kept_desk.late(1))
    desk = world.desk(view).office.reports
    second = desk.restate(row, NOW)
    assert second is not None and maker(view).step()

    shown = person.get(f"/reports/{second.id}", headers=ENGLISH)

    assert "What changed since the revision before" in shown.text
    assert "arrival In time" in " ".join(shown.text.replace("<td>", " ").split())
    assert f'href="/reports/{found["id"]}"' in shown.text


def test_schedules_are_added_and_ended(person: TestClient, view: View) -> None:
    wish = {"kind": "sla", "scope": "contract", "about": "*", "cycle": "month", "recipients": "a@x.cn, b@x.cn"}
    assert person.post("/reports/schedules", data=wish, headers={"Origin": world.ORIGIN}).status_code == 303
    (row,) = view.report_schedules()
    assert (row.recipients, row.auto_issue) == (("a@x.cn", "b@x.cn"), False)
    assert "a@x.cn, b@x.cn" in person.get("/reports/schedules").text
    for wrong in ({"recipients": "nobody"}, {"kind": "fairy"}, {"about": "nowhere"}):
        answer = person.post("/reports/schedules", data={**wish, **wrong}, headers={"Origin": world.ORIGIN})
        assert answer.status_code in (404, 422)

    assert person.post(f"/reports/schedules/{row.id}/end", headers={"Origin": world.ORIGIN}).status_code == 303
    assert view.report_schedules() == []


def test_a_report_is_not_called_what_agents_send_nor_an_issued_one_what_the_store_handed_out() -> None:
    saying = Saying(language="zh", now_ms=NOW)

    told = {word: saying(word) for word in ("Reports", "Reports received", "issued", "handed out")}
    assert told == {"Reports": "报告", "Reports received": "上报数", "issued": "已签发", "handed out": "已领用"}
