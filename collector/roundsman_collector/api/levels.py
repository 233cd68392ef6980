"""/levels: what contracts promise, as files, console and API say it alike (rules/levels.LevelFile).

GET /levels                    the newest version of each, and how many contracts name it
GET /levels/kiosk              one, with its clocks, its rules, and what it was before
PUT /levels/kiosk              from now on it is this; tickets keep the version that they were opened under
"""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from roundsman_collector.api.access import See, System
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.moments import stamped
from roundsman_collector.api.problem import Problem
from roundsman_collector.api.tickets import awaited
from roundsman_collector.roles import Who
from roundsman_collector.rules.levels import LevelFile, body_of, file_from
from roundsman_collector.rules.shape import RulesError
from roundsman_collector.store import Version
from roundsman_collector.store.commands import CommandRow
from roundsman_collector.store.levels import LevelRow
from roundsman_collector.wording import short

router = APIRouter(tags=["levels"])

HISTORY = 100
CONTRACTS = 1000
LevelName = Annotated[str, Path(description="The name of a service level: kiosk.", min_length=1, max_length=63)]
Json = dict[str, Any]


class LevelVersionShape(BaseModel):
    """A version of a service level. `made_by` empty: a file, at a start of the collector."""

    model_config = ConfigDict(extra="forbid")

    level: str
    hash: str
    valid_from_ms: int
    valid_from: str | None
    made_by: str


class LevelShape(LevelVersionShape):
    """The newest version of a service level."""

    zh: str
    en: str
    source: str
    clocks: int = Field(description="how many clocks it has")
    contracts: int = Field(description="how many contracts name it, as far as you reach")


class LevelsShape(BaseModel):
    """All service levels."""

    levels: list[LevelShape]


class LevelFullShape(LevelShape):
    """A service level with all that it says, and what it was before, the newest first."""

    body: dict[str, Any] = Field(description="as a file says it: docs/service-levels.md")
    history: list[LevelVersionShape]


class PutShape(BaseModel):
    """What became of a change; `state` new: the collector's engine has not taken it yet."""

    command: int
    state: str
    hash: str | None


def read(row: LevelRow) -> LevelFile:
    """A kept version; RulesError where another version of the program wrote it in a way that this one cannot read."""
    return file_from(row.body, source=f"service level {row.level}")


def version(who: Who, row: LevelRow) -> Json:
    """A version without what it says."""
    made_by = row.made_by if who.scope.everything else ""
    return {"level": row.level, "hash": row.hash, **stamped("valid_from", row.valid_from_ms), "made_by": made_by}


def told(desk: Desk, who: Who, row: LevelRow) -> Json:
    """A service level in short."""
    said = read(row)
    return {
        **version(who, row),
        "zh": said.zh,
        "en": said.en,
        "source": said.source,
        "clocks": len({one.clock for one in said.clocks}),
        "contracts": len(contracts_of(desk, who, row.level)),
    }


def contracts_of(desk: Desk, who: Who, level: str) -> list[Version]:
    """The contracts that name a service level, as far as somebody reaches them."""
    return desk.view.entries("contract", scope=who.scope, where={"service_level": level}, limit=CONTRACTS)


def level_or_404(desk: Desk, name: str) -> LevelRow:
    """The newest version of a service level."""
    found = desk.view.newest_levels().get(name)
    if found is None:
        raise Problem(
            404,
            "no_level",
            what=f"there is no service level {short(name)}",
            where="path",
            expected="a name of GET /api/v1/levels",
            do="look it up in the list",
        )
    return found


def put(desk: Desk, who: Who, name: str, said: LevelFile) -> CommandRow:
    """Ask the engine for a version; Problem where it says no."""
    if said.level != name:
        raise Problem(
            422,
            "bad_level",
            what=f"the body is of level {short(said.level)}",
            where="body.level",
            expected=name,
            do="name the same level in both places",
        )
    args = {"level": name, "body": body_of(said)}
    answer = awaited(desk, desk.view.ask(who=who.id, verb="level", args=args, now_ms=desk.now_ms()))
    if answer.state == "failed":
        raise Problem(
            409,
            "not_allowed",
            what=str((answer.result or {}).get("error", "the engine said no")),
            where=f"service level {name}",
            expected="a service level that can be put in force",
            do="look at it as it is now",
        )
    return answer


def parsed(text: str) -> LevelFile:
    """What somebody wrote; Problem with a line for everything that is wrong."""
    try:
        return file_from(text, source="body")
    except RulesError as error:
        raise Problem(
            422,
            "bad_level",
            what="; ".join(error.problems)[:2000],
            where="body",
            expected="a service level as docs/service-levels.md tells it",
            do="mend it and send it again",
        ) from error


# --- addresses -------------------------------------------------------------------------------------------------------


@router.get("/levels", response_model=LevelsShape, summary="Service levels")
def levels(request: Request, who: See) -> Json:
    """The newest version of each."""
    desk = desk_of(request)
    return {"levels": [told(desk, who, row) for row in desk.view.newest_levels().values()]}


@router.get("/levels/{level}", response_model=LevelFullShape, summary="One service level, and what it was before")
def one_level(request: Request, who: See, level: LevelName) -> Json:
    """A service level with its clocks and rules."""
    desk = desk_of(request)
    row = level_or_404(desk, level)
    return {
        **told(desk, who, row),
        "body": json.loads(row.body),
        "history": [version(who, one) for one in desk.view.level_history(level, HISTORY)],
    }


@router.put(
    "/levels/{level}",
    response_model=PutShape,
    responses={202: {"model": PutShape, "description": "Asked; the collector's engine has not taken it yet."}},
    summary="Put a version of a service level in force",
)
def put_level(request: Request, who: System, level: LevelName, said: Annotated[dict[str, Any], Body()]) -> Any:
    """From now on new tickets are promised this; those that are open keep what they were promised."""
    answer = put(desk_of(request), who, level, parsed(json.dumps(said)))
    done = {"command": answer.id, "state": answer.state, "hash": (answer.result or {}).get("hash")}
    return JSONResponse(done, 202) if answer.state == "new" else done
