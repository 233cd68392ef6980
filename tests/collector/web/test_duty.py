"""The pages of the rota: a week, one duty with its swaps, the pattern; in both languages, within scopes."""

import re

import pytest
from starlette.testclient import TestClient

from roundsman_collector.api.desk import Desk
from roundsman_collector.roles import Role, Scope
from roundsman_collector.store import Deed, Rota, ShiftWish, View
from tests.collector.api import world
from tests.collector.api.world import HOUR, NOW

SOUTH = Scope(groups=frozenset({"south"}))
DEED = Deed(who="admin", at_ms=NOW - 10)
PEOPLE: tuple[tuple[str, str, Role, Scope], ...] = (
    ("li", "李娜", "engineer", SOUTH),
    ("wang", "王强", "engineer", SOUTH),
    ("zhao", "赵敏", "engineer", SOUTH),
    ("southern", "调度", "dispatcher", SOUTH),
    ("northern", "北调", "dispatcher", Scope(groups=frozenset({"north"}))),
)
WEEK = "/duty?group=south&week=2024-09-30"


@pytest.fixture
def desk(view: View) -> Desk:
    """It is Saturday, 02:00 in Shanghai, in the week of National Day."""
    made = world.desk(view)
    world.places(made.office)
    made.office.put_entry("group", "north", {"name_zh": "北", "name_en": "North"}, deed=DEED)
    point = {"name_zh": "天河网点", "name_en": "Tianhe", "group_id": "south", "zones": "urban"}
    made.office.put_entry("point", "tianhe", point, deed=DEED)
    for login, name, role, scope in PEOPLE:
        made.office.add_person(login, name=name, role=role, scope=scope, deed=DEED)
    return made


def of(desk: Desk, login: str, language: str = "en") -> TestClient:
    return world.signed_in(desk, login, **{"Origin": world.ORIGIN, "Accept-Language": language})


def shift(desk: Desk, person: str, begin: float, end: float) -> int:
    wish = ShiftWish(
        rota=Rota(group="south"),
        person=person,
        kind="primary",
        from_ms=NOW + round(begin * HOUR),
        to_ms=NOW + round(end * HOUR),
    )
    return desk.office.add_shift(wish, deed=DEED)


FORM = {
    "group": "south",
    "week": "2024-09-30",
    "person": "li",
    "kind": "primary",
    "point": "",
    "from": "2024-10-05T18:00",
    "to": "2024-10-06T08:00",
    "note": "<b>national day</b>",
}


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("zh", ["值班表", "当前无人值班", "主班", "备班", "倒休", "今天"]),
        ("en", ["Duty rota", "Nobody is on duty now", "primary", "backup", "day off", "today"]),
    ],
)
def test_an_empty_week_says_that_nobody_is_on_duty(desk: Desk, language: str, words: list[str]) -> None:
    answer = of(desk, "southern", language).get("/duty")

    assert answer.status_code == 200
    assert [word for word in words if word not in answer.text] == []
    assert "2024-09-30" in answer.text


def test_a_duty_that_was_entered_stands_in_its_week_with_its_note_as_text(desk: Desk) -> None:
    southern = of(desk, "southern")

    made = southern.post("/duty", data=FORM)
    text = southern.get(made.headers["location"]).text

    assert (made.status_code, made.headers["location"]) == (303, WEEK)
    assert "李娜" in text
    assert "18:00–08:00 (+1)" in text
    assert "&lt;b&gt;national day&lt;/b&gt;" in text


def test_who_looks_at_another_monitoring_centre_finds_no_rota(desk: Desk) -> None:
    shift(desk, "li", 1, 9)
    northern = of(desk, "northern")

    assert "李娜" not in northern.get("/duty").text
    assert [
        northern.get(path).status_code for path in (WEEK, "/duty.csv?group=south", "/duty/pattern?group=south")
    ] == [
        404,
        404,
        404,
    ]
    assert northern.get("/duty/shifts/1").status_code == 404


