"""/rounds: inspections of a site, a group or a device: asked for, how far they are, and their documents.

    POST /rounds {"site": "mall-3", "days": 30}   ->   201 the round · 409 the engine says no · 202 not answered yet
    GET  /rounds/R2026-000007                     ->   its progress; once it is over, its document, frozen

Somebody sees the rounds of sites within their scope, and is told of no others.
"""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from roundsman_collector.api import telling
from roundsman_collector.api.access import Inspect, See, deed_of
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.inspection import finished
from roundsman_collector.api.moments import DAY_MS, read, stamped
from roundsman_collector.api.problem import Problem, bad_parameter
from roundsman_collector.api.tickets import awaited
from roundsman_collector.core.looking import Mode
from roundsman_collector.roles import Who
from roundsman_collector.store import CommandRow, ErrandRow, RoundRow
from roundsman_collector.store.audit import Deed
from roundsman_collector.wording import short

PAGE_LIMIT = 200
USUAL_DAYS = 30
LONGEST_DAYS = 400
ANSWERED = ("done", "failed")

router = APIRouter(prefix="/rounds", tags=["rounds"])

Number = Annotated[str, Path(description="A round's number, R2026-000007.", min_length=1, max_length=40)]


class Wish(BaseModel):
    """What is to be inspected, and which period the document reports on."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    site: str = Field(min_length=1, max_length=63, description="a site's id; or a group's, or a device's")
    days: float = Field(USUAL_DAYS, gt=0, le=LONGEST_DAYS, description="the period: so many days up to now")
    from_: str | int | None = Field(None, alias="from", description="begin of the period, instead of days")
    to: str | int | None = Field(None, description="end of the period; now, if not given")
    mode: Mode = Field("remote", description="who looks: its agents alone, or people too, by phone, on site, by a call")


class MomentShape(BaseModel):
    """Anything more is told beside."""

    model_config = ConfigDict(extra="allow")


class RoundShape(MomentShape):
    """A round as it stands: `agents` counts those asked, `answered` those of them that gave a result."""

    number: str
    kind: Literal["site", "group", "device"]
    site: str
    group: str | None
    customer: str | None
    mode: Mode = Field(description="who looks: remote is its agents alone")
    state: Literal["running", "open", "answered", "done"] = Field(description="open: people have not finished it")
    task: int | None = Field(description="the task that it was begun for")
    asked_by: str
    from_ms: int
    to_ms: int
    asked_ms: int
    until_ms: int
    done_ms: int | None
    agents: int
    answered: int
    sha256: str | None
    links: dict[str, str]


class ErrandShape(MomentShape):
    """What an agent was asked to do, and what became of it."""

    id: str
    agent: str
    state: Literal["new", "sent", "done", "failed", "expired"]
    detail: str


class RoundFullShape(RoundShape):
    """A round with its errands and, once it is over, its document."""

    errands: list[ErrandShape]
    document: dict[str, Any] | None


class RoundsShape(BaseModel):
    """A page of rounds."""

    rounds: list[RoundShape]
    next_before: int | None


class RoundAskedShape(BaseModel):
    """A round that was asked for, and that the engine has not made yet."""

    command: int
    state: Literal["new"]
    site: str
    do: str


@router.get("", response_model=RoundsShape, summary="Rounds, the newest first")
def rounds(
    request: Request,
    who: See,
    site: Annotated[str | None, Query(description="Of one site, group or device.", max_length=63)] = None,
    before: Annotated[int | None, Query(description="`next_before` of the page before.", ge=1, le=2**62)] = None,
    limit: Annotated[int, Query(description="How many at most.", ge=1, le=PAGE_LIMIT)] = 50,
) -> dict[str, Any]:
    """A page of rounds. `next_before` leads to older ones."""
    view = desk_of(request).view
    rows = view.rounds(scope=who.scope, site=site, before_id=before, limit=limit + 1)
    page = rows[:limit]
    progress = view.round_progress([row.id for row in page])
    return {
        "rounds": [told(row, progress[row.id]) for row in page],
        "next_before": page[-1].id if len(rows) > limit else None,
    }


@router.post(
    "",
    response_model=RoundShape,
    status_code=201,
    responses={202: {"model": RoundAskedShape, "description": "The engine has not answered yet."}},
    summary="Start a round: ask the agents to inspect now",
)
def start(request: Request, who: Inspect, wish: Wish) -> Any:
    """Ask the engine for a round; wait two seconds for its answer. 409: it says no, and why."""
    desk = desk_of(request)
    from_ms, to_ms = period(desk, wish)
    answer = ask(desk, who, deed_of(request, who), wish.site, from_ms, to_ms, wish.mode)
    if answer.state == "new":
        said = {
            "command": answer.id,
            "state": "new",
            "site": wish.site,
            "do": "it will be made when the collector's engine runs; look at GET /api/v1/rounds in a while",
        }
        return JSONResponse(said, 202)
    row = round_or_404(desk, who, str((answer.result or {})["round"]))
    return told(row, desk.view.round_progress([row.id])[row.id])


@router.get("/{number}", response_model=RoundFullShape, summary="One round, with its document once it is over")
def one(request: Request, who: See, number: Number) -> dict[str, Any]:
    """A round, what every agent was asked, and everything that was seen."""
    desk = desk_of(request)
    row = round_or_404(desk, who, number)
    document = finished(desk.view, desk.office, row.number, desk.now_ms())
    row = round_or_404(desk, who, number)
    errands = desk.view.round_errands(row.id)
    return {
        **told(row, desk.view.round_progress([row.id])[row.id]),
        "errands": [_errand(errand) for errand in errands],
        "document": document,
    }


def period(desk: Desk, wish: Wish) -> tuple[int, int]:
    """The period that is wished for; Problem where it holds no time, or too much."""
    to_ms = desk.now_ms() if wish.to is None else read(str(wish.to), "body.to")
    from_ms = max(0, to_ms - round(wish.days * DAY_MS)) if wish.from_ is None else read(str(wish.from_), "body.from")
    if not from_ms < to_ms or to_ms - from_ms > LONGEST_DAYS * DAY_MS:
        raise bad_parameter(
            "body.from, body.to", f"the period [{from_ms}, {to_ms}) cannot be used", f"up to {LONGEST_DAYS} days"
        )
    return from_ms, to_ms


def ask(desk: Desk, who: Who, deed: Deed, site: str, from_ms: int, to_ms: int, mode: Mode = "remote") -> CommandRow:
    """Ask the engine for a round, audited, and wait a moment; Problem where it says no, or nobody may know of it."""
    target = desk.view.round_target(site)
    if target is None or not who.scope.holds(target.group, target.customer):
        raise Problem(
            404,
            "no_site",
            what=f"there is no site, group or device {short(site)}",
            where="body.site",
            expected="the id of a site of the register, of a group, or of a device",
            do="look it up in the register, or in GET /api/v1/devices",
        )
    command = desk.office.ask_round({"site": site, "from_ms": from_ms, "to_ms": to_ms, "mode": mode}, deed)
    answer = awaited(desk, command)
    if answer.state == "failed":
        raise Problem(
            409,
            "not_allowed",
            what=str((answer.result or {}).get("error", "the engine said no")),
            where=f"site {site}",
            expected="something that can be inspected now",
            do="look at the rounds as they stand now",
        )
    return answer


def round_or_404(desk: Desk, who: Who, number: str) -> RoundRow:
    """A round by its number; Problem where there is none that they reach."""
    row = desk.view.round(number)
    if row is None or not who.scope.holds(row.group_id, row.customer):
        raise Problem(
            404,
            "no_round",
            what=f"there is no round {short(number)}",
            where="path",
            expected="a number such as R2026-000007",
            do="look it up in GET /api/v1/rounds",
        )
    return row


def told(row: RoundRow, progress: dict[str, int]) -> dict[str, Any]:
    """A round as it stands."""
    return {
        "number": row.number,
        "kind": row.kind,
        "site": row.site,
        "group": row.group_id,
        "customer": row.customer,
        "mode": row.mode,
        "state": row.state,
        "task": row.task,
        "asked_by": row.asked_by,
        **stamped("from", row.from_ms),
        **stamped("to", row.to_ms),
        **stamped("asked", row.asked_ms),
        **stamped("until", row.until_ms),
        **stamped("finished", row.finished_ms),
        "finished_by": row.finished_by,
        **stamped("done", row.done_ms),
        "agents": sum(progress.values()),
        "answered": sum(progress.get(state, 0) for state in ANSWERED),
        "sha256": row.sha256,
        "links": {"self": f"{telling.ROOT}/rounds/{row.number}", "page": f"/rounds/{row.number}"},
    }


def _errand(one: ErrandRow) -> dict[str, Any]:
    return {
        "id": one.id,
        "agent": one.agent,
        "state": one.state,
        "detail": one.detail,
        **stamped("sent", one.sent_ms),
        **stamped("done", one.done_ms),
    }
