"""What may stand in a person's entry. Pure.

checked_login("li.na") · checked_email("li.na@example.com") · checked_language("zh")
"""

import re

LANGUAGES = ("zh", "en")
_LOGIN = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}\Z")
_EMAIL = re.compile(r"[^@\s<>,;:\"\\]{1,64}@[A-Za-z0-9.-]{1,190}\Z")


class PeopleError(ValueError):
    """Something in a person's entry that cannot be used."""


def checked_login(text: str) -> str:
    """A login name."""
    if not _LOGIN.match(text):
        raise PeopleError(
            f"the login name {text[:80]!r}: expected 1-63 of a-z 0-9 . _ -, beginning with a letter or digit"
        )
    return text


def checked_email(text: str) -> str:
    """A mail address, or none."""
    if text and not _EMAIL.match(text):
        raise PeopleError(f"the mail address {text[:80]!r}: expected one such as li.na@example.com, or none")
    return text


def checked_language(text: str) -> str:
    """zh or en."""
    if text not in LANGUAGES:
        raise PeopleError(f"the language {text[:20]!r}: expected {' or '.join(LANGUAGES)}")
    return text
