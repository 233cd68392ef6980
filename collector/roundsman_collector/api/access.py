"""Who may come in: our own names only, a token, and no page of anybody else's acting in a person's name.

    host      127.0.0.1, localhost or [::1] with our port: a foreign name that leads here is DNS rebinding
    token     Authorization: Bearer …, or the cookie that `/?token=…` sets
    origin    what changes something and comes with the cookie must come from our own pages

Every answer carries the headers that keep pages from loading, framing or running anything but our own.
"""

from collections.abc import Callable
from functools import cache
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Security
from fastapi.security import HTTPBearer
from fastapi.security.http import HTTPAuthorizationCredentials
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.problem import MEDIA_TYPE, Problem
from roundsman_collector.roles import EVERYTHING, RIGHTS, Right, Who
from roundsman_collector.wording import short

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
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

bearer = HTTPBearer(auto_error=False, description="The token that the collector made at its first start.")


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
                for name, value in HEADERS.items():
                    headers[name] = value
                for name, value in NEVER_STORED.items():
                    headers.setdefault(name, value)
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
        do="open it by one of these names; from another machine, use a tunnel that keeps the name",
    )


def cookie_name(desk: Desk) -> str:
    """Cookies know no ports: two collectors on one machine must not overwrite each other's."""
    return f"roundsman_{desk.port}"


def token_user(request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)] = None) -> str:
    """A dependency: whose token came with the request; Problem without a good one."""
    desk = desk_of(request)
    scheme, _space, given = request.headers.get("authorization", "").partition(" ")
    is_bearer = scheme.lower() == "bearer"
    token = given.strip() if is_bearer else request.cookies.get(cookie_name(desk))
    name = desk.view.token_name(token, desk.now_ms()) if token else None
    if name is None:
        raise _no_token(desk, was_given=bool(token))
    if not is_bearer and request.method not in SAFE and not _is_ours(request):
        raise Problem(
            403,
            "foreign_origin",
            what="a page that is not ours asked for a change in your name",
            where="header Origin",
            expected=" or ".join(sorted(f"http://{host}" for host in desk.hosts)),
            do="use our own page, or send the token in the header Authorization",
        )
    return name


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


def who_of(request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)] = None) -> Who:
    """A dependency: who came in, whatever they may do; Problem for a stranger."""
    name = token_user(request)
    return Who(id=name, name=name, role="administrator", scope=EVERYTHING, is_program=True)


def _no_token(desk: Desk, *, was_given: bool) -> Problem:
    refusal = Problem(
        401,
        "bad_token" if was_given else "no_token",
        what="this token is not known, or has expired" if was_given else "this needs a token",
        where="header Authorization",
        expected="Authorization: Bearer and the token",
        do=f"find the token in {desk.token_place} on the machine of the collector; "
        f"in a browser open http://127.0.0.1:{desk.port}/?token= and the token, once",
    )
    refusal.headers["WWW-Authenticate"] = 'Bearer realm="roundsman"'
    return refusal


def _is_ours(request: Request) -> bool:
    """Whether a browser sent it from a page of ours. Every browser of the last ten years sends one of the two."""
    origin = request.headers.get("origin")
    if origin is not None:
        parts = urlsplit(origin)
        return parts.scheme == "http" and parts.netloc.lower() in desk_of(request).hosts
    return request.headers.get("sec-fetch-site") == "same-origin"
