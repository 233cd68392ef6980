"""Health, quarantine and the audit log: what an administrator looks at."""

import re

import pytest
from starlette.testclient import TestClient

from roundsman_collector.store import View
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
