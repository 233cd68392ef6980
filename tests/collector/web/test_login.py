"""Coming in by the pages: links, sessions, and what is tried against them."""

import re

import pytest
from starlette.testclient import TestClient

from roundsman_collector.api.desk import Desk
from roundsman_collector.passwords import hashed
from roundsman_collector.store import Deed, View
from tests.collector.api import world

GOOD = "correct horse battery"
COOKIE = f"roundsman_{world.PORT}"
OURS = {"Origin": world.ORIGIN}


@pytest.fixture
def desk(view: View) -> Desk:
    made = world.desk(view)
    made.office.change_password("engineer", hashed(GOOD), Deed(who="engineer", at_ms=world.NOW))
    return made


@pytest.fixture
def browser(desk: Desk) -> TestClient:
    return world.browser(desk, **OURS)


def enter(browser: TestClient, password: str = GOOD, **fields: str) -> tuple[int, str]:
    answer = browser.post("/login", data={"login": "engineer", "password": password, **fields})
    return answer.status_code, answer.headers.get("location", "")


def test_a_password_opens_the_pages_until_one_signs_out(browser: TestClient, desk: Desk) -> None:
    assert browser.get("/devices").headers["location"] == "/login?to=%2Fdevices"

    assert enter(browser) == (303, "/")
    key = browser.cookies[COOKIE]

    assert browser.get("/devices").status_code == 200
    answer = browser.post("/logout")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert desk.view.session(key, world.NOW) is None, "it is over in the database, not in the browser alone"
    browser.cookies.set(COOKIE, key)
    assert browser.get("/devices").status_code == 303


def test_the_cookie_is_for_this_site_and_for_no_script(browser: TestClient) -> None:
    answer = browser.post("/login", data={"login": "engineer", "password": GOOD})

    cookie = next(one for one in answer.headers.get_list("set-cookie") if one.startswith(COOKIE)).lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "path=/" in cookie
    assert "secure" not in cookie, "on loopback there is no TLS"


def test_behind_a_proxy_with_tls_the_cookie_travels_by_it_only(view: View) -> None:
    desk = world.desk(view, public_url="https://rounds.example.com")
    desk.office.change_password("engineer", hashed(GOOD), Deed(who="engineer", at_ms=world.NOW))
    headers = {"Origin": "https://rounds.example.com", "Host": "rounds.example.com"}
    browser = world.browser(desk)

    answer = browser.post("/login", data={"login": "engineer", "password": GOOD}, headers=headers)

    assert answer.status_code == 303
    assert "; secure" in answer.headers["set-cookie"].lower()


def test_a_session_that_somebody_else_laid_down_is_not_taken_over(browser: TestClient, desk: Desk) -> None:
    """Session fixation: the key is new at every sign-in, and the one of before is over."""
    deed = Deed(who="viewer", at_ms=world.NOW)
    planted = desk.office.begin_session("viewer", expires_ms=world.NOW + 1000, browser="", deed=deed)
    browser.cookies.set(COOKIE, planted)

    assert enter(browser)[0] == 303

    assert browser.cookies.get(COOKIE, domain="127.0.0.1") != planted
    assert desk.view.session(planted, world.NOW) is None


def test_a_key_that_we_did_not_make_opens_nothing(browser: TestClient) -> None:
    browser.cookies.set(COOKIE, "chosen-by-somebody-else")

    assert browser.get("/devices").status_code == 303
    assert enter(browser)[0] == 303


@pytest.mark.parametrize("headers", [{}, {"Origin": "http://evil.example"}, {"Origin": "null"}])
@pytest.mark.parametrize(("path", "fields"), [("/login", {"login": "engineer", "password": GOOD}), ("/welcome", {})])
def test_no_foreign_page_signs_anybody_in(
    desk: Desk, path: str, fields: dict[str, str], headers: dict[str, str]
) -> None:
    answer = world.browser(desk).post(path, data=fields, headers=headers)

    assert answer.status_code == 403
    assert COOKIE not in answer.headers.get("set-cookie", "")


