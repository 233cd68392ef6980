"""Telling a server who we are when it wants to know: HTTP and RTSP alike, Digest, or Basic where it is named.

    door = Door(where, Login(user=…, password=…))
    door.asked("GET", "/status", exchanged) -> reply        exchanged(proof) sends the request and gives the answer

Without a user nothing is proven, and a 401 is an answer like any other. A password that was refused is not sent again
for `wait_s` (lockout.py).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from roundsman_agent import digest
from roundsman_agent.lockout import REFUSED, WAIT_S
from roundsman_agent.probe import ProbeError, Setting, number, text

__all__ = ["PROOF", "Door", "Login", "login_of"]

TRIES: Final = 3
"""Requests for one answer: without proof, with it, and with a nonce that is not stale."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Login:
    """Who we are. Without a user nobody: a 401 is then an answer like any other."""

    user: str = ""
    password: str = ""
    scheme: str = digest.DIGEST
    wait_s: float = WAIT_S


class Answered(Protocol):
    """An answer of HTTP or RTSP. Names of headers in small letters, each with all its values."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, tuple[str, ...]]: ...


Reply = TypeVar("Reply", bound=Answered)

PROOF: Final = (
    Setting(name="password", kind=str, default="", unit="", sentence="The user's password.", secret=True),
    Setting(
        name="auth",
        kind=str,
        default=digest.DIGEST,
        unit="",
        sentence="How the password is proved; basic sends it readable for whoever listens, if it is not https.",
        choices=(digest.DIGEST, digest.BASIC),
    ),
    Setting(
        name="retry_s",
        kind=float,
        default=WAIT_S,
        unit="s",
        sentence="How long a password that was refused is not sent again.",
        least=60,
        most=86_400,
    ),
)
"""The settings of a probe that has to prove who it is; `user` is its own, because some can do without."""


def login_of(settings: Mapping[str, object]) -> Login:
    """Who a probe is by its settings: `user` and those of PROOF."""
    return Login(
        user=text(settings, "user"),
        password=text(settings, "password"),
        scheme=text(settings, "auth"),
        wait_s=number(settings, "retry_s"),
    )


class Door:
    """A server at `where`, and how far we have proven to it who we are."""

    def __init__(self, where: str, login: Login) -> None:
        self._where, self._login = where, login
        self._challenge: digest.Challenge | None = None
        self._cnonce, self._uses = "", 0

    def asked(self, method: str, uri: str, exchanged: Callable[[str], Reply]) -> Reply:
        """Ask; when the server wants to know who we are, tell it and ask again.

        ProbeError bad_credentials when it refuses us, not_supported when it wants another scheme than the named one.
        """
        user, password, where = self._login.user, self._login.password, self._where
        if not user:
            return exchanged("")
        REFUSED.raise_if(where, user, password, now=time.monotonic(), wait_s=self._login.wait_s)
        for _ in range(TRIES):
            proof = self._proof(method, uri)
            reply = exchanged(proof)
            if reply.status != 401:
                if proof:
                    REFUSED.forget(where, user)
                return reply
            found = digest.challenges(reply.headers.get("www-authenticate", ()))
            challenge = digest.chosen(found, (self._login.scheme,))
            is_fresh = self._uses == 1 or (proof != "" and self._login.scheme == digest.BASIC)
            # Some devices refuse without asking anew: that too was a try, and the next one may lock the account.
            if proof and is_fresh and not (challenge is not None and challenge.is_stale):
                REFUSED.note(where, user, password, now=time.monotonic())
                raise ProbeError("bad_credentials", f"{where}: refuses user and password")
            if challenge is None:
                raise self._wants_another(found)
            self._challenge, self._cnonce, self._uses = challenge, os.urandom(16).hex(), 0
        raise ProbeError("bad_answer", f"{where}: calls every nonce stale that it has just given")

    def _proof(self, method: str, uri: str) -> str:
        """The value of Authorization; "" as long as the server has not asked for one."""
        if self._challenge is None:
            return ""
        self._uses += 1
        return digest.answer(
            self._challenge, user=self._login.user, password=self._login.password, method=method, uri=uri,
            count=self._uses, cnonce=self._cnonce,
        )  # fmt: skip

    def _wants_another(self, found: Sequence[digest.Challenge]) -> ProbeError:
        asked = ", ".join(sorted({f"{one.scheme} {one.algorithm}".strip()[:40] for one in found})) or "nothing"
        hint = "" if self._login.scheme == digest.BASIC else " (auth = basic would send the password readable)"
        return ProbeError("not_supported", f"{self._where}: asks for {asked}; expected {self._login.scheme}{hint}")
