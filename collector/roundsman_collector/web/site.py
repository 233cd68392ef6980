"""Everything that is served: the API at /api/v1, our pages beside it, one gate in front of both.

uvicorn.run(site(desk), host="127.0.0.1", port=desk.port)
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import parse_qs, quote, urlencode

from fastapi import Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from roundsman_collector.api import problem, server, tickets
from roundsman_collector.api.access import Gate, cookie_name, token_user
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.problem import Problem
from roundsman_collector.metrics import serving as metrics
from roundsman_collector.store import StoreError
from roundsman_collector.store.tickets import TEXT_LIMIT
from roundsman_collector.web.device import device
from roundsman_collector.web.fleet import fleet
from roundsman_collector.web.reference import reference
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.ticket import ticket
from roundsman_collector.web.words import LANGUAGES
from roundsman_wire.catalogue import Language

STATIC = Path(__file__).with_name("static")
REFRESH_S = 15
TOKEN_AGE_S = 90 * 86_400
LANGUAGE_COOKIE = "roundsman_language"
FORM_LIMIT = 4 * TEXT_LIMIT * 3 + 1024
"""Bytes of a form at most: every character of a text may be four bytes, each written as %XX."""

Span = Literal["1h", "24h", "30d"]
USUAL: Span = "24h"
Window = Annotated[Span, Query(description="How far back.")]
Chosen = Annotated[Literal["zh", "en"] | None, Query(description="The language from now on.")]

templates = Environment(
    loader=PackageLoader("roundsman_collector.web"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def site(desk: Desk) -> Gate:
    """The whole application."""
    api = server.application(desk)
    pages = _pages(desk, api)
    routes = [
        Route("/api/v1/docs", pages),
        Mount("/api/v1", api),
        Route("/metrics", metrics.application(desk)),
        Mount("/", pages),
    ]
    return Gate(Starlette(routes=routes), desk)


def _pages(desk: Desk, api: FastAPI) -> FastAPI:
    app = _bare(desk)
    app.state.api = api
    app.mount("/static", StaticFiles(directory=STATIC))
    app.add_api_route("/", fleet_page, methods=["GET"])
    app.add_api_route("/devices/{device_id}", device_page, methods=["GET"])
    app.add_api_route("/tickets/{number}", ticket_page, methods=["GET"])
    app.add_api_route("/tickets/{number}/act", ticket_act, methods=["POST"])
    app.add_api_route("/api/v1/docs", reference_page, methods=["GET"])
    return app


def _bare(desk: Desk) -> FastAPI:
    app = FastAPI(openapi_url=None)
    app.state.desk = desk
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(StoreError, _store)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _framework)
    return app


# --- pages -----------------------------------------------------------------------------------------------------------


def fleet_page(
    request: Request,
    token: Annotated[str | None, Query(max_length=200)] = None,
    window: Window = USUAL,
    after: Annotated[str, Query(max_length=64)] = "",
    lang: Chosen = None,
) -> Response:
    """The first page. A token in its address becomes a cookie, and leaves the address."""
    if token is not None:
        return _let_in(request, token)
    token_user(request)
    return _page(
        request, "fleet.html", fleet(desk_of(request), _saying(request), window=window, after=after), REFRESH_S
    )


def device_page(
    request: Request,
    device_id: str,
    who: Annotated[str, Depends(token_user)],
    window: Window = USUAL,
    lang: Chosen = None,
) -> Response:
    """The page of a device."""
    return _page(
        request, "device.html", device(desk_of(request), _saying(request), device_id, window=window), REFRESH_S
    )


def ticket_page(
    request: Request,
    number: str,
    who: Annotated[str, Depends(token_user)],
    waiting: Annotated[bool, Query()] = False,
    lang: Chosen = None,
) -> Response:
    """The page of a ticket. It is not renewed by itself: somebody may be writing on it."""
    return _page(request, "ticket.html", {**ticket(desk_of(request), _saying(request), number), "waiting": waiting})


def reference_page(request: Request, who: Annotated[str, Depends(token_user)], lang: Chosen = None) -> Response:
    """The API's reference."""
    return _page(request, "reference.html", reference(request.app.state.api.openapi()))


