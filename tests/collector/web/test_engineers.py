"""The pages of who can be sent, and the suggestion as a ticket's page draws it."""

import pytest
from starlette.testclient import TestClient

from roundsman_collector.api.desk import Desk
from roundsman_collector.roles import Role, Scope
from roundsman_collector.store import Deed, View
from roundsman_collector.web.page import environment
from roundsman_collector.web.pages.engineers import suggestion_rows
from roundsman_collector.web.saying import Saying
from tests.collector.api import world
from tests.collector.api.world import NOW

SOUTH = Scope(groups=frozenset({"south"}))
DEED = Deed(who="admin", at_ms=NOW - 10)
PEOPLE: tuple[tuple[str, str, Role, Scope], ...] = (
    ("li", "李娜", "engineer", SOUTH),
    ("southern", "调度", "dispatcher", SOUTH),
    ("northern", "北调", "dispatcher", Scope(groups=frozenset({"north"}))),
)


@pytest.fixture
def desk(view: View) -> Desk:
    made = world.desk(view)
    world.places(made.office)
    point = {
        "name_zh": "天河网点",
        "name_en": "Tianhe",
        "group_id": "south",
        "zones": "urban",
        "phone": "020-8888 6666",
    }
    made.office.put_entry("point", "tianhe", point, deed=DEED)
    for login, name, role, scope in PEOPLE:
        made.office.add_person(login, name=name, role=role, scope=scope, deed=DEED)
    return made


def of(desk: Desk, login: str, language: str = "en") -> TestClient:
    return world.signed_in(desk, login, **{"Origin": world.ORIGIN, "Accept-Language": language})


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("zh", ["工程师", "网点", "技能", "没有负责工程师", "metro-a"]),
        ("en", ["Engineers", "Service point", "Skills", "nobody who is responsible", "metro-a"]),
    ],
)
def test_the_list_names_people_and_sites_that_nobody_looks_after(desk: Desk, language: str, words: list[str]) -> None:
    text = of(desk, "southern", language).get("/engineers").text

    assert [word for word in ["李娜", *words] if word not in text] == []


def test_who_has_nothing_in_common_with_somebody_does_not_find_them(desk: Desk) -> None:
    northern = of(desk, "northern")

    assert "李娜" not in northern.get("/engineers").text
    assert northern.get("/engineers/li").status_code == 404
    assert northern.post("/engineers/li/skills", data={"kind": "kiosk"}).status_code == 404


def test_a_point_and_a_skill_are_said_on_the_page_and_taken_back(desk: Desk) -> None:
    southern = of(desk, "southern")

    answers = [
        southern.post("/engineers/li/point", data={"point": "tianhe"}),
        southern.post("/engineers/li/skills", data={"kind": "Kiosk", "component": "", "qualified_until": "2024-10-20"}),
        southern.post(
            "/engineers/li/skills", data={"kind": "nvr", "component": "disk", "qualified_until": "2024-10-01"}
        ),
    ]
    page, point = southern.get("/engineers/li").text, southern.get("/points/tianhe").text
    southern.post("/engineers/li/skills/end", data={"kind": "nvr", "component": "disk"})

    assert [one.status_code for one in answers] == [303, 303, 303]
    assert "qualified until 2024-10-20" in page
    assert "qualification over since 2024-10-01" in page
    assert "李娜" in point
    assert "qualification over" not in southern.get("/engineers/li").text


@pytest.mark.parametrize(
    ("path", "data", "words"),
    [
        ("skills", {"kind": "a kiosk"}, "Write a kind of device"),
        ("skills", {"kind": "kiosk", "component": "disk[/]"}, "Write a component"),
        ("skills", {"kind": "kiosk", "qualified_until": "soon"}, "Write a day such as 2027-06-30"),
        ("point", {"point": "nowhere"}, "There is no such service point."),
    ],
)
def test_what_cannot_be_kept_comes_back_marked(desk: Desk, path: str, data: dict[str, str], words: str) -> None:
    answer = of(desk, "southern").post(f"/engineers/li/{path}", data=data)

    assert answer.status_code == 422
    assert words in answer.text


def test_an_engineer_sees_the_page_without_forms(desk: Desk) -> None:
    text = of(desk, "li").get("/engineers/li").text

    assert "/engineers/li/skills" not in text
    assert 'action="/engineers' not in text


@pytest.mark.parametrize(("path", "words"), [("/points", "urban"), ("/points/~new", "Zones it covers")])
def test_service_points_are_pages_of_the_register(desk: Desk, path: str, words: str) -> None:
    assert words in of(desk, "southern").get(path).text


def test_a_service_point_is_entered_by_its_form(desk: Desk) -> None:
    southern = of(desk, "southern")
    form = {"id": "panyu", "group_id": "south", "name_zh": "番禺", "name_en": "Panyu", "zones": "郊区", "phone": "no"}

    wrong = southern.post("/points/~new", data=form)
    made = southern.post("/points/~new", data=form | {"phone": "020-1"})

    assert (wrong.status_code, made.status_code) == (422, 303)
    found = desk.view.entry("point", "panyu")
    assert found is not None
    assert found.fields["zones"] == "suburban"


@pytest.mark.parametrize(
    ("language", "words"),
    [("zh", ["李娜", "手上没有工单", "建议"]), ("en", ["李娜", "has no ticket now", "suggested"])],
)
def test_a_tickets_page_can_draw_whom_to_send(desk: Desk, language: str, words: list[str]) -> None:
    desk.office.put_member("li", "tianhe", deed=DEED)
    saying = Saying(language=language, now_ms=NOW)  # type: ignore[arg-type]
    row, _ = desk.view.ticket("2024-000001")  # type: ignore[misc]

    rows = suggestion_rows(desk, saying, row)
    macro = environment(language).get_template("going_parts.html").make_module({"say": saying})  # type: ignore[arg-type]

    html = str(macro.suggestions(rows))  # type: ignore[attr-defined]
    assert rows[0]["login"] == "li"
    assert rows[0]["is_best"]
    assert [word for word in words if word not in html] == []


def test_the_health_page_counts_sites_that_nobody_looks_after(desk: Desk) -> None:
    text = world.signed_in(desk, world.ADMIN, **{"Accept-Language": "en"}).get("/health").text

    assert "Sites without a responsible engineer" in text
