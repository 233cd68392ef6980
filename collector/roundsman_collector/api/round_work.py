"""/rounds/{number}/work: what people have to look at in a round, and what they found.

    GET  /rounds/R2026-000007/work                  how far they are, the questions, the devices with what is missing
    GET  /rounds/R2026-000007/work/kiosk-7          the ticks of a device, with what monitoring puts beside them
    POST /rounds/R2026-000007/ticks                 what somebody found; the same Idempotency-Key again adds nothing
    POST /rounds/R2026-000007/files?kind=photo      a photo or a signature, as to a ticket (files.py)
    POST /rounds/R2026-000007/signatures            somebody signs what was found so far
    POST /rounds/R2026-000007/finish                nothing is written afterwards; the report can be built

A phone that had no line sends what was ticked later, with `at` and the same key as often as it has to. Who signs or
finishes gives the `version` that they saw: where something was found since, they are asked to look again (412).
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from roundsman_collector.api import files, looking, telling
from roundsman_collector.api.access import Inspect, See, deed_of
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.inspection import part_of, ticks_of
from roundsman_collector.api.looking import QUESTION, Work, monitored, work_of
from roundsman_collector.api.moments import stamped
from roundsman_collector.api.problem import Problem
from roundsman_collector.api.rounds import Number, round_or_404
from roundsman_collector.core.inspection import DevicePart, FaultPast, Measured, Verdict
from roundsman_collector.core.local_days import day_at
from roundsman_collector.core.looking import FILES_LIMIT, WORDS_LIMIT, Line, Question, Tick, Wish, marks
from roundsman_collector.core.postings import USUAL_ZONE
from roundsman_collector.core.prefilled import Extreme, beside, extreme
from roundsman_collector.store import RoundRow
from roundsman_collector.store.files import ROUNDS, FileRow
from roundsman_collector.store.round_log import DeviceRow
from roundsman_collector.wording import short

PAGE_LIMIT = 200

router = APIRouter(prefix="/rounds", tags=["rounds"])

DeviceName = Annotated[str, Path(description="A device of the round.", min_length=1, max_length=160)]


class Loose(BaseModel):
    """Anything more is told beside."""

    model_config = ConfigDict(extra="allow")


class Strictly(BaseModel):
    """What a sender says, and nothing else."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class ProgressShape(BaseModel):
    """So many things are asked, so many found, by verdict."""

    asked: int
    found: int
    missing: int
    verdicts: dict[str, int]


class ItemShape(Loose):
    """A tick or a question, with what was found last. `monitored`: what monitoring says to a question."""

    item: str
    zh: str
    en: str
    photo: Literal["", "wanted", "needed"]
    verdict: str | None
    words: str
    files: list[int]
    who: str
    at_ms: int | None


class WorkDeviceShape(BaseModel):
    """A device of a round: how many of its ticks are done, and how many of them were not well."""

    device: str
    kind: str
    name_zh: str
    name_en: str
    place_zh: str | None
    place_en: str | None
    agent_state: str | None
    asked: int
    found: int
    wrong: int


class WorkShape(Loose):
    """What is open of a round. `version` is to be given by who signs or finishes."""

    number: str
    mode: Literal["remote", "phone", "visit", "call"]
    state: Literal["running", "open", "answered", "done"]
    version: int
    progress: ProgressShape
    signed: list[str]
    questions: list[ItemShape]
    devices: list[WorkDeviceShape]
    next_after: str | None


class WorkOfDeviceShape(Loose):
    """What is to be looked at of one device. `since`: its faults since the last inspection."""

    number: str
    device: str
    version: int
    items: list[ItemShape]
    since: list[dict[str, Any]]


class LineShape(Loose):
    """A line of a round's log."""

    line: int
    verb: str
    device: str
    item: str
    verdict: str
    words: str
    files: list[int]
    who: str
    at_ms: int
    known_ms: int


class TickBody(Strictly):
    """What somebody found."""

    device: str = Field(QUESTION, max_length=160, description="a device of the round; empty: it is a question")
    item: str = Field(min_length=1, max_length=40, description="the tick or question, as the list of work names it")
    verdict: Verdict
    words: str = Field("", max_length=WORDS_LIMIT)
    files: list[int] = Field(
        default_factory=list, max_length=FILES_LIMIT, description="photos that were uploaded before"
    )
    at: int | None = Field(None, ge=0, le=2**60, description="when it was found (ms), where it is sent later")


class SignatureBody(Strictly):
    """Who signs what was found so far."""

    side: Literal["engineer", "customer"]
    name: str = Field(min_length=1, max_length=120)
    file: int = Field(description="the signature, uploaded before")
    version: int | None = Field(None, ge=0, description="what they saw")


class FinishBody(Strictly):
    """That nothing is to be found any more."""

    version: int | None = Field(None, ge=0, description="what they saw")
    rest: str = Field("", max_length=WORDS_LIMIT, description="why something was not looked at")
    unsigned: str = Field("", max_length=WORDS_LIMIT, description="why the customer does not sign")


