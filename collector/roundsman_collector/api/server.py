"""The API as one application, to be mounted at /api/v1: addresses, the token in front of them, errors as problems."""

from importlib.metadata import version
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from roundsman_collector.api import (
    agents,
    availability,
    behind,
    calendars,
    cards,
    changes,
    devices,
    duty,
    entries,
    files,
    forecasts,
    forms,
    going,
    issued,
    judgements,
    kept,
    labels,
    levels,
    overlays,
    parts,
    problem,
    ratios,
    records,
    recurrence,
    register,
    report_schedules,
    report_words,
    reports,
    round_work,
    rounds,
    rules,
    slips,
    statistics,
    status,
    stock,
    tasks,
    ticket_export,
    ticket_spares,
    tickets,
    vehicles,
    ways,
)
from roundsman_collector.api.desk import Desk
from roundsman_collector.api.problem import MEDIA_TYPE, Problem, ProblemShape
from roundsman_collector.api.telling import ROOT
from roundsman_collector.store import StoreError

DESCRIPTION = """What the collector knows: devices, readings, the uptime ledger, availability, tickets.

Times are integer milliseconds UTC (`x_ms`) beside ISO 8601 (`x`); windows are half-open [from, to).
Errors are problem+json: what happened, where, what was expected, what to do."""

ANSWERS: dict[int | str, dict[str, Any]] = {
    code: {"description": words, "content": {MEDIA_TYPE: {"schema": ProblemShape.model_json_schema()}}}
    for code, words in {
        401: "No token, or one that is not known.",
        403: "Your role does not allow it.",
        404: "There is no such thing.",
        422: "A parameter cannot be used.",
        503: "The database cannot be read now.",
        507: "The disk is full: nothing was kept.",
    }.items()
}


def application(desk: Desk) -> FastAPI:
    """The API, speaking for this desk."""
    app = FastAPI(
        title="Roundsman",
        version=version("roundsman-collector"),
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        servers=[{"url": ROOT}],
        root_path_in_servers=False,
    )
    app.state.desk = desk
    app.include_router(status.open_router)
    for one in (
        devices.router,
        availability.router,
        forms.router,
        files.router,  # before the verbs of tickets, which would take its name for one of theirs
        ticket_spares.router,  # like files
        ticket_export.router,  # before a ticket's number, which would take its name for one
        tickets.router,
        kept.router,
        judgements.router,
        records.router,
        going.router,
        duty.router,
        rounds.router,
        round_work.router,
        report_words.router,
        tasks.router,
        reports.router,
        report_schedules.router,  # before a report's id, which would take its name for one
        issued.router,
        stock.router,
        parts.router,
        labels.router,
        agents.router,
        status.router,
        ways.router,
        cards.router,
        behind.router,
        entries.router,
        calendars.router,
        ratios.router,
        recurrence.router,
        statistics.router,
        forecasts.router,
        vehicles.router,
        register.router,
        overlays.router,
        changes.router,
        rules.router,
        slips.router,
        levels.router,
    ):
        app.include_router(one, responses=ANSWERS)
    return with_problems(app)


def with_problems(app: FastAPI) -> FastAPI:
    """The same application, which tells its errors as problems."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(StoreError, _store)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _framework)
    return app


def _answer(found: Problem) -> JSONResponse:
    return JSONResponse(found.body(), found.status, headers=found.headers, media_type=MEDIA_TYPE)


def _problem(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    return _answer(error)


def _store(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, StoreError)
    return _answer(problem.of_store(error))


def _validation(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return _answer(problem.of_validation(error.errors()))


def _framework(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return _answer(problem.of_status(error.status_code, request.url.path))
