"""Everything that is served: the API at /api/v1, our pages beside it, one gate in front of both.

uvicorn.run(site(desk), host="127.0.0.1", port=desk.port)
"""

from functools import partial

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from roundsman_collector.api import problem, server
from roundsman_collector.api.access import Gate
from roundsman_collector.api.desk import Desk
from roundsman_collector.api.problem import Problem
from roundsman_collector.api.summary import Summary
from roundsman_collector.metrics import serving as metrics
from roundsman_collector.store import StoreError
from roundsman_collector.web.live import Newsroom
from roundsman_collector.web.page import STATIC
from roundsman_collector.web.pages import ROUTERS, login
from roundsman_collector.web.problems import page_of

KEPT = "public, max-age=31536000, immutable"
ASKED_AGAIN = "no-cache"
FILL_CHUNKS = 20
"""So many times 500 devices get what they are found by, each time the lists are read as a whole."""


def summary_of(desk: Desk) -> Summary:
    """How every device stands, for the lists of this desk."""
    fill = partial(desk.office.fill_search, FILL_CHUNKS)
    return Summary(desk.view, every_s=desk.lists_every_s, fill=fill if desk.lists_every_s else None)


def site(desk: Desk, summary: Summary | None = None) -> Gate:
    """The whole application."""
    api = server.application(desk)
    summary = summary or summary_of(desk)
    pages = pages_of(desk, api, summary)
    routes = [
        Route("/api/v1/docs", pages),
        Mount("/api/v1", api),
        Route("/metrics", metrics.application(desk, summary)),
        Mount("/", pages),
    ]
    return Gate(Starlette(routes=routes), desk)


def pages_of(desk: Desk, api: FastAPI, summary: Summary) -> FastAPI:
    """Our pages as one application."""
    app = FastAPI(openapi_url=None)
    app.state.desk = desk
    app.state.api = api
    app.state.summary = summary
    app.state.newsroom = Newsroom(desk)
    app.mount("/static", GZipMiddleware(Static(directory=STATIC)))
    app.add_api_route("/", first_page, methods=["GET"])
    for one in ROUTERS:
        app.include_router(one)
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(StoreError, _store)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _framework)
    app.add_exception_handler(Exception, _broken)
    return app


class Static(StaticFiles):
    """Our files. One whose address has a mark of what is in it (web/page.py), or its version, is kept by browsers."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        answer = await super().get_response(path, scope)
        is_marked = scope["query_string"].startswith(b"v=") or path.startswith("vendor/")
        answer.headers["Cache-Control"] = KEPT if is_marked else ASKED_AGAIN
        return answer


def first_page() -> Response:
    """The first page is the list of devices."""
    return RedirectResponse("/devices", 303)


# --- what went wrong -------------------------------------------------------------------------------------------------


def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    if error.status == 401 and request.method == "GET" and "hx-request" not in request.headers:
        return login.stranger(request)
    return page_of(request, error)


def _store(request: Request, error: Exception) -> Response:
    assert isinstance(error, StoreError)
    return page_of(request, problem.of_store(error))


def _validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return page_of(request, problem.of_validation(error.errors()))


def _framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return page_of(request, problem.of_status(error.status_code, request.url.path))


def _broken(request: Request, error: Exception) -> Response:
    """Our own fault. What it was stands in the log; a page has nothing of it, because it may hold what is secret."""
    found = Problem(
        500,
        "broken",
        what="this page failed; the log of the web process says where",
        where=request.url.path,
        expected="a page",
        do="try again; report it with the log if it stays",
    )
    return page_of(request, found)
