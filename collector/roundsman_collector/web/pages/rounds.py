"""Inspection rounds: the list with the form that starts one, how far one is, and its report on paper.

/rounds                     the list; POST starts one
/rounds/R2026-000007        how far it is; once it is over, its result and the way to the paper
/rounds/R2026-000007/paper  the printed page (web/round.py)
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from roundsman_collector.api import availability, rounds
from roundsman_collector.api.access import Inspect, See, deed_of
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.files import within
from roundsman_collector.api.inspection import finished, summary
from roundsman_collector.api.looking import work_of
from roundsman_collector.api.moments import DAY_MS
from roundsman_collector.api.problem import Problem, bad_parameter
from roundsman_collector.api.rounds import Number, round_or_404
from roundsman_collector.api.telling import ROOT
from roundsman_collector.core.inspection import WORST
from roundsman_collector.core.looking import MODES
from roundsman_collector.core.looking import STATES as OPEN_STATES
from roundsman_collector.roles import Who
from roundsman_collector.store import ErrandRow, RoundRow
from roundsman_collector.web.forms import form
from roundsman_collector.web.page import around, environment, page, saying_of
from roundsman_collector.web.round import KINDS_OF_ROUND, VERDICTS, paper
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.words import LANGUAGES, N_

PAGE_ROWS = 50
ERRANDS_SHOWN = 200
REFRESH_S = 2
PERIODS: Mapping[str, str] = {"7": N_("last 7 days"), "30": N_("last 30 days"), "90": N_("last 90 days")}
USUAL = "30"
STATES: Mapping[str, str] = {
    "running": N_("under way"),
    "open": N_("people are at it"),
    "answered": N_("done"),
    "done": N_("done"),
}
ERRAND_STATES: Mapping[str, str] = {
    "new": N_("to be sent"),
    "sent": N_("sent"),
    "done": N_("answered"),
    "failed": N_("refused"),
    "expired": N_("no answer"),
}

NO_SUCH = N_("There is no site, group or device with this id.")
NOT_NOW = N_("There is nothing to inspect there yet: install a device at the site first.")

router = APIRouter()


@router.get("/rounds")
def rounds_page(
    request: Request,
    who: See,
    site: Annotated[str, Query(max_length=63)] = "",
    before: Annotated[int | None, Query(ge=1, le=2**62)] = None,
    waiting: Annotated[bool, Query()] = False,
) -> Response:
    """The list, and the form."""
    return _list(request, who, site=site, before=before, waiting=waiting)


@router.post("/rounds")
def rounds_start(request: Request, who: Inspect, fields: Annotated[dict[str, str], Depends(form)]) -> Response:
    """Start a round; where the engine says no, the form comes back with its reason."""
    desk, saying = desk_of(request), saying_of(request)
    site, days = fields.get("site", "").strip(), fields.get("days", USUAL)
    if days not in PERIODS:
        raise bad_parameter("body.days", "there is no such period", " or ".join(PERIODS))
    mode = next((one for one in MODES if one == fields.get("mode", "remote")), None)
    if mode is None:
        raise bad_parameter("body.mode", "there is no such round", " or ".join(MODES))
    to_ms = desk.now_ms()
    try:
        answer = rounds.ask(desk, who, deed_of(request, who), site, to_ms - int(days) * DAY_MS, to_ms, mode)
    except Problem as refused:
        if refused.status == 404:
            wrong = saying(NO_SUCH)
            return _list(request, who, site="", written=site, wrong=wrong, status=422)
        if refused.status != 409:
            raise
        return _under_way(request, who, site, saying(NOT_NOW))
    if answer.state == "new":
        return RedirectResponse("/rounds?waiting=true", 303)
    number = str((answer.result or {})["round"])
    return RedirectResponse(f"/rounds/{quote(number, safe='')}", 303)


def _under_way(request: Request, who: Who, site: str, wrong: str) -> Response:
    """The engine says no: mostly because a round of the same is under way, and that is what they want to see."""
    newest = desk_of(request).view.rounds(scope=who.scope, site=site, limit=1)
    if newest and newest[0].state in OPEN_STATES:
        return RedirectResponse(f"/rounds/{quote(newest[0].number, safe='')}", 303)
    return _list(request, who, site="", written=site, wrong=wrong, status=409)


@router.get("/rounds/{number}")
def round_page(request: Request, who: See, number: Number) -> Response:
    """How far a round is; its result."""
    desk, saying = desk_of(request), saying_of(request)
    row = round_or_404(desk, who, number)
    found = summary(desk.view, desk.office, row.number, desk.now_ms())
    return page(request, who, "round.html", shown(desk, saying, round_or_404(desk, who, number), found))


@router.get("/rounds/{number}/paper")
def round_paper(request: Request, who: See, number: Number) -> Response:
    """The report on paper; while the round is under way, there is none."""
    desk, saying = desk_of(request), saying_of(request)
    row = round_or_404(desk, who, number)
    document = finished(desk.view, desk.office, row.number, desk.now_ms())
    address = f"/rounds/{quote(row.number, safe='')}"
    if document is None:
        return RedirectResponse(address, 303)
    if request.query_params.get("lang") in LANGUAGES:
        return page(request, who, "round.html", {})  # a choice becomes a cookie, and the address comes again
    html = (
        environment(saying.language)
        .get_template("paper.html")
        .render(
            around(request, who) | paper(document, saying, pictures_of(desk, row)),
            inlined=None,
            back=address,
            api=f"{ROOT}/rounds/{quote(row.number, safe='')}",
        )
    )
    return HTMLResponse(html, headers={"Vary": "Accept-Language, Cookie", "Content-Language": saying.language})


def pictures_of(desk: Desk, row: RoundRow) -> dict[int, str]:
    """The signatures of a round, each as an address that holds the picture itself."""
    return {one.id: within(desk, one) for one in desk.view.round_files(row.id) if one.kind == "signature"}


# --- what the templates show -----------------------------------------------------------------------------------------


def _list(
    request: Request,
    who: Who,
    *,
    site: str,
    before: int | None = None,
    waiting: bool = False,
    written: str = "",
    wrong: str = "",
    status: int = 200,
) -> Response:
    desk, saying = desk_of(request), saying_of(request)
    rows = desk.view.rounds(scope=who.scope, site=site or None, before_id=before, limit=PAGE_ROWS + 1)
    listed = rows[:PAGE_ROWS]
    progress = desk.view.round_progress([row.id for row in listed])
    names = _names(desk, listed, saying)
    told = {
        "rounds": [
            _row(row, progress[row.id], saying) | {"name": names.get((row.kind, row.site), "")} for row in listed
        ],
        "next_before": str(listed[-1].id) if len(rows) > PAGE_ROWS else "",
        "periods": [(days, saying(text), days == USUAL) for days, text in PERIODS.items()],
        "modes": [(mode, saying.pair(said)) for mode, said in MODES.items()],
        "may_start": who.may("round"),
        "site": site,
        "written": written or site,
        "wrong": wrong,
        "waiting": waiting,
    }
    return page(request, who, "rounds.html", told, status=status)


def _names(desk: Desk, rows: Sequence[RoundRow], saying: Saying) -> dict[tuple[str, str], str]:
    """What people call the sites, centres and devices of rounds; those without a name are not there."""
    of_kind = {kind: [row.site for row in rows if row.kind == kind] for kind in KINDS_OF_ROUND}
    return {
        (kind, key): names[f"name_{saying.language}"]
        for kind, keys in of_kind.items()
        for key, names in availability.names_of(desk, kind, keys).items()
    }


def _row(row: RoundRow, progress: Mapping[str, int], saying: Saying) -> dict[str, Any]:
    asked = sum(progress.values())
    return {
        "number": row.number,
        "site": row.site,
        "kind": saying(KINDS_OF_ROUND[row.kind]),
        "mode": row.mode,
        "mode_word": saying.pair(MODES[row.mode]),
        "state": row.state,
        "state_word": saying(STATES[row.state]),
        "asked_by": row.asked_by,
        "asked_ms": row.asked_ms,
        "from_ms": row.from_ms,
        "to_ms": row.to_ms,
        "until_ms": row.until_ms,
        "agents": asked,
        "answered": progress.get("done", 0) + progress.get("failed", 0),
    }


def shown(desk: Desk, saying: Saying, row: RoundRow, found: Mapping[str, Any] | None) -> dict[str, Any]:
    """What the page of a round shows."""
    progress = desk.view.round_progress([row.id])[row.id]
    errands = desk.view.round_errands(row.id, ERRANDS_SHOWN)
    counts = {} if found is None else found["verdicts"]
    return {
        "round": _row(row, progress, saying),
        "name": _names(desk, [row], saying).get((row.kind, row.site), ""),
        "refresh_s": REFRESH_S if row.state == "running" else None,
        "work": None if row.mode == "remote" else _work(desk, row),
        "verdicts": [
            {"verdict": name, "word": saying(VERDICTS[name]), "count": counts[name]} for name in WORST if counts
        ],
        "devices": [] if found is None else [_device(one, saying) for one in found["devices"]],
        "errands": [_errand(one, saying) for one in errands],
        "sha256": row.sha256,
        "paper": f"/rounds/{quote(row.number, safe='')}/paper",
    }


def _work(desk: Desk, row: RoundRow) -> dict[str, Any]:
    """How far people are, and the way to what they do."""
    progress = work_of(desk, row).standing.progress
    return {
        "asked": progress.asked,
        "found": progress.found,
        "is_open": row.state in OPEN_STATES,
        "address": f"/rounds/{quote(row.number, safe='')}/work",
    }


def _device(one: Mapping[str, Any], saying: Saying) -> dict[str, Any]:
    return {
        "id": one["id"],
        "name": one[saying.language],
        "verdict": one["verdict"],
        "word": saying(VERDICTS[one["verdict"]]),
    }


def _errand(one: ErrandRow, saying: Saying) -> dict[str, Any]:
    return {
        "agent": one.agent,
        "state": one.state,
        "state_word": saying(ERRAND_STATES[one.state]),
        "done_ms": one.done_ms,
        "detail": one.detail,
    }
