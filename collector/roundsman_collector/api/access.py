"""Who may come in: our own names only, a token, and no page of anybody else's acting in a person's name.

    host      127.0.0.1, localhost or [::1] with our port: a foreign name that leads here is DNS rebinding
    who       a program by its token (Authorization: Bearer …), a person by the cookie of a session
    right     what the role allows (roles.py): every address names the right it needs
    origin    what changes something and comes with the cookie must come from our own pages

Every answer carries the headers that keep pages from loading, framing or running anything but our own.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Annotated

from fastapi import Depends, Security
from fastapi.security import HTTPBearer
from fastapi.security.http import HTTPAuthorizationCredentials
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.problem import MEDIA_TYPE, Problem
from roundsman_collector.roles import RIGHTS, Right, Who
from roundsman_collector.store import Deed, SessionRow, StoreError
from roundsman_collector.wording import short

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer: browsers would then send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
NEVER_STORED = {"Cache-Control": "no-store"}
SAFE = ("GET", "HEAD", "OPTIONS")
IDLE_MS = 12 * 3_600_000
"""A session that is not used for so long is over."""
SESSION_MS = 7 * 86_400_000
"""So old no session gets."""
SEEN_EVERY_MS = 60_000
USED_EVERY_MS = 10 * 60_000

bearer = HTTPBearer(auto_error=False, description="A token of `roundsman token new`, or the one of the first start.")


class Gate:
    """The outermost layer: refuses foreign names, adds the headers to every answer."""

    def __init__(self, app: ASGIApp, desk: Desk) -> None:
        self._app = app
        self._hosts = desk.hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in (HEADERS | NEVER_STORED).items():
                    headers.setdefault(name, value)  # a file of a ticket comes with stricter ones (api/files.py)
            await send(message)

        host = Headers(scope=scope).get("host", "")
        if host.lower() in self._hosts:
            await self._app(scope, receive, guarded)
        else:
            refusal = _foreign_host(host, self._hosts)
            answer = JSONResponse(refusal.body(), refusal.status, media_type=MEDIA_TYPE)
            await answer(scope, receive, guarded)


def _foreign_host(host: str, hosts: frozenset[str]) -> Problem:
    return Problem(
        421,
        "foreign_host",
        what=f"this server is not {short(host)}",
        where="header Host",
        expected=" or ".join(sorted(hosts)),
        do="open it by one of these names; for another one set [api] public_url to the address of your reverse proxy",
    )


def cookie_name(desk: Desk) -> str:
    """Cookies know no ports: two collectors on one machine must not overwrite each other's."""
    return f"roundsman_{desk.port}"


def who_of(request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)] = None) -> Who:
    """A dependency: who came in, whatever they may do; Problem for a stranger."""
    desk = desk_of(request)
    scheme, _space, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return _program(desk, given.strip())
    key = request.cookies.get(cookie_name(desk))
    found = desk.view.session(key, desk.now_ms()) if key else None
    if found is None:
        raise _stranger(desk, was_given=bool(key))
    if request.method not in SAFE and not is_ours(request):
        raise Problem(
            403,
            "foreign_origin",
            what="a page that is not ours asked for a change in your name",
            where="header Origin",
            expected=" or ".join(sorted(desk.origins)),
            do="use our own page, or send a token in the header Authorization",
        )
    session, person = found
    _prolong(desk, session)
    return Who(id=person.id, name=person.name, role=person.role, scope=person.scope, session=session.hash)


def _program(desk: Desk, key: str) -> Who:
    now_ms = desk.now_ms()
    token = desk.view.token(key, now_ms) if key else None
    if token is None:
        raise _stranger(desk, was_given=bool(key))
    if token.used_ms is None or now_ms - token.used_ms > USED_EVERY_MS:
        with _unless_full():
            desk.office.token_used(token.hash, now_ms)
    return Who(id=f"token:{token.name}", name=token.name, role=token.role, scope=token.scope, is_program=True)


def _prolong(desk: Desk, session: SessionRow) -> None:
    """A session that is used lives on, up to its own end; written down once a minute at most."""
    now_ms = desk.now_ms()
    if now_ms - session.seen_ms > SEEN_EVERY_MS:
        with _unless_full():
            desk.office.session_seen(session.hash, now_ms, session_end(session.made_ms, now_ms))


@contextmanager
def _unless_full() -> Iterator[None]:
    """What is merely noted keeps nobody out: on a full disk the pages are needed most. The next request notes it."""
    try:
        yield
    except StoreError as error:
        if not error.again:
            raise


def session_end(made_ms: int, now_ms: int) -> int:
    """When a session ends that is used now."""
    return min(now_ms + IDLE_MS, made_ms + SESSION_MS)


def deed_of(request: Request, who: Who) -> Deed:
    """Who does something now, from where: for the audit log."""
    return Deed(who=who.id, at_ms=desk_of(request).now_ms(), address=address_of(request))


def address_of(request: Request) -> str:
    """Where a request comes from; the proxy's word for it counts only where there is a proxy (web/__main__.py)."""
    return request.client.host if request.client else ""


@cache
def needs(right: Right) -> Callable[..., Who]:
    """A dependency: who came in, if they have this right; Problem otherwise.

        who: Annotated[Who, Depends(needs("see"))]

    The same object for the same right, so that a test can tell what every address needs.
    """

    def who_with_right(request: Request, who: Annotated[Who, Security(who_of)]) -> Who:
        if not who.may(right):
            raise Problem(
                403,
                "not_yours",
                what=f"your role {who.role} does not allow to {RIGHTS[right][1]}",
                where=request.url.path,
                expected=f"the right {right}",
                do="ask an administrator, who can change your role",
            )
        return who

    who_with_right.right = right  # type: ignore[attr-defined]
    return who_with_right


See = Annotated[Who, Depends(needs("see"))]
Act = Annotated[Who, Depends(needs("act"))]
Inspect = Annotated[Who, Depends(needs("round"))]
Command = Annotated[Who, Depends(needs("command"))]
Configure = Annotated[Who, Depends(needs("configure"))]
Stock = Annotated[Who, Depends(needs("stock"))]
Overrule = Annotated[Who, Depends(needs("overrule"))]
Place = Annotated[Who, Depends(needs("place"))]
Tell = Annotated[Who, Depends(needs("tell"))]
System = Annotated[Who, Depends(needs("system"))]
People = Annotated[Who, Depends(needs("people"))]
"""Parameters of an address that needs a right: `who: See`."""


def _stranger(desk: Desk, *, was_given: bool) -> Problem:
    refusal = Problem(
        401,
        "bad_token" if was_given else "no_token",
        what="this token or session is not known, or is over" if was_given else "this needs a session or a token",
        where="header Authorization",
        expected="Authorization: Bearer and the token; in a browser, that you signed in",
        do=f"sign in at {desk.link('/login')}, or find the token in {desk.token_place} on the machine of the collector",
    )
    refusal.headers["WWW-Authenticate"] = 'Bearer realm="roundsman"'
    return refusal


def is_ours(request: Request) -> bool:
    """Whether a browser sent it from a page of ours. Every browser of the last ten years sends one of the two."""
    origin = request.headers.get("origin")
    if origin is not None:
        return origin.lower() in desk_of(request).origins
    return request.headers.get("sec-fetch-site") == "same-origin"
