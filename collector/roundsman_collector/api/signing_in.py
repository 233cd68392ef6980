"""Signing in: a name and a password for the key of a session, and what keeps guessers out.

    key = sign_in(desk, "li.na", "correct horse battery", address="192.0.2.7", browser="Firefox")      Problem otherwise

Three things slow a guesser down: a wrong password takes as long as a right one (argon2, also for names that do not
exist); five in a row lock the person for a quarter of an hour (store/people.py); and an address that keeps on is told
to wait. The answer to a wrong name, a wrong password and a locked person is the same.
"""

from roundsman_collector.api.access import IDLE_MS
from roundsman_collector.api.desk import Desk
from roundsman_collector.api.problem import Problem
from roundsman_collector.passwords import PasswordError, checked, hashed, matches
from roundsman_collector.store import Deed, PersonRow


def sign_in(desk: Desk, login: str, password: str, *, address: str, browser: str) -> str:
    """The key of a new session; Problem for a wrong name or password."""
    now_ms = desk.now_ms()
    deed = Deed(who=login[:100], at_ms=now_ms, address=address)
    desk.guard.check(address, now_ms)
    lock = desk.view.lock_of(login)
    with desk.guard.hashing():
        is_right = matches(lock.password_hash if lock else None, password[:1000])
    is_locked = lock is not None and (lock.is_disabled or (lock.locked_until_ms or 0) > now_ms)
    if not is_right or is_locked:
        desk.guard.failed(address, now_ms)
        desk.office.login_failed(login, deed)
        raise Problem(
            403,
            "wrong_password",
            what="the name or the password is wrong, or the account is locked for a while",
            where="the form",
            expected="a login name and its password; after five wrong ones none is taken for 15 minutes",
            do="try again, or ask an administrator for a new link",
        )
    return desk.office.begin_session(login, expires_ms=now_ms + IDLE_MS, browser=browser, deed=deed)


def choose_password(desk: Desk, key: str, password: str, *, address: str, browser: str) -> str:
    """Use a one-time link: the key of a session of the person whom it lets in, who has this password from now on."""
    now_ms = desk.now_ms()
    desk.guard.check(address, now_ms)
    person = invited(desk, key, address)
    kept = hash_of_choice(desk, person.id, password)
    deed = Deed(who=person.id, at_ms=now_ms, address=address)
    if desk.office.accept(key, kept, deed) is None:
        raise _bad_link()
    return desk.office.begin_session(person.id, expires_ms=now_ms + IDLE_MS, browser=browser, deed=deed)


def change_password(desk: Desk, login: str, old: str, new: str, *, address: str) -> None:
    """Another password for who knows the old one; all sessions end, this one too."""
    now_ms = desk.now_ms()
    deed = Deed(who=login, at_ms=now_ms, address=address)
    desk.guard.check(address, now_ms)
    lock = desk.view.lock_of(login)
    with desk.guard.hashing():
        is_right = matches(lock.password_hash if lock else None, old[:1000])
    if not is_right:
        desk.guard.failed(address, now_ms)
        desk.office.login_failed(login, deed)
        raise Problem(
            403,
            "wrong_password",
            what="the old password is wrong",
            where="the form",
            expected="the password you signed in with",
            do="try again, or ask an administrator for a new link",
        )
    desk.office.change_password(login, hash_of_choice(desk, login, new), deed)


def hash_of_choice(desk: Desk, login: str, password: str) -> str:
    """The hash of a password that somebody has chosen; Problem for one that cannot be taken."""
    try:
        checked(password, login)
    except PasswordError as error:
        raise Problem(
            422,
            "weak_password",
            what="this password cannot be taken",
            where="the form",
            expected=str(error),
            do="choose another one: four unusual words are a good start",
        ) from error
    with desk.guard.hashing():
        return hashed(password)


def invited(desk: Desk, key: str, address: str) -> PersonRow:
    """Whom a one-time link lets in; Problem where it lets in nobody."""
    now_ms = desk.now_ms()
    desk.guard.check(address, now_ms)
    found = desk.view.invited(key, now_ms)
    if found is None:
        desk.guard.failed(address, now_ms)
        raise _bad_link()
    return found


def _bad_link() -> Problem:
    return Problem(
        403,
        "bad_link",
        what="this link is not known, was used already, or is too old",
        where="?key=",
        expected="the newest link that was made for you; each works once",
        do="ask an administrator for a new one (roundsman user link NAME)",
    )
