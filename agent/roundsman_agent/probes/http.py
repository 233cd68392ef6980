"""A web page or an interface over HTTP: does it answer, with what, how fast, how long its certificate lasts (网页服务)

    [[device.probe]]
    name = "http"
    url = "https://kiosk.example/health"
    text = "ok"

    [[device.probe]]
    name = "http"
    url = "http://192.168.1.30/admin/"
    instance = "admin"
    status = 401

**Needs** a road to the server; of TLS the certificate of whoever signed the server's (`ca`), if the system does not
know it. `user` and `password` where the page asks for them: Digest, or Basic when `auth` says so.

A page is `ok` when it has the expected status and holds the expected text; otherwise its state says what is wrong.
Redirects are followed three times on the same host, never from https back to http, and with a user only to the same
port; any other redirect is the answer. Without `text` only the head of the answer is received: on a line that is paid
by the megabyte this is what a visit should cost. The text is looked for as UTF-8 and as GB 18030.

**No answer is not a state.** A server that cannot be reached, is silent, breaks off or speaks something else is a
failure: `timeout`, `refused`, `no_host`, `no_route`, `bad_answer`. The deadline holds over everything, so a server that
sends one letter a second is a `timeout`. A certificate that is refused is a state, `bad_certificate`: nothing is asked
of that server then, but its certificate is looked at for the days that are left (negative: it has expired).

A password that the server refused is the failure `bad_credentials`; it is not sent again for `retry_s`, because devices
lock accounts. Another password is tried at once.

Only GET and HEAD are sent (RFC 9110: they change nothing), Digest as in RFC 7616 and RFC 2069.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from roundsman_agent.certificate import ends
from roundsman_agent.clock import SystemClock
from roundsman_agent.http_visit import HttpVisit, Reply, Trust, Untrusted, Url, certificate, redirected, url
from roundsman_agent.instance import instance
from roundsman_agent.login import PROOF, login_of
from roundsman_agent.probe import REQUIRED, Answer, Probe, ProbeError, Setting, Value, flag, number, text

__all__ = ["Page", "probe"]

REDIRECTS_LIMIT: Final = 3
DAY_S: Final = 86_400
FIRST_TRUE_MS: Final = 1_577_836_800_000
"""2020: a wall clock before it was never set, and says nothing about a certificate."""
DAYS_LIMIT: Final = 3_000_000
NEVER_S: Final = 253_402_300_799
"""9999-12-31 23:59:59: the certificate has no end (RFC 5280, 4.1.2.5)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """What one visit brought. `status` None: the certificate was refused, and nothing was asked."""

    status: int | None
    body: bytes
    ms: float
    certificate: bytes
    """As DER; empty without TLS."""
    at_ms: int
    """The wall clock at the visit, for the certificate."""
    bytes_moved: int


# --- fetch ------------------------------------------------------------------------------------------------------------


def fetch(settings: Mapping[str, object]) -> Page:
    """Ask once, and where the server sends us on its own host."""
    begin = time.monotonic()
    deadline = begin + number(settings, "timeout_s")
    at, moved = url(text(settings, "url")), 0
    if text(settings, "text") and text(settings, "method") == "HEAD":
        raise ProbeError("bad_setting", "method = HEAD brings no text: use GET, or no text")
    for i in range(REDIRECTS_LIMIT + 1):
        try:
            reply, der, bytes_moved = _asked(at, settings, deadline)
        except Untrusted:
            return _page(None, _refused(at, deadline), begin, moved)
        moved += bytes_moved
        there = _onwards(at, reply, settings) if i < REDIRECTS_LIMIT else None
        if there is None:
            break
        at = there
    return _page(reply, der, begin, moved)


def _refused(at: Url, deadline: float) -> bytes:
    """The certificate that was refused; empty when the server does not show it again."""
    try:
        return certificate(at, deadline=deadline)
    except ProbeError:
        return b""


def _asked(at: Url, settings: Mapping[str, object], deadline: float) -> tuple[Reply, bytes, int]:
    login = login_of(settings)
    trust = Trust(ca=text(settings, "ca"), verify=flag(settings, "verify"))
    most = int(number(settings, "most_bytes")) if text(settings, "text") else 0
    with HttpVisit(at, deadline=deadline, login=login, trust=trust, most_bytes=most) as visit:
        reply = visit.head(at.path) if text(settings, "method") == "HEAD" else visit.get(at.path)
        return reply, visit.certificate, visit.bytes_moved


def _onwards(at: Url, reply: Reply, settings: Mapping[str, object]) -> Url | None:
    """Where to go on; None when this is the answer."""
    if reply.status == int(number(settings, "status")):
        return None
    there = redirected(at, reply)
    if there is not None and text(settings, "user") and there[:3] != at[:3]:
        return None  # another port may be another's
    return there