@router.get("/{number}/work", response_model=WorkShape, summary="What people have to look at in a round")
def work(
    request: Request,
    who: See,
    number: Number,
    after: Annotated[str, Query(description="`next_after` of the page before.", max_length=160)] = "",
    only_open: Annotated[bool, Query(alias="open", description="Only devices of which something is missing.")] = False,
    limit: Annotated[int, Query(description="How many devices at most.", ge=1, le=PAGE_LIMIT)] = 50,
) -> dict[str, Any]:
    """How far people are, the questions, and devices by id, some at a time."""
    desk = desk_of(request)
    found = work_of(desk, round_or_404(desk, who, number))
    devices = devices_of(desk, found, after=after, limit=limit + 1, only_open=only_open)
    progress = found.standing.progress
    return {
        "number": found.row.number,
        "mode": found.row.mode,
        "state": found.row.state,
        "version": found.row.version,
        "progress": {**progress._asdict(), "missing": progress.missing},
        "signed": sorted(found.standing.signed),
        "questions": questions_told(desk, found),
        "devices": [{**one._asdict(), "asked": found.by_kind.get(one.kind, 0)} for one in devices[:limit]],
        "next_after": devices[limit - 1].device if len(devices) > limit else None,
    }


def devices_of(desk: Desk, found: Work, *, after: str, limit: int, only_open: bool) -> list[DeviceRow]:
    """Devices of a round in which they are ticked, by id."""
    if not found.by_kind:
        return []
    return desk.view.round_devices(found.row.id, found.by_kind, after=after, limit=limit, only_open=only_open)


@router.get("/{number}/work/{device}", response_model=WorkOfDeviceShape, summary="What is to be looked at of a device")
def work_of_device(request: Request, who: See, number: Number, device: DeviceName) -> dict[str, Any]:
    """The ticks of a device, with what was found last and what monitoring puts beside them."""
    desk = desk_of(request)
    row = round_or_404(desk, who, number)
    items, part = items_of(desk, row, device)
    return {
        "number": row.number,
        "device": device,
        "version": row.version,
        "items": items,
        "since": [] if part is None else [fault_told(one) for one in part.since],
    }


@router.post("/{number}/ticks", response_model=LineShape, status_code=201, summary="Write down what somebody found")
def tick(
    request: Request, who: Inspect, number: Number, body: TickBody, idempotency_key: files.Key = None
) -> dict[str, Any]:
    """Tick something, or answer a question; what was ticked before is ticked again."""
    desk = desk_of(request)
    row = round_or_404(desk, who, number)
    wish = Wish(
        verb="tick",
        device=body.device,
        item=body.item,
        verdict=body.verdict,
        words=body.words,
        files=tuple(body.files),
    )
    line = looking.tick(desk, row, wish, deed_of(request, who), at_ms=body.at, key=idempotency_key)
    return line_told(line)


@router.post(
    "/{number}/signatures", response_model=LineShape, status_code=201, summary="Sign what was found in a round so far"
)
def sign(
    request: Request, who: Inspect, number: Number, body: SignatureBody, idempotency_key: files.Key = None
) -> dict[str, Any]:
    """Put a signature under what was found; who ticks afterwards needs it again."""
    desk = desk_of(request)
    row = round_or_404(desk, who, number)
    wish = Wish(verb="sign", item=body.side, words=body.name, files=(body.file,), version=body.version)
    return line_told(looking.sign(desk, row, wish, deed_of(request, who), key=idempotency_key))


@router.post("/{number}/finish", response_model=LineShape, status_code=201, summary="Finish a round")
def finish(
    request: Request, who: Inspect, number: Number, body: FinishBody, idempotency_key: files.Key = None
) -> dict[str, Any]:
    """Let nothing be written any more: the report can be built."""
    desk = desk_of(request)
    row = round_or_404(desk, who, number)
    wish = Wish(verb="finish", version=body.version, rest=body.rest, unsigned=body.unsigned)
    return line_told(looking.finish(desk, row, wish, deed_of(request, who), key=idempotency_key))


@router.post(
    "/{number}/files",
    response_model=files.AnyFileShape,
    status_code=201,
    responses=files.REFUSED,
    summary="Upload a photo or a signature to a round",
)
async def upload(
    request: Request,
    who: Inspect,
    number: Number,
    kind: Annotated[Literal["photo", "signature"], Query(description="What it is.")],
    file_name: files.Named = "",
    idempotency_key: files.Key = None,
) -> dict[str, Any]:
    """Keep a file. A tick or a signature has to name it within a day, or it is deleted."""
    desk = desk_of(request)
    row = await run_in_threadpool(round_or_404, desk, who, number)
    must_be_open(row)
    wish = files.wish_of(request, desk, kind, file_name, idempotency_key, ROUNDS)
    kept = await files.receive(desk, deed_of(request, who), row.id, wish, request.stream())
    return file_told(row, kept)


