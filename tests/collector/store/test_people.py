"""People and programs in the database: links that work once, sessions that end, locks, scopes, and the last ruler."""

from collections.abc import Iterator

import pytest

from roundsman_collector.passwords import hashed, matches
from roundsman_collector.roles import EVERYTHING, NOTHING, Scope
from roundsman_collector.store import Deed, Office, Store, StoreError, View
from roundsman_collector.store.connect import transaction
from roundsman_collector.store.people import FAILURES_BEFORE_LOCK, LOCK_MS, scope_of, scope_text
from roundsman_collector.store.sql import run
from tests.collector.store.cast import TODAY, tables

HOUR = 3_600_000
SOUTH = Scope(groups=frozenset({"south"}), customers=frozenset({"metro"}))
SECRET = hashed("correct horse battery")


@pytest.fixture
def office(store: Store, where: str) -> Iterator[Office]:
    with Office.open(where) as opened:
        opened.add_person("admin", name="Admin", role="administrator", scope=EVERYTHING, deed=by("roundsman"))
        opened.add_person("li.na", name="李娜", role="engineer", scope=SOUTH, email="li@example.com", deed=by("admin"))
        yield opened


def by(who: str, at_ms: int = TODAY) -> Deed:
    return Deed(who=who, at_ms=at_ms, address="192.0.2.1")


def test_a_person_is_kept_with_role_and_scope(office: Office, view: View) -> None:
    found = view.person("li.na")

    assert found is not None
    assert (found.name, found.role, found.scope, found.has_password) == ("李娜", "engineer", SOUTH, False)
    assert [one.id for one in view.persons()] == ["admin", "li.na"]


def test_a_link_lets_in_once_and_gives_the_password(office: Office, view: View) -> None:
    key = office.invite("li.na", expires_ms=TODAY + HOUR, deed=by("admin"))

    accepted = office.accept(key, SECRET, by("li.na"))

    assert accepted is not None
    assert accepted.id == "li.na"
    lock = view.lock_of("li.na")
    assert lock is not None
    assert matches(lock.password_hash, "correct horse battery")
    assert office.accept(key, SECRET, by("li.na")) is None, "a link works once"


@pytest.mark.parametrize("at_ms", [TODAY + HOUR, TODAY + 10 * HOUR])
def test_a_link_that_is_over_lets_nobody_in(office: Office, view: View, at_ms: int) -> None:
    key = office.invite("li.na", expires_ms=TODAY + HOUR, deed=by("admin"))

    assert view.invited(key, at_ms) is None
    assert office.accept(key, SECRET, by("li.na", at_ms)) is None


def test_a_new_link_makes_the_older_one_worthless(office: Office, view: View) -> None:
    older = office.invite("li.na", expires_ms=TODAY + HOUR, deed=by("admin"))

    newer = office.invite("li.na", expires_ms=TODAY + HOUR, deed=by("admin"))

    assert view.invited(older, TODAY) is None
    assert view.invited(newer, TODAY) is not None


def test_keys_are_kept_as_hashes_only(office: Office, store: Store) -> None:
    link = office.invite("li.na", expires_ms=TODAY + HOUR, deed=by("admin"))
    session = office.begin_session("li.na", expires_ms=TODAY + HOUR, browser="x", deed=by("li.na"))
    office.add_token("a-secret-token", name="grafana", role="viewer", scope=SOUTH, deed=by("admin"))

    with transaction(store._read, "looking", store._place) as connection:
        everything = str([run(connection, f"SELECT * FROM {name}").all() for name in tables(connection)])
    assert not [key for key in (link, session, "a-secret-token") if key in everything]


def test_a_session_opens_until_it_ends(office: Office, view: View) -> None:
    key = office.begin_session("li.na", expires_ms=TODAY + HOUR, browser="Firefox", deed=by("li.na"))
    found = view.session(key, TODAY)
    assert found is not None
    session, person = found
    assert (person.id, person.scope, session.browser, session.address) == ("li.na", SOUTH, "Firefox", "192.0.2.1")

    assert view.session(key, TODAY + HOUR) is None, "its time is over"
    assert view.session(key + "x", TODAY) is None
    assert view.session("\ud800", TODAY) is None
    office.session_seen(session.hash, TODAY + HOUR - 1, TODAY + 2 * HOUR)
    assert view.session(key, TODAY + HOUR) is not None, "it was used and lives on"

    office.end_session(session.hash, by("li.na"))

    assert view.session(key, TODAY) is None
    office.session_seen(session.hash, TODAY, TODAY + 9 * HOUR)
    assert view.session(key, TODAY) is None, "what has ended does not come back"


def test_who_is_shut_out_is_out_at_once_and_no_link_helps(office: Office, view: View) -> None:
    key = office.begin_session("li.na", expires_ms=TODAY + HOUR, browser="", deed=by("li.na"))
    link = office.invite("li.na", expires_ms=TODAY + HOUR, deed=by("admin"))

    office.disable_person("li.na", is_disabled=True, deed=by("admin"))

    assert view.session(key, TODAY) is None
    assert view.invited(link, TODAY) is None
    with pytest.raises(StoreError, match="shut out"):
        office.invite("li.na", expires_ms=TODAY + HOUR, deed=by("admin"))
    office.disable_person("li.na", is_disabled=False, deed=by("admin"))
    assert view.session(key, TODAY) is None, "coming back needs a new sign-in"


