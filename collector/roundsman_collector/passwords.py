"""Passwords: hashed with argon2id, never kept, never compared by us.

    hashed("correct horse battery") -> "$argon2id$v=19$m=19456,t=2,p=1$…"
    matches(hash, password) -> bool          None as hash: the time is spent all the same, and the answer is no

19 MiB, two passes, one lane: the second recommended set of RFC 9106's authors as OWASP lists it; 46 ms on a small core.
"""

from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

LEAST: Final = 10
MOST: Final = 200
"""Characters of a password."""
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_NOBODY: Final = "$argon2id$v=19$m=19456,t=2,p=1$/Fn2rimmPKFoPVEmj527nQ$Lu8NX2HyUw7TT4jxmEw5MA//HgKYa6ylEMsDgFLMYGE"
"""The hash of random bits that nobody kept."""


class PasswordError(ValueError):
    """A password that cannot be taken."""


def checked(password: str, login: str) -> str:
    """The password, if it is long enough and not the login's own name; PasswordError otherwise. No other rules help."""
    if not LEAST <= len(password) <= MOST:
        raise PasswordError(f"expected {LEAST} to {MOST} characters")
    if login.lower() in password.lower() and len(password) < len(login) + LEAST:
        raise PasswordError("expected one that is not made of the login name")
    if len(set(password)) < 4:
        raise PasswordError("expected at least four different characters")
    return password


def hashed(password: str) -> str:
    """What is kept in place of the password."""
    return _HASHER.hash(_bytes(password))


def matches(kept: str | None, password: str) -> bool:
    """Whether this is the password that was kept. A hash we cannot read matches nothing."""
    try:
        _HASHER.verify(kept or _NOBODY, _bytes(password))
    except (VerificationError, InvalidHashError):
        return False
    return kept is not None


def _bytes(password: str) -> bytes:
    """What is hashed; a form can hold half a surrogate pair, which UTF-8 does not know."""
    return password.encode("utf-8", "surrogatepass")