@pytest.mark.parametrize(
    ("more", "status", "words"),
    [
        ({"to": "2024-10-05T08:00"}, 422, "Write a time behind the begin"),
        ({"from": "soon"}, 422, "Write a time such as"),
        ({"person": ""}, 409, "cannot be on duty for south"),
        ({"kind": "x"}, 422, "Choose a kind of duty."),
    ],
)
def test_what_cannot_be_entered_comes_back_marked(desk: Desk, more: dict[str, str], status: int, words: str) -> None:
    answer = of(desk, "southern").post("/duty", data=FORM | more)

    assert answer.status_code == status
    assert words in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert "national day" in answer.text


@pytest.mark.parametrize(
    ("language", "words"), [("en", "li has another duty at that time (no. 1)."), ("zh", "li 当时另有值班（第 1 号）。")]
)
def test_a_conflict_is_told_in_the_readers_language(desk: Desk, language: str, words: str) -> None:
    shift(desk, "li", 10, 20)

    answer = of(desk, "southern", language).post("/duty", data=FORM)

    assert answer.status_code == 409
    assert words in answer.text


def test_a_swap_is_asked_for_and_agreed_to_on_the_pages(desk: Desk) -> None:
    mine, theirs = shift(desk, "li", 20, 30), shift(desk, "wang", 40, 50)
    li, wang = of(desk, "li"), of(desk, "wang")
    offered = li.get(f"/duty/shifts/{mine}").text

    asked = li.post(f"/duty/shifts/{mine}/ask", data={"target": f"wang:{theirs}", "note": "家里有事"})
    waiting = wang.get("/duty").text
    agreed = wang.post("/duty/swaps/1/agree")

    assert f'value="wang:{theirs}"' in offered
    assert (asked.status_code, agreed.status_code) == (303, 303)
    assert "家里有事" in waiting
    assert "/duty/swaps/1/agree" in waiting
    assert "/duty/swaps/1/agree" not in li.get("/duty").text
    assert [one.person for one in desk.view.shifts(NOW, NOW + 60 * HOUR) if one.counts] == ["wang", "li"]


def test_who_agrees_too_late_is_told_which_swap_was_first(desk: Desk) -> None:
    mine = shift(desk, "li", 20, 30)
    li = of(desk, "li")
    for other in ("wang", "zhao"):
        li.post(f"/duty/shifts/{mine}/ask", data={"target": f"{other}:"})

    first = of(desk, "wang").post("/duty/swaps/1/agree")
    second = of(desk, "zhao").post("/duty/swaps/2/agree")

    assert (first.status_code, second.status_code) == (303, 409)
    assert "was given away by swap no. 1 meanwhile" in second.text


def test_a_dispatcher_sets_who_has_it_and_takes_it_back(desk: Desk) -> None:
    mine = shift(desk, "li", 20, 30)
    southern = of(desk, "southern")

    empty = southern.post(f"/duty/shifts/{mine}/give", data={"target": ""})
    given = southern.post(f"/duty/shifts/{mine}/give", data={"target": "wang:"})
    new = next(one for one in desk.view.shifts(NOW, NOW + 60 * HOUR) if one.counts)
    gone = southern.post(f"/duty/shifts/{new.id}/remove")

    assert (empty.status_code, given.status_code, gone.status_code) == (422, 303, 303)
    assert new.person == "wang"
    assert "Taken back by southern" in southern.get(f"/duty/shifts/{new.id}").text


def test_an_engineer_has_no_forms_of_a_dispatcher_and_a_stranger_to_a_duty_none_at_all(desk: Desk) -> None:
    mine = shift(desk, "li", 20, 30)

    week, own, other = (
        of(desk, "wang").get(WEEK).text,
        of(desk, "li").get(f"/duty/shifts/{mine}").text,
        of(desk, "wang").get(f"/duty/shifts/{mine}").text,
    )

    assert 'action="/duty"' not in week.replace('<form method="get" action="/duty"', "")
    assert f"/duty/shifts/{mine}/ask" in own
    assert f"/duty/shifts/{mine}/give" not in own
    assert 'method="post" action="/duty' not in other


