"""The pages of rounds, and the paper: in both languages, without a style or script of their own, nothing unescaped."""

import json
import re

import pytest
from starlette.testclient import TestClient

from roundsman_collector.store import Deed, Office, Store, View
from roundsman_collector.web.round import paper_file
from roundsman_collector.web.saying import Saying
from roundsman_wire.catalogue import Language
from tests.collector.api import world
from tests.collector.api.rounds_desk import LATER, NUMBER, inspected, placed, rules

HAS_CHINESE = re.compile(r"[\u4e00-\u9fff]")


def finished(store: Store, view: View, person: TestClient) -> str:
    placed(view)
    (number,) = inspected(store, view, ["metro-a"])
    assert person.get(f"/rounds/{number}").status_code == 200
    return number


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("zh", ("设备巡检报告", "地铁站", "未检", "不合格", "现场人工检查", "客户代表", "合格", "缺纸", "88.89%")),
        ("en", ("Equipment inspection report", "Metro station", "not seen", "fail", "On site, by a person", "88.89%")),
    ],
)
def test_the_paper_says_everything_in_both_languages(
    store: Store, view: View, person: TestClient, language: str, words: tuple[str, ...]
) -> None:
    number = finished(store, view, person)
    person.cookies.set("roundsman_language", language)

    answer = person.get(f"/rounds/{number}/paper")

    assert answer.status_code == 200
    for word in words:
        assert word in answer.text, word
    assert "<style" not in answer.text
    assert " style=" not in answer.text
    assert "<script" not in answer.text
    assert "print.css" in answer.text


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_file_needs_nothing_beside_it(store: Store, view: View, person: TestClient, language: Language) -> None:
    number = finished(store, view, person)

    html = paper_file(json.loads(view.round_body(number) or ""), Saying(language=language, now_ms=LATER))

    assert "@page" in html
    assert not re.search(r"(src|href)=\"(?!#)", html)
    assert "url(http" not in html


def test_no_english_is_left_on_the_chinese_paper(store: Store, view: View, person: TestClient) -> None:
    number = finished(store, view, person)

    html = paper_file(json.loads(view.round_body(number) or ""), Saying(language="zh", now_ms=LATER))

    body = html[html.index("<main>") :]
    headings = re.findall(r"<(?:h1|h2|h3|dt|th)[^>]*>(.*?)</", body)
    assert headings
    assert [
        one for one in headings if not HAS_CHINESE.search(one) and re.search("[a-z]{3}", re.sub("<.*?>", "", one))
    ] == []


def test_a_hostile_name_is_only_text(store: Store, view: View, person: TestClient) -> None:
    with Office(view._place) as office:
        name = "<script>alert(1)</script>"
        deed = Deed(who="admin", at_ms=world.NOW - 5)
        placed(view)
        office.put_entry(
            "site",
            "metro-a",
            {"customer": "metro", "group_id": "south", "name_zh": name, "name_en": name, "address": name},
            deed=deed,
        )
    (number,) = inspected(store, view, ["metro-a"])

    html = person.get(f"/rounds/{number}/paper").text

    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_a_round_is_started_by_the_form_and_shown_while_it_runs(store: Store, view: View, person: TestClient) -> None:
    rules(store)
    headers = {"Origin": world.ORIGIN}
    with world.answering(store):
        answer = person.post("/rounds", data={"site": "south", "days": "7"}, headers=headers)
        again = person.post("/rounds", data={"site": "south", "days": "7"}, headers=headers)

    assert (answer.status_code, answer.headers["location"]) == (303, f"/rounds/{NUMBER}")
    assert again.headers["location"] == f"/rounds/{NUMBER}"
    assert "every 2s" in person.get(f"/rounds/{NUMBER}").text
    assert person.get(f"/rounds/{NUMBER}/paper").headers["location"] == f"/rounds/{NUMBER}"
    assert NUMBER in person.get("/rounds").text
    row = [one for one in view.audit() if one.verb == "round.start"][-1]
    assert (row.who, row.address) == ("admin", "testclient")


def test_a_form_with_a_name_that_is_not_there_comes_back_with_it(view: View, person: TestClient) -> None:
    answer = person.post("/rounds", data={"site": "nowhere", "days": "7"}, headers={"Origin": world.ORIGIN})

    assert answer.status_code == 422
    assert 'value="nowhere"' in answer.text


def test_a_form_of_a_foreign_page_starts_nothing(view: View, person: TestClient) -> None:
    answer = person.post("/rounds", data={"site": "south", "days": "7"}, headers={"Origin": "https://evil.example"})

    assert answer.status_code == 403
    assert view.status().new_commands == 0


def test_who_may_only_look_has_no_form(view: View) -> None:
    client = world.signed_in(world.desk(view), "viewer")

    assert '<form method="post" action="/rounds"' not in client.get("/rounds").text
