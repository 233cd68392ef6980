"""The pages of slips: a form, what it lacks, who signs, on paper."""

import pytest
from starlette.testclient import TestClient

from roundsman_collector.store import View
from tests.collector.api import report_desk, world
from tests.collector.core import pictures
from tests.collector.web.reading import page, words_of

OURS = {"Origin": world.ORIGIN}
WHOLE = {"days": "2", "content": "更换 3 台", "found": "无", "customer_says": "满意"}


@pytest.fixture(autouse=True)
def placed(view: View) -> None:
    report_desk.settle(world.desk(view).office)


def begun(person: TestClient, kind: str = "trip", **more: str) -> str:
    sent = {"kind": kind, "day": "2024-10-01", "site": "metro-a", "key": "k", **WHOLE, **more}
    answer = person.post("/slips", data=sent, headers=OURS, follow_redirects=False)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


# Shows S3-20.
def test_a_trip_s_feedback_is_written_signed_by_both_and_printed(person: TestClient) -> None:
    address = begun(person, content="")
    lacks = words_of(page(person, address))
    person.post(f"{address}/write", files={"content": (None, "更换 3 台")}, headers=OURS)
    for side in ("service", "customer"):
        answer = person.post(
            f"{address}/sign",
            data={"side": side, "name": "王女士"},
            files={"file": ("s.png", pictures.png(300, 110), "image/png")},
            headers=OURS,
        )
        assert answer.status_code == 303, answer.text

    assert "缺 1 项" in lacks and "服务内容" in lacks
    shown = words_of(page(person, address))
    assert "已签字" in shown
    paper = page(person, f"{address}/paper")
    assert "售后信息反馈意见表" in words_of(paper) and paper.count("data:image/png") == 2
    assert all(said in words_of(paper) for said in ("更换 3 台", "地铁站", "S2024-000001"))


def test_a_second_click_writes_no_second_slip(person: TestClient) -> None:
    assert begun(person) == begun(person)


def test_a_form_that_may_not_be_written_comes_back_with_what_was_said(person: TestClient) -> None:
    sent = {"kind": "inquiry", "day": "2024-10-01", "name": "王先生"}
    answer = person.post("/slips", data=sent, headers=OURS)

    assert answer.status_code == 409
    assert "未填写：咨询内容、答复" in words_of(answer.text) and "王先生" in answer.text


def test_the_list_tells_slips_and_devices_fitted_by_day(person: TestClient) -> None:
    begun(person, "installation", device="kiosk-7", tests="yes")
    shown = words_of(page(person, "/slips?from=2024-10-01&to=2024-10-31&by=site"))

    assert all(said in shown for said in ("S2024-000001", "安装登记表", "每日安装台数", "metro-a", "未达到"))


def test_a_slip_is_voided_with_a_reason_and_keeps_its_number(person: TestClient) -> None:
    address = begun(person)
    answer = person.post(f"{address}/void", files={"words": (None, "写错客户")}, headers=OURS)

    assert answer.status_code == 303, answer.text
    assert "已作废：写错客户" in words_of(page(person, address))
    assert "作废" in words_of(page(person, f"{address}/paper"))