async def form(request: Request) -> dict[str, str]:
    """A dependency: the fields of a form; Problem for one that is too large or no text."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > FORM_LIMIT:
            raise problem.bad_parameter("body", "the text is too long", f"at most {TEXT_LIMIT} characters")
    try:
        fields = parse_qs(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=10)
    except ValueError as error:
        raise problem.bad_parameter("body", "this is no form", "application/x-www-form-urlencoded in UTF-8") from error
    return {name: values[-1] for name, values in fields.items()}


def ticket_act(
    request: Request,
    number: str,
    who: Annotated[str, Depends(token_user)],
    fields: Annotated[dict[str, str], Depends(form)],
) -> Response:
    """What the buttons of a ticket's page do."""
    verb, text = fields.get("verb", ""), fields.get("text", "").strip()
    known: Mapping[str, tickets.Verb] = {"acknowledge": "acknowledge", "note": "note", "resolve": "resolve"}
    if verb not in known:
        raise problem.bad_parameter("body.verb", "there is no such button", " or ".join(known))
    if len(text) > TEXT_LIMIT:
        raise problem.bad_parameter("body.text", "the text is too long", f"at most {TEXT_LIMIT} characters")
    answer = tickets.ask(desk_of(request), number, known[verb], text, who)
    waiting = "?waiting=true" if answer.state == "new" else ""
    return RedirectResponse(f"/tickets/{quote(number, safe='')}{waiting}", 303)


def _let_in(request: Request, token: str) -> Response:
    desk = desk_of(request)
    rest = urlencode([(name, value) for name, value in request.query_params.multi_items() if name != "token"])
    answer = RedirectResponse(f"/?{rest}" if rest else "/", 303)
    if desk.view.token_name(token, desk.now_ms()) is None:
        raise Problem(
            401,
            "bad_token",
            what="this token is not known, or has expired",
            where="?token=",
            expected=f"the token in {desk.token_place}",
            do="copy it again, all of it",
        )
    answer.set_cookie(cookie_name(desk), token, max_age=TOKEN_AGE_S, httponly=True, samesite="strict", path="/")
    return answer


# --- how a page is made ----------------------------------------------------------------------------------------------


def _page(
    request: Request, template: str, shown: Mapping[str, Any], refresh_s: int | None = None, status: int = 200
) -> Response:
    saying = _saying(request)
    html = templates.get_template(template).render(
        **shown,
        say=saying,
        port=desk_of(request).port,
        token_place=desk_of(request).token_place,
        refresh_s=refresh_s,
        here=_address_in,
        path=request.url.path,
        query=dict(request.query_params),
    )
    answer = HTMLResponse(
        html, status, headers={"Vary": "Accept-Language, Cookie", "Content-Language": saying.language}
    )
    chosen = request.query_params.get("lang")
    if chosen in LANGUAGES:
        answer.set_cookie(LANGUAGE_COOKIE, chosen, max_age=TOKEN_AGE_S, httponly=True, samesite="strict", path="/")
    return answer


def _address_in(path: str, query: Mapping[str, str], **changed: str) -> str:
    """The same address with other parameters."""
    rest = {name: value for name, value in {**query, **changed}.items() if name != "token" and value}
    return f"{path}?{urlencode(rest)}" if rest else path


def _saying(request: Request) -> Saying:
    return Saying(language=_language(request), now_ms=desk_of(request).now_ms())


def _language(request: Request) -> Language:
    """What was chosen now, or before; else the first the browser asks for that there is; else Chinese."""
    accepted = [part.split(";")[0].strip().lower() for part in request.headers.get("accept-language", "").split(",")]
    wanted = [request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE), *(one[:2] for one in accepted)]
    return next((language for one in wanted for language in LANGUAGES if one == language), "zh")


def _refused(request: Request, found: Problem) -> Response:
    answer = _page(request, "problem.html", {"problem": found, "body": found.body()}, status=found.status)
    answer.headers.update(found.headers)
    return answer


def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return _refused(request, error)


def _store(request: Request, error: Exception) -> Response:
    assert isinstance(error, StoreError)
    return _refused(request, problem.of_store(error))


def _validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return _refused(request, problem.of_validation(error.errors()))


def _framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _refused(request, problem.of_status(error.status_code, request.url.path))