def _page(reply: Reply | None, der: bytes, begin: float, moved: int) -> Page:
    return Page(
        status=None if reply is None else reply.status,
        body=b"" if reply is None else reply.body,
        ms=round((time.monotonic() - begin) * 1000, 1),
        certificate=der,
        at_ms=SystemClock().now().wall,
        bytes_moved=moved,
    )


# --- parse ------------------------------------------------------------------------------------------------------------


def parse(raw: object, settings: Mapping[str, object]) -> Answer:
    """The state of the page, how long it took, and the days that its certificate has left."""
    if not isinstance(raw, Page):
        raise TypeError(f"http parses a Page, not {type(raw).__name__}")
    name = f"web[{instance(text(settings, 'instance'))}]"
    readings: dict[str, Value] = {f"{name}.state": _state(raw, settings)}
    failed: dict[str, tuple[str, str]] = {}
    if raw.status is not None:
        is_status = 100 <= raw.status <= 999
        readings[f"{name}.status"] = raw.status if is_status else None
        if not is_status:
            failed[f"{name}.status"] = ("bad_answer", f"a status of {str(raw.status)[:20]}")
        is_time = math.isfinite(raw.ms) and raw.ms >= 0
        readings[f"{name}.ms"] = raw.ms if is_time else None
        if not is_time:
            failed[f"{name}.ms"] = ("implausible", f"it took {raw.ms} ms")
    if raw.certificate:
        days, why = _days(raw)
        readings[f"{name}.certificate_days"] = days
        if why:
            failed[f"{name}.certificate_days"] = why
    return Answer(readings=readings, failed=failed, bytes_moved=raw.bytes_moved)


def _state(page: Page, settings: Mapping[str, object]) -> str:
    if page.status is None:
        return "bad_certificate"
    if page.status != int(number(settings, "status")):
        return "wrong_status"
    expected = text(settings, "text")
    if expected and not any(expected.encode(code, "replace") in page.body for code in ("utf-8", "gb18030")):
        return "wrong_content"
    return "ok"


def _days(page: Page) -> tuple[int | None, tuple[str, str] | None]:
    if page.at_ms < FIRST_TRUE_MS:
        return None, ("implausible", "this machine's clock was never set, so nobody knows what is left")
    try:
        end_s = ends(page.certificate)
    except ValueError as error:
        return None, ("bad_answer", f"its certificate cannot be read: {error}")
    if end_s == NEVER_S:
        return None, ("absent", "its certificate has no end")
    days = (end_s * 1000 - page.at_ms) // (DAY_S * 1000)
    if abs(days) > DAYS_LIMIT:
        return None, ("implausible", "its certificate ends beyond all time, or this machine's clock does")
    return days, None


probe = Probe(
    name="http",
    platforms=frozenset({"linux"}),
    settings=(
        Setting(
            name="url",
            kind=str,
            default=REQUIRED,
            unit="",
            sentence="What is asked for: http://HOST[:PORT]/PATH or https://….",
        ),
        Setting(
            name="instance",
            kind=str,
            default="main",
            unit="",
            sentence="What the page is called in its readings: web[INSTANCE].state.",
        ),
        Setting(
            name="status",
            kind=int,
            default=200,
            unit="",
            sentence="The status that is expected; a redirect is expected by naming it, 302.",
            least=100,
            most=599,
        ),
        Setting(
            name="text",
            kind=str,
            default="",
            unit="",
            sentence="What must stand in the page; without it the page itself is not received.",
        ),
        Setting(
            name="method",
            kind=str,
            default="GET",
            unit="",
            sentence="How to ask.",
            choices=("GET", "HEAD"),
        ),
        Setting(
            name="user",
            kind=str,
            default="",
            unit="",
            sentence="Who the server takes us for; without it a 401 is an answer like any other.",
        ),
        *PROOF,
        Setting(
            name="verify",
            kind=bool,
            default=True,
            unit="",
            sentence="Whether the server's certificate must be right; without it anybody may be the server.",
        ),
        Setting(
            name="ca",
            kind=str,
            default="",
            unit="",
            sentence="A PEM file of those who may sign the certificate; without it the system's, which cost 2 MB.",
        ),
        Setting(
            name="most_bytes",
            kind=int,
            default=65_536,
            unit="bytes",
            sentence="How much of the page is received to look for the text.",
            least=1,
            most=1_048_576,
        ),
        Setting(
            name="timeout_s",
            kind=float,
            default=10.0,
            unit="s",
            sentence="The longest that one visit may take, redirects included.",
            least=0.5,
            most=60,
        ),
    ),
    fetch=fetch,
    parse=parse,
    default_timeout_s=10.0,
    target="url",
    readings=("web[].state", "web[].status", "web[].ms", "web[].certificate_days"),
    parts=(Page,),
)