@pytest.mark.parametrize(
    ("to", "location"),
    [
        ("/tickets?state=open", "/tickets?state=open"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("\\\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/x\r\nSet-Cookie: a=b", "/"),
        ("", "/"),
    ],
)
def test_signing_in_leads_to_pages_of_ours_only(browser: TestClient, to: str, location: str) -> None:
    assert enter(browser, to=to) == (303, location)


def test_a_wrong_password_is_told_on_the_form_and_not_shown_again(browser: TestClient) -> None:
    answer = browser.post("/login", data={"login": "engineer", "password": "a-wrong-secret"})

    assert answer.status_code == 403
    assert 'value="engineer"' in answer.text
    assert "a-wrong-secret" not in answer.text
    assert 'role="alert"' in answer.text


def test_a_guesser_is_told_to_wait_and_when_to_come_back(browser: TestClient) -> None:
    told = [browser.post("/login", data={"login": f"name-{n}", "password": "x"}) for n in range(13)]

    assert [one.status_code for one in told] == [403] * 12 + [429]
    assert int(told[-1].headers["retry-after"]) > 0


def test_a_link_that_a_program_opens_is_not_used_up(browser: TestClient, desk: Desk) -> None:
    key = desk.office.invite("viewer", expires_ms=world.NOW + 1000, deed=Deed(who="admin", at_ms=world.NOW))

    for _ in range(3):
        assert browser.get(f"/welcome?key={key}").status_code == 200
    browser.head(f"/welcome?key={key}")

    answer = browser.post("/welcome", data={"key": key, "password": GOOD, "again": GOOD})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert browser.get("/devices").status_code == 200
    assert browser.get(f"/welcome?key={key}").status_code == 403, "now it is"


@pytest.mark.parametrize(("password", "again"), [(GOOD, GOOD + "x"), ("short", "short"), ("", "")])
def test_a_password_that_cannot_be_taken_leaves_the_form_and_the_link(
    browser: TestClient, desk: Desk, password: str, again: str
) -> None:
    key = desk.office.invite("viewer", expires_ms=world.NOW + 1000, deed=Deed(who="admin", at_ms=world.NOW))

    answer = browser.post("/welcome", data={"key": key, "password": password, "again": again})

    assert answer.status_code == 422
    assert key in answer.text
    assert desk.view.invited(key, world.NOW) is not None


def test_another_password_signs_out_everywhere(browser: TestClient) -> None:
    enter(browser)

    wrong = browser.post("/account/password", data={"old": "x", "password": "four unusual words", "again": "y"})
    assert wrong.status_code == 422
    new = {"old": GOOD, "password": "four unusual words", "again": "four unusual words"}
    assert browser.post("/account/password", data=new).headers["location"] == "/login"

    assert browser.get("/devices").status_code == 303
    assert enter(browser)[0] == 403
    assert enter(browser, "four unusual words")[0] == 303


def test_one_ends_ones_own_sessions_and_nobody_elses(browser: TestClient, desk: Desk) -> None:
    enter(browser)
    deed = Deed(who="viewer", at_ms=world.NOW)
    others = desk.office.begin_session("viewer", expires_ms=world.NOW + 1000, browser="", deed=deed)
    session = desk.view.session(others, world.NOW)
    assert session is not None

    browser.post(f"/account/sessions/{session[0].hash}/end")

    assert desk.view.session(others, world.NOW) is not None


@pytest.mark.parametrize(
    "path",
    [
        "/static/../site.py",
        "/static/%2e%2e/site.py",
        "/static/..%2fsite.py",
        "/static/%2e%2e%2f%2e%2e%2fapp.py",
        "/static//etc/passwd",
        "/static/vendor/../../words.py",
        "/static/..\\site.py",
    ],
)
def test_no_path_leads_out_of_our_files(browser: TestClient, path: str) -> None:
    answer = browser.get(path)

    assert answer.status_code in (303, 404)
    assert "import" not in answer.text


def test_a_form_that_is_too_large_is_refused_before_it_is_read_whole(browser: TestClient) -> None:
    enter(browser)

    answer = browser.post("/tickets/2024-000001/act", data={"verb": "note", "text": "x" * 2_000_000})

    assert answer.status_code == 422


# --- users and tokens ------------------------------------------------------------------------------------------------


@pytest.fixture
def admin(desk: Desk) -> TestClient:
    return world.signed_in(desk, world.ADMIN, **OURS)


def test_a_new_user_gets_a_link_that_is_shown_once(admin: TestClient, desk: Desk) -> None:
    fields = {
        "login": "li.na",
        "name": "李娜",
        "role": "engineer",
        "scope": "group:south",
        "language": "zh",
        "email": "",
    }

    answer = admin.post("/people", data=fields)

    found = re.search(r"/welcome\?key=([\w-]+)", answer.text)
    assert found is not None
    person = desk.view.invited(found[1], world.NOW)
    assert person is not None
    assert (person.id, person.name, person.role, person.scope.groups) == (
        "li.na",
        "李娜",
        "engineer",
        frozenset({"south"}),
    )
    assert found[1] not in admin.get("/people/li.na").text


@pytest.mark.parametrize(
    "wrong",
    [
        {"login": "Li Na"},
        {"role": "king"},
        {"scope": ""},
        {"scope": "everything"},
        {"scope": "group:"},
        {"email": "nowhere"},
        {"language": "fr"},
        {"login": "engineer"},
    ],
    ids=str,
)
def test_a_user_that_cannot_be_is_told_on_the_form(admin: TestClient, desk: Desk, wrong: dict[str, str]) -> None:
    fields = {"login": "li.na", "name": "", "role": "engineer", "scope": "all", "language": "zh", "email": ""}
    before = desk.view.persons()

    answer = admin.post("/people", data=fields | wrong)

    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert desk.view.persons() == before


def test_who_is_shut_out_is_out_on_the_next_click(admin: TestClient, browser: TestClient) -> None:
    enter(browser)
    assert browser.get("/devices").status_code == 200

    assert admin.post("/people/engineer/disable").status_code == 303

    assert browser.get("/devices").status_code == 303
    assert enter(browser)[0] == 403


def test_the_last_administrator_cannot_shut_themselves_out(admin: TestClient) -> None:
    answer = admin.post("/people/admin/disable")

    assert answer.status_code == 409
    assert admin.get("/people").status_code == 200


def test_a_new_token_is_shown_once_and_works_within_its_scope(admin: TestClient, desk: Desk) -> None:
    fields = {"name": "grafana", "role": "viewer", "scope": "customer:metro", "days": "30"}

    answer = admin.post("/tokens", data=fields)

    key = re.search(r"<code>([\w-]{40,})</code>", answer.text)
    assert key is not None
    assert key[1] not in admin.get("/tokens").text
    program = world.browser(desk, Authorization=f"Bearer {key[1]}")
    assert program.get("/api/v1/devices").json()["devices"] == []
    assert program.get("/api/v1/status").status_code == 403
    token = desk.view.token(key[1], world.NOW)
    assert token is not None
    assert admin.post(f"/tokens/{token.hash}/revoke").status_code == 303
    assert program.get("/api/v1/devices").status_code == 401
