"""Health, quarantine and the audit log: what an administrator looks at."""

import re

import pytest
from starlette.testclient import TestClient

from roundsman_collector.roles import Scope
from roundsman_collector.store import Batch, Deed, Filter, Office, Rota, ShiftWish, Store, View
from roundsman_collector.store.ticket_clocks import ClocksTold
from roundsman_collector.web.pages.audit import changes
from roundsman_collector.web.pages.health import preview
from roundsman_collector.web.saying import Saying
from tests.collector.api import world
from tests.collector.web.reading import page, words_of

SAYING = Saying(language="zh", now_ms=world.NOW)


def test_health_has_figures_counters_days_and_what_was_refused_with_its_bytes(person: TestClient) -> None:
    text = words_of(page(person, "/health"))

    for told in ("采集端 4", "设备 5", "未结工单 3", "隔离区 保留 1 条", "bad_json", "refused bad_json 3", "1 字节 {"):
        assert told in text, told


def test_a_figure_that_is_not_well_has_icon_and_word_of_it(person: TestClient) -> None:
    """The last report came six hours ago."""
    html = page(person, "/health")

    assert '<span class="unseen">告警</span> 最近上报' in html


def test_a_ticket_whose_clocks_cannot_be_read_is_told_with_what_stands_in_the_way(
    person: TestClient, store: Store
) -> None:
    assert "时限无法计算" not in words_of(page(person, "/health")).replace("时限无法计算的工单 0", "")
    off = ClocksTold(ticket=1, wake_at_ms=world.at(75), error="KeyError: '<loan>'")
    store.commit(Batch(now_ms=world.at(10), clocks=[off]))

    html = page(person, "/health")

    assert '<a href="/tickets/2024-000001">2024-000001</a>' in html
    assert "KeyError: &#39;&lt;loan&gt;&#39;" in html
    assert "告警 时限无法计算的工单 1" in words_of(html)


def test_whoever_is_on_duty_and_has_no_way_of_being_told_is_named(person: TestClient, store: Store, view: View) -> None:
    office = world.desk(view).office
    deed = Deed(who="boss", at_ms=world.NOW)
    everything = Scope(everything=True)
    for login in ("li", "wang"):
        office.add_person(login, name=login, role="engineer", scope=everything, deed=deed)
    office.add_way(kind="mail", name="li", target="li@x.cn", filter_=Filter(also=("duty",)), person="li", deed=deed)
    for login, kind in (("li", "primary"), ("wang", "backup")):
        times = {"from_ms": world.NOW - 1, "to_ms": world.NOW + 60_000}
        office.add_shift(ShiftWish(rota=Rota(group="south"), person=login, kind=kind, **times), deed=deed)

    assert "告警 当前值班但无通知方式 wang" in words_of(page(person, "/health"))


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b'{"v": 1}', '{"v": 1}'),
        ("纸".encode(), "纸"),
        (b"", ""),
        (b"\xff\x00A", "0000  ff 00 41" + " " * 41 + "··A"),
        ("a\u202eb".encode(), "0000  61 e2 80 ae 62" + " " * 35 + "a···b"),
    ],
)
def test_bytes_are_shown_as_text_only_where_they_can_be_read_as_such(raw: bytes, expected: str) -> None:
    assert preview(raw) == expected


def test_a_change_is_told_by_what_differs() -> None:
    before = {"role": "viewer", "email": "", "name": "Li", "until_ms": None}
    after = {"role": "engineer", "email": None, "name": "Li", "until_ms": world.NOW, "groups": ["south"]}

    assert changes(SAYING, before, after) == [
        ("role", "viewer", "engineer"),
        ("until_ms", None, "02:00:00"),
        ("groups", None, '["south"]'),
    ]


def test_the_audit_log_tells_who_did_what_from_where_and_leads_to_it(person: TestClient) -> None:
    html = page(person, "/audit")

    assert f'<a href="/people/{world.ADMIN}">person:{world.ADMIN}</a>' in html
    assert "192.0.2.7" in html


def test_the_audit_log_can_be_asked_for_one_person_and_one_subject(person: TestClient, view: View) -> None:
    world.signed_in(world.desk(view), "engineer")

    html = page(person, "/audit?who=engineer&subject=person:engineer")

    assert re.findall(r'<td title="([^"]+)">([^<]+)</td>', html) == [("login", "登录")]
    assert "没有记录" in page(person, "/audit?who=ghost")


def test_what_somebody_reaches_is_told_by_name_and_by_id_where_it_has_none(person: TestClient, view: View) -> None:
    with Office(view._place) as office:
        world.places(office)

    listed = words_of(page(person, "/people", **{"Accept-Language": "en"})).partition("A new user")[0]

    assert "Viewer viewer Customer Metro" in listed
    assert "Engineer engineer Monitoring centre south" in listed
    assert "customer:metro" not in listed