PATTERN = {
    "group": "south",
    "point": "",
    "from_day": "2024-10-07",
    "calendar": "cn",
    "days-0": "1-5",
    "times-0": "18:00-08:00",
    "kind-0": "primary",
    "people-0": "li, wang zhao",
    "turns-0": "day",
    "days-2": "weekends, holidays",
    "times-2": "08:00-08:00",
    "kind-2": "backup",
    "people-2": "wang",
    "turns-2": "week",
}


def test_a_pattern_is_saved_looked_at_and_filled(desk: Desk) -> None:
    southern = of(desk, "southern")
    days = {"group": "south", "point": "", "first": "2024-10-08", "last": "2024-10-14"}

    saved = southern.post("/duty/pattern", data=PATTERN)
    shown = southern.get(saved.headers["location"]).text
    looked = southern.post("/duty/fill", data={**days, "do": "look"})
    before = desk.view.shifts(NOW, NOW + 20 * 24 * HOUR)
    filled = southern.post("/duty/fill", data={**days, "do": "fill"})

    assert saved.status_code == 303
    assert 'value="li wang zhao"' in shown
    assert 'value="6-7, holidays"' in shown
    assert 'value="周六至周日、节假日"' in of(desk, "southern", "zh").get(saved.headers["location"]).text
    assert "What filling would do" in looked.text
    assert before == []
    assert re.search(r"(\d+) duties added", filled.text).group(1) == str(
        len(desk.view.shifts(NOW, NOW + 20 * 24 * HOUR))
    )  # type: ignore[union-attr]


def test_days_are_read_again_as_they_are_shown_in_chinese(desk: Desk) -> None:
    southern = of(desk, "southern", "zh")
    southern.post("/duty/pattern", data=PATTERN)
    before = desk.view.duty_pattern(Rota(group="south"))

    southern.post("/duty/pattern", data=PATTERN | {"days-0": "周一至周五", "days-2": "周六至周日、节假日"})

    assert before is not None
    assert desk.view.duty_pattern(Rota(group="south")) == before


def test_a_line_that_cannot_be_is_marked_where_it_was_written(desk: Desk) -> None:
    answer = of(desk, "southern").post("/duty/pattern", data=PATTERN | {"times-2": "late"})

    assert answer.status_code == 422
    assert re.search(r'name="times-2"[^>]*value="late"[^>]*aria-invalid="true"', answer.text)
    assert "Write two times such as 18:00-08:00." in answer.text


def test_a_fill_without_a_pattern_or_with_impossible_days_is_refused(desk: Desk) -> None:
    southern = of(desk, "southern")
    days = {"group": "south", "first": "2024-10-08", "last": "2024-10-14", "do": "fill"}

    without = southern.post("/duty/fill", data=days)
    southern.post("/duty/pattern", data=PATTERN)
    never = southern.post("/duty/fill", data={**days, "last": "never"})

    assert (without.status_code, never.status_code) == (422, 422)
    assert "Save a pattern first." in without.text


def test_the_week_as_a_file_holds_what_the_page_shows(desk: Desk) -> None:
    shift(desk, "li", -40, -30)
    shift(desk, "wang", 24 * 10, 24 * 10 + 8)

    answer = of(desk, "southern").get("/duty.csv?group=south&week=2024-09-30")

    assert answer.content.decode("utf-8-sig").count("\r\n") == 2
    assert "李娜" in answer.text


def test_a_day_of_rest_and_a_worked_day_are_marked_as_the_calendar_says(desk: Desk) -> None:
    desk.office.put_duty_pattern(
        Rota(group="south"),
        {
            "from_day": "2024-09-30",
            "calendar": "cn",
            "lines": [{"days": "1", "times": "08:00-18:00", "people": ["li"]}],
        },
        deed=DEED,
    )

    text = of(desk, "southern").get(WEEK).text

    assert text.count('class="chip holiday"') == len(
        [one for one in desk.view.calendar_days("cn").items() if "2024-09-30" <= str(one[0]) <= "2024-10-06"]
    )
