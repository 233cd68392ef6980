"""HTTP's challenge and response, pure: what a server asked for, and what proves that we know the password.

    challenges(['Digest realm="nvr", nonce="…", qop="auth"', 'Basic realm="nvr"']) -> (Challenge, …)
    chosen(found, schemes)  -> Challenge | None      the strongest that can be answered
    answer(challenge, user=…, password=…, method="GET", uri="/x", count=1, cnonce="…") -> the header Authorization

RTSP has the same headers (RFC 2326, 7826: `uri` is the whole rtsp:// address there).

    RFC 7616    algorithm MD5, SHA-256 and their -sess forms, qop=auth, userhash, username*
    RFC 2617    the same with MD5
    RFC 2069    no qop: response = H(H(user:realm:password):nonce:H(method:uri)); cameras still ask so
    RFC 7617    Basic: the password as good as readable; only where somebody has asked for it by name

SHA-512-256 is left out: without OpenSSL Python has none. qop=auth-int alone is not answered (nobody has been seen to
ask for it). What a server writes is taken apart by one pass from left to right, whatever it is, and a parameter that
stands twice counts once, the first time. Commas that are missing, odd case and odd spaces are borne.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["BASIC", "DIGEST", "Challenge", "answer", "challenges", "chosen"]

BASIC: Final = "basic"
DIGEST: Final = "digest"
HEADER_LIMIT: Final = 8192
"""Characters of one header that are looked at."""
CHALLENGES_LIMIT: Final = 16

# The algorithms that can be answered, weakest first, and the hash of each.
_ALGORITHMS: Final[Mapping[str, str]] = {"md5": "md5", "md5-sess": "md5", "sha-256": "sha256", "sha-256-sess": "sha256"}
_STRENGTH: Final = {name: strength for strength, name in enumerate(_ALGORITHMS, start=1)}

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_SPACE = re.compile(r"[ \t,]*")
_EQUALS = re.compile(r"[ \t]*=[ \t]*")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"?', re.DOTALL)
_BARE = re.compile(r"[^\s,]*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Challenge:
    """What a server asks for. `scheme` and `algorithm` in small letters; `qop` None: it said nothing of it."""

    scheme: str
    realm: str = ""
    nonce: str = ""
    opaque: str | None = None
    algorithm: str = ""
    qop: frozenset[str] | None = None
    is_stale: bool = False
    """The password was right, only the nonce was too old."""
    hashes_user: bool = False
    is_utf8: bool = False

    def strength(self) -> int:
        """0: cannot be answered; Basic is weaker than any Digest."""
        if self.scheme == BASIC:
            return 1
        if self.scheme != DIGEST or not self.nonce or (self.qop is not None and "auth" not in self.qop):
            return 0
        return 1 + _STRENGTH.get(self.algorithm or "md5", -1)


def challenges(headers: Iterable[str]) -> tuple[Challenge, ...]:
    """Every challenge in the values of WWW-Authenticate; one header may hold several."""
    found: list[Challenge] = []
    for header in headers:
        found += [_challenge(scheme, params) for scheme, params in _taken_apart(header[:HEADER_LIMIT])]
    return tuple(found[:CHALLENGES_LIMIT])


def chosen(found: Iterable[Challenge], schemes: Iterable[str]) -> Challenge | None:
    """The strongest of those that can be answered and whose scheme is allowed; of equals the first."""
    allowed = frozenset(schemes)
    able = [one for one in found if one.scheme in allowed and one.strength() > 0]
    return max(able, key=Challenge.strength, default=None)


def _taken_apart(header: str) -> list[tuple[str, dict[str, str]]]:
    """Schemes with their parameters. A token before `=` is a parameter, any other one begins a challenge."""
    found: list[tuple[str, dict[str, str]]] = []
    at, end = 0, len(header)
    while at < end:
        at = _end(_SPACE, header, at)
        token = _TOKEN.match(header, at)
        if token is None:
            at += 1  # nothing that could stand here
            continue
        at = token.end()
        equals = _EQUALS.match(header, at)
        if equals is None:
            found.append((token[0].lower(), {}))
            continue
        quoted = _QUOTED.match(header, equals.end())
        if quoted is not None:
            value, at = re.sub(r"\\(.)", r"\1", quoted[1], flags=re.DOTALL), quoted.end()
        else:
            at = _end(_BARE, header, equals.end())
            value = header[equals.end() : at]
        if found:
            found[-1][1].setdefault(token[0].lower(), value)
    return found


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return at if match is None else match.end()


def _challenge(scheme: str, params: Mapping[str, str]) -> Challenge:
    qop = params.get("qop")
    return Challenge(
        scheme=scheme,
        realm=params.get("realm", ""),
        nonce=params.get("nonce", ""),
        opaque=params.get("opaque"),
        algorithm=params.get("algorithm", "").lower(),
        qop=frozenset(re.split(r"[\s,]+", qop.strip().lower())) if qop and qop.strip() else None,
        is_stale=params.get("stale", "").lower() == "true",
        hashes_user=params.get("userhash", "").lower() == "true",
        is_utf8=params.get("charset", "").lower() == "utf-8",
    )


def answer(challenge: Challenge, *, user: str, password: str, method: str, uri: str, count: int, cnonce: str) -> str:
    """The value of Authorization.

    `count`: how often this nonce was used, this time with it. `cnonce`: by chance, the same as long as the nonce is.
    """
    if challenge.strength() == 0:
        raise ValueError(f"{challenge.scheme} {challenge.algorithm or 'MD5'} cannot be answered: ask chosen() first")
    if challenge.scheme == BASIC:
        return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
    algorithm = challenge.algorithm or "md5"
    kind = _ALGORITHMS[algorithm]
    secret = _hash(kind, user, challenge.realm, password)
    if algorithm.endswith("-sess"):
        secret = _hash(kind, secret, challenge.nonce, cnonce)
    act = _hash(kind, method, uri)
    parts = [*_user(challenge, kind, user), ("realm", _quoted(challenge.realm)), ("nonce", _quoted(challenge.nonce))]
    parts.append(("uri", _quoted(uri)))
    if challenge.qop is None:
        response = _hash(kind, secret, challenge.nonce, act)
        if algorithm.endswith("-sess"):
            parts.append(("cnonce", _quoted(cnonce)))
    else:
        times = f"{count:08x}"
        response = _hash(kind, secret, challenge.nonce, times, cnonce, "auth", act)
        parts += [("qop", "auth"), ("nc", times), ("cnonce", _quoted(cnonce))]
    parts.append(("response", _quoted(response)))
    if challenge.algorithm:  # RFC 2069 knew no other; who does not name one may not know the word
        parts.append(("algorithm", challenge.algorithm.upper().replace("-SESS", "-sess")))
    if challenge.opaque is not None:
        parts.append(("opaque", _quoted(challenge.opaque)))
    return "Digest " + ", ".join(f"{name}={value}" for name, value in parts)


def _user(challenge: Challenge, kind: str, user: str) -> list[tuple[str, str]]:
    if challenge.hashes_user:
        return [("username", _quoted(_hash(kind, user, challenge.realm))), ("userhash", "true")]
    if challenge.is_utf8 and not user.isascii():
        # RFC 5987: what is no letter or digit as %XX of its UTF-8.
        encoded = "".join(chr(b) if chr(b).isalnum() and b < 128 else f"%{b:02X}" for b in user.encode())
        return [("username*", f"UTF-8''{encoded}")]
    return [("username", _quoted(user))]


def _hash(kind: str, *parts: str) -> str:
    # A realm in GBK was read with surrogateescape: here it becomes again the bytes that the server hashes.
    said = ":".join(parts).encode("utf-8", "surrogateescape")
    return hashlib.new(kind, said, usedforsecurity=False).hexdigest()


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