@router.get(
    "/{number}/files/{file}",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {}}}, 304: {"description": "You have it."}},
    summary="A photo or signature of a round, as it came",
)
def file(request: Request, who: See, number: Number, file: files.FileName) -> Response:
    """The bytes of a file, as a download."""
    desk = desk_of(request)
    row = round_or_404(desk, who, number)
    is_id = file.isascii() and file.isdigit() and len(file) < 17
    found = desk.view.round_file(row.id, int(file)) if is_id else None
    if found is None:
        raise Problem(
            404,
            "no_file",
            what=f"round {row.number} has no file {short(file)}",
            where="path",
            expected="the id of one of its files",
            do="look it up in what was found; an upload that nothing names is deleted after a day",
        )
    return files.served(request, desk, found)


def must_be_open(row: RoundRow) -> None:
    """Problem where nobody may write to a round (any more)."""
    wish = Wish(verb="tick", photo="", verdict="pass")
    refused = looking.refusal_of(row, wish)
    if refused is not None:
        raise looking.problem(refused.cause, refused.en, row, refused.zh)


# --- how it is told --------------------------------------------------------------------------------------------------


def questions_told(desk: Desk, found: Work) -> list[dict[str, Any]]:
    """The questions of a round, with what was answered last."""
    log = desk.view.round_lines(found.row.id, QUESTION)
    answered, known = marks(log), monitored(log)
    return [
        {**item_told(one, answered.get((QUESTION, one.id))), "monitored": known.get(one.id)} for one in found.questions
    ]


def items_of(desk: Desk, row: RoundRow, device: str) -> tuple[list[dict[str, Any]], DevicePart | None]:
    """The ticks of a device as they are told, and its part of the document, once there is one; Problem where the round
    asks nothing of it."""
    kind = desk.view.round_kind_of(row.id, device)
    ticks = () if kind is None or row.mode == "remote" else ticks_of(row.mode, kind)
    if not ticks:
        raise Problem(
            404,
            "no_device",
            what=f"round {row.number} asks nothing of a device {short(device)}",
            where="path",
            expected="a device of the round, of which something is to be ticked",
            do="look it up in the list of its work",
        )
    part = part_of(desk.view, row, device)
    found = marks(desk.view.round_lines(row.id, device))
    extremes = _extremes(desk, row, device)
    return [item_told(one, found.get((device, one.id))) | _beside(one, part, extremes) for one in ticks], part


def _extremes(desk: Desk, row: RoundRow, device: str) -> dict[str, Extreme]:
    """What the readings of which days are kept were over the period, by reading."""
    first, last = (day_at(at_ms, USUAL_ZONE) for at_ms in (row.from_ms, row.to_ms))
    series = desk.view.trend_series([device], None, first, last + 1)
    return {name: found for (_, name), days in series.items() if (found := extreme(days)) is not None}


def item_told(one: Tick | Question, line: Line | None) -> dict[str, Any]:
    """A tick or a question, with what was found."""
    return {
        "item": one.id,
        "zh": one.label.zh,
        "en": one.label.en,
        "photo": one.photo if isinstance(one, Tick) else "",
        "verdict": None if line is None else line.verdict,
        "words": "" if line is None else line.words,
        "files": [] if line is None else list(line.files),
        "who": "" if line is None else line.who,
        **stamped("at", None if line is None else line.at_ms),
    }


def _beside(one: Tick, part: DevicePart | None, extremes: Mapping[str, Extreme]) -> dict[str, Any]:
    if part is None:
        return {"readings": [], "faults": []}
    stands = beside(one.beside, part)
    return {
        "readings": [reading_told(reading, extremes.get(reading.name)) for reading in stands.readings],
        "faults": [fault_told(fault) for fault in stands.faults],
    }


def reading_told(one: Measured, over: Extreme | None) -> dict[str, Any]:
    """A reading of the inspection, and what it was over the period, where its days are kept."""
    return {
        **telling.reading(one.name, one.value),
        "verdict": one.verdict,
        "is_fresh": one.is_fresh,
        "period": None if over is None else over._asdict(),
    }


def fault_told(one: FaultPast) -> dict[str, Any]:
    """A fault that there was."""
    return {
        "code": one.code,
        "name_zh": one.name.zh,
        "name_en": one.name.en,
        "component": one.component,
        **stamped("from", one.from_ms),
        **stamped("to", one.to_ms),
    }


def line_told(line: Line) -> dict[str, Any]:
    """A line of a round's log."""
    return {
        "line": line.id,
        "verb": line.verb,
        "device": line.device,
        "item": line.item,
        "verdict": line.verdict,
        "words": line.words,
        "files": list(line.files),
        "who": line.who,
        **stamped("at", line.at_ms),
        **stamped("known", line.known_ms),
    }


def file_told(row: RoundRow, one: FileRow) -> dict[str, Any]:
    """A file of a round as it is told."""
    own = f"{telling.ROOT}/rounds/{row.number}"
    return files.facts(one) | {"links": {"self": f"{own}/files/{one.id}", "round": own}}
