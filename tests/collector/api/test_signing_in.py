"""Signing in: who gets a session, and what a guesser meets."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from roundsman_collector.api.desk import Desk
from roundsman_collector.api.guard import FAILURES, WINDOW_MS, Guard
from roundsman_collector.api.problem import Problem
from roundsman_collector.api.signing_in import change_password, choose_password, sign_in
from roundsman_collector.passwords import PasswordError, checked, hashed, matches
from roundsman_collector.store import Deed, View
from roundsman_collector.store.people import FAILURES_BEFORE_LOCK, LOCK_MS
from tests.collector.api import world

GOOD = "correct horse battery"


@pytest.fixture
def desk(view: View) -> Desk:
    made = world.desk(view)
    made.office.change_password("engineer", hashed(GOOD), Deed(who="engineer", at_ms=world.NOW))
    return made


def refused(what: Callable[[], object]) -> tuple[int, str]:
    with pytest.raises(Problem) as told:
        what()
    return told.value.status, told.value.code


def enter(desk: Desk, login: str = "engineer", password: str = GOOD, address: str = "192.0.2.1") -> str:
    return sign_in(desk, login, password, address=address, browser="Firefox")


def later(desk: Desk, ms: int) -> Desk:
    return replace(desk, now_ms=lambda: world.NOW + ms)


def test_a_name_and_its_password_open_a_session(desk: Desk) -> None:
    key = enter(desk)

    found = desk.view.session(key, world.NOW)
    assert found is not None
    assert (found[1].id, found[0].address, found[0].browser) == ("engineer", "192.0.2.1", "Firefox")


@pytest.mark.parametrize(
    ("login", "password"),
    [
        ("engineer", "wrong"),
        ("engineer", GOOD + " "),
        ("engineer", ""),
        ("mallory", GOOD),
        ("viewer", GOOD),  # has no password yet
        ("", ""),
        ("engineer' OR 1=1 --", GOOD),
        ("\ud800", "\ud800"),
    ],
)
def test_a_wrong_name_and_a_wrong_password_are_told_alike(desk: Desk, login: str, password: str) -> None:
    assert refused(lambda: enter(desk, login, password)) == (403, "wrong_password")


def test_five_wrong_passwords_lock_and_the_right_one_is_told_like_a_wrong_one(desk: Desk) -> None:
    for number in range(FAILURES_BEFORE_LOCK):
        refused(partial(enter, desk, password="wrong", address=f"192.0.2.{number}"))

    assert refused(lambda: enter(desk)) == (403, "wrong_password")
    assert enter(later(desk, LOCK_MS))


def test_who_is_shut_out_does_not_come_in_with_the_right_password(desk: Desk) -> None:
    desk.office.disable_person("engineer", is_disabled=True, deed=Deed(who="admin", at_ms=world.NOW))

    assert refused(lambda: enter(desk)) == (403, "wrong_password")


def test_an_address_that_goes_on_guessing_is_told_to_wait_whoever_it_names(desk: Desk) -> None:
    for number in range(FAILURES):
        refused(partial(enter, desk, f"nobody-{number}", "wrong"))

    assert refused(lambda: enter(desk)) == (429, "too_many_tries")
    assert enter(desk, address="192.0.2.2"), "others are not held up"
    assert enter(later(desk, WINDOW_MS))


def test_a_guard_forgets_addresses_before_it_grows_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("roundsman_collector.api.guard.KEYS", 100)
    guard = Guard()

    for number in range(1000):
        guard.failed(f"address {number}", number)

    assert len(guard.failures.remembered()) <= 100
    assert "address 999" in guard.failures.remembered()


def test_a_clock_that_goes_back_does_not_lock_anybody_out_for_long() -> None:
    guard = Guard()
    for _ in range(FAILURES):
        guard.failed("192.0.2.1", 10**12)

    guard.check("192.0.2.1", 10**12 - 86_400_000)


def test_a_link_gives_a_password_and_a_session(desk: Desk) -> None:
    key = desk.office.invite("viewer", expires_ms=world.NOW + 1000, deed=Deed(who="admin", at_ms=world.NOW))

    session = choose_password(desk, key, GOOD, address="", browser="")

    assert desk.view.session(session, world.NOW) is not None
    assert enter(desk, "viewer")
    assert refused(lambda: choose_password(desk, key, GOOD, address="", browser="")) == (403, "bad_link")


def test_a_password_that_cannot_be_taken_leaves_the_link_as_it_was(desk: Desk) -> None:
    key = desk.office.invite("viewer", expires_ms=world.NOW + 1000, deed=Deed(who="admin", at_ms=world.NOW))

    assert refused(lambda: choose_password(desk, key, "short", address="", browser="")) == (422, "weak_password")

    assert desk.view.invited(key, world.NOW) is not None


def test_another_password_needs_the_old_one_and_ends_every_session(desk: Desk) -> None:
    key = enter(desk)
    new = "four unusual words here"

    assert refused(lambda: change_password(desk, "engineer", "wrong", new, address="")) == (403, "wrong_password")
    assert desk.view.session(key, world.NOW) is not None
    change_password(desk, "engineer", GOOD, new, address="")

    assert desk.view.session(key, world.NOW) is None
    assert refused(lambda: enter(desk)) == (403, "wrong_password")
    assert enter(desk, password=new)


@pytest.mark.parametrize("password", ["", "short", "x" * 9, "x" * 201, "aaaaaaaaaaaa", "li.na12345"])
def test_a_password_is_long_and_not_the_name(password: str) -> None:
    with pytest.raises(PasswordError, match="expected"):
        checked(password, "li.na")


@pytest.mark.parametrize("kept", [None, "", "not a hash", "$argon2id$v=19$m=1,t=1,p=1$aa$bb"])
def test_what_is_no_hash_matches_nothing(kept: str | None) -> None:
    assert not matches(kept, GOOD)
    assert not matches(kept, "")


def test_the_same_password_has_another_hash_each_time() -> None:
    assert hashed(GOOD) != hashed(GOOD)
    assert GOOD not in hashed(GOOD)