def test_a_new_password_ends_every_session(office: Office, view: View) -> None:
    key = office.begin_session("li.na", expires_ms=TODAY + HOUR, browser="", deed=by("li.na"))

    office.change_password("li.na", SECRET, by("li.na"))

    assert view.session(key, TODAY) is None


def test_wrong_passwords_lock_for_a_while_and_a_right_one_forgets_them(office: Office, view: View) -> None:
    for _ in range(FAILURES_BEFORE_LOCK - 1):
        office.login_failed("li.na", by("li.na"))
    assert view.person("li.na").locked_until_ms is None  # type: ignore[union-attr]

    office.login_failed("li.na", by("li.na"))

    assert view.person("li.na").locked_until_ms == TODAY + LOCK_MS  # type: ignore[union-attr]
    office.begin_session("li.na", expires_ms=TODAY + HOUR, browser="", deed=by("li.na"))
    found = view.person("li.na")
    assert found is not None
    assert (found.failed_count, found.locked_until_ms) == (0, None)


def test_a_wrong_name_is_written_down_and_locks_nobody(office: Office, view: View) -> None:
    office.login_failed("mallory", by("mallory"))

    assert [(one.verb, one.subject) for one in view.audit(limit=1)] == [("login.failed", "person:mallory")]


@pytest.mark.parametrize(
    "change",
    [
        lambda office: office.disable_person("admin", is_disabled=True, deed=by("admin")),
        lambda office: office.change_person(
            "admin", name="A", role="viewer", scope=EVERYTHING, email="", language="zh", deed=by("admin")
        ),
        lambda office: office.change_person(
            "admin", name="A", role="administrator", scope=SOUTH, email="", language="zh", deed=by("admin")
        ),
    ],
    ids=["shut out", "another role", "a narrower scope"],
)
def test_the_last_who_may_keep_users_stays(office: Office, view: View, change: object) -> None:
    with pytest.raises(StoreError, match="nobody would be left"):
        change(office)  # type: ignore[operator]

    found = view.person("admin")
    assert found is not None
    assert (found.role, found.scope, found.disabled_ms) == ("administrator", EVERYTHING, None)


def test_every_change_of_a_person_is_in_the_audit_log_with_before_and_after(office: Office, view: View) -> None:
    office.change_person(
        "li.na", name="李娜", role="dispatcher", scope=NOTHING, email="", language="en", deed=by("admin", TODAY + 5)
    )

    newest = view.audit(limit=1)[0]
    assert (newest.who, newest.at_ms, newest.address) == ("admin", TODAY + 5, "192.0.2.1")
    assert (newest.verb, newest.subject) == ("person.change", "person:li.na")
    assert newest.before is not None
    assert newest.after is not None
    assert (newest.before["role"], newest.before["scope"]) == ("engineer", "group:south customer:metro")
    assert (newest.after["role"], newest.after["scope"]) == ("dispatcher", "")


def test_the_audit_log_is_read_by_person_and_by_subject_page_after_page(office: Office, view: View) -> None:
    office.unlock_person("li.na", by("wang"))

    assert [one.verb for one in view.audit(who="wang")] == ["person.unlock"]
    assert [one.verb for one in view.audit(subject="person:li.na")] == ["person.unlock", "person.add"]
    first = view.audit(limit=2)
    assert [one.verb for one in view.audit(before_id=first[-1].id)] == ["person.add"]


def test_a_token_opens_within_its_role_and_scope_until_it_ends_or_is_revoked(office: Office, view: View) -> None:
    deed = by("admin")
    office.add_token("key-1", name="grafana", role="viewer", scope=SOUTH, expires_ms=TODAY + HOUR, deed=deed)

    found = view.token("key-1", TODAY)

    assert found is not None
    assert (found.name, found.role, found.scope, found.made_by) == ("grafana", "viewer", SOUTH, "admin")
    assert view.token("key-1", TODAY + HOUR) is None
    assert view.token("key-2", TODAY) is None
    assert view.token("\ud800", TODAY) is None
    office.revoke_token(found.hash, by("admin"))
    assert view.token("key-1", TODAY) is None
    with pytest.raises(StoreError, match="no such token in force"):
        office.revoke_token(found.hash, by("admin"))


def test_a_revoked_token_does_not_come_back_with_the_same_key(office: Office, view: View) -> None:
    office.add_token("key-1", name="first", role="administrator", deed=by("roundsman"))
    office.revoke_token(view.tokens()[0].hash, by("admin"))

    office.add_token("key-1", name="first", role="administrator", deed=by("roundsman"))

    assert view.token("key-1", TODAY) is None


@pytest.mark.parametrize("scope", [EVERYTHING, NOTHING, SOUTH, Scope(customers=frozenset({"a", "b"}))])
def test_a_scope_is_read_as_it_was_written(scope: Scope) -> None:
    assert scope_of(scope_text(scope)) == scope


@pytest.mark.parametrize("text", ["", "everything", "group", "groups:south", "all:x", "customer"])
def test_what_is_not_understood_as_a_scope_reaches_nothing(text: str) -> None:
    scope = scope_of(text)

    assert not scope.everything
    assert not scope.holds("south", "metro")
