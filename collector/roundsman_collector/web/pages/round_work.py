"""What people do in a round, on a phone: what is open, a tick for each line, photos, signatures, the end.

/rounds/R2026-000007/work             how far they are, the questions, the devices; signatures and the end
/rounds/R2026-000007/work/kiosk-7     the ticks of a device, with what monitoring puts beside them

Each tick is a form of its own and works without a script. With static/round.js it is kept on the phone first and sent
when there is a line.
"""

import secrets
from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import FormData, UploadFile

from roundsman_collector.api import looking
from roundsman_collector.api.access import Inspect, See, deed_of
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.looking import QUESTION, Refused, Work, work_of
from roundsman_collector.api.problem import Problem, bad_parameter
from roundsman_collector.api.round_work import DeviceName, devices_of, items_of, must_be_open, questions_told
from roundsman_collector.api.rounds import Number, round_or_404
from roundsman_collector.api.telling import ROOT
from roundsman_collector.core.inspection import WORST, DevicePart
from roundsman_collector.core.looking import MODES, ON_SITE, SIGNERS, STATES, WORDS_LIMIT, Line, Wish, signatures
from roundsman_collector.core.media import Kind
from roundsman_collector.roles import Who
from roundsman_collector.store import RoundRow
from roundsman_collector.store.files import KEY_LIMIT, ROUNDS
from roundsman_collector.web.page import page, saying_of
from roundsman_collector.web.problems import heading_of
from roundsman_collector.web.round import VERDICTS
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.shown import component_name
from roundsman_collector.web.upload import keep_sent, sent_form
from roundsman_collector.web.words import N_

PAGE_ROWS = 50
NAME_LIMIT = 120
SIDES: Mapping[str, str] = {"engineer": N_("Inspection engineer"), "customer": N_("Customer")}
PHOTOS, PICTURES = "image/jpeg,image/png,image/webp", "image/png,image/jpeg"
SINCE_SHOWN = READINGS_SHOWN = 12

router = APIRouter()


@router.get("/rounds/{number}/work")
def work_page(
    request: Request,
    who: See,
    number: Number,
    after: Annotated[str, Query(max_length=160)] = "",
    show: Annotated[str, Query(pattern="^(open|all)$")] = "open",
) -> Response:
    """How far people are, and what is open."""
    return _work(request, who, number, after=after, show=show)


@router.get("/rounds/{number}/work/{device}")
def device_page(request: Request, who: See, number: Number, device: DeviceName) -> Response:
    """The ticks of a device."""
    return _device(request, who, number, device)


@router.post("/rounds/{number}/ticks")
async def tick(request: Request, who: Inspect, number: Number) -> Response:
    """Write down what somebody found, as the form says it; where that may not be, the page comes back and says why."""
    return await _sent(request, who, number, "photo", _ticked)


@router.post("/rounds/{number}/signatures")
async def sign(request: Request, who: Inspect, number: Number) -> Response:
    """Put a signature under what was found."""
    return await _sent(request, who, number, "signature", _signed)


@router.post("/rounds/{number}/finish")
async def finish(request: Request, who: Inspect, number: Number) -> Response:
    """Let nothing be written any more, and show the result."""
    return await _sent(request, who, number, "photo", _finished)


# --- what forms say --------------------------------------------------------------------------------------------------


async def _sent(request: Request, who: Who, number: str, kind: Kind, then: Any) -> Response:
    """Read a form with its file, and do what it asks for."""
    desk = desk_of(request)
    row = await run_in_threadpool(round_or_404, desk, who, number)
    sent = await sent_form(request, desk.file_limits.of(kind))
    try:
        return await run_in_threadpool(_done, request, who, row, sent, then)
    finally:
        await sent.close()


def _done(request: Request, who: Who, row: RoundRow, sent: FormData, then: Any) -> Response:
    device = _text(sent, "device", 160)
    try:
        answer: Response = then(request, who, row, sent)
        return answer
    except Problem as refused:
        if refused.status not in (409, 412, 413, 415, 422):
            raise
        wrong = _said(saying_of(request), refused)
        if device:
            return _device(request, who, row.number, device, wrong=wrong, status=refused.status)
        return _work(request, who, row.number, wrong=wrong, status=refused.status)


def _ticked(request: Request, who: Who, row: RoundRow, sent: FormData) -> Response:
    desk, device, item = desk_of(request), _text(sent, "device", 160), _text(sent, "item", 40)
    key = _text(sent, "key", KEY_LIMIT) or None
    wish = Wish(
        verb="tick",
        device=device,
        item=item,
        verdict=_text(sent, "verdict", 20),
        words=_text(sent, "words", WORDS_LIMIT),
        files=_file(request, who, row, sent, "photo", key),
    )
    looking.tick(desk, row, wish, deed_of(request, who), key=key)
    page = f"{_address(row)}/{quote(device, safe='')}" if device else _address(row)
    return RedirectResponse(f"{page}#{item}", 303)


def _signed(request: Request, who: Who, row: RoundRow, sent: FormData) -> Response:
    key = _text(sent, "key", KEY_LIMIT) or None
    wish = Wish(
        verb="sign",
        item=_text(sent, "side", 20),
        words=_text(sent, "name", NAME_LIMIT),
        files=_file(request, who, row, sent, "signature", key),
        version=_version(sent),
    )
    looking.sign(desk_of(request), row, wish, deed_of(request, who), key=key)
    return RedirectResponse(f"{_address(row)}#end", 303)


def _finished(request: Request, who: Who, row: RoundRow, sent: FormData) -> Response:
    wish = Wish(
        verb="finish",
        version=_version(sent),
        rest=_text(sent, "rest", WORDS_LIMIT),
        unsigned=_text(sent, "unsigned", WORDS_LIMIT),
    )
    looking.finish(desk_of(request), row, wish, deed_of(request, who), key=_text(sent, "key", KEY_LIMIT) or None)
    return RedirectResponse(f"/rounds/{quote(row.number, safe='')}", 303)


def _file(request: Request, who: Who, row: RoundRow, sent: FormData, kind: Kind, key: str | None) -> tuple[int, ...]:
    """The photo or signature of a form, kept; none where none was chosen."""
    upload = sent.get("file")
    if not isinstance(upload, UploadFile) or not upload.filename:
        return ()
    must_be_open(row)
    return (keep_sent(request, who, row, upload, kind, key, ROUNDS).id,)


def _text(sent: FormData, name: str, limit: int) -> str:
    said = sent.get(name)
    return said.strip()[:limit] if isinstance(said, str) else ""


def _version(sent: FormData) -> int:
    said = _text(sent, "version", 18)
    if not (said.isascii() and said.isdigit()):
        raise bad_parameter("body.version", "the form does not say what was seen", "the number that the page gives")
    return int(said)


def _said(saying: Saying, refused: Problem) -> str:
    """Why not, in the reader's language."""
    if isinstance(refused, Refused):
        return refused.zh if saying.language == "zh" and refused.zh else refused.what
    return saying(heading_of(refused)[0])


def _address(row: RoundRow) -> str:
    return f"/rounds/{quote(row.number, safe='')}/work"


# --- what the templates show -----------------------------------------------------------------------------------------


def _around(desk: Desk, saying: Saying, who: Who, row: RoundRow) -> dict[str, Any]:
    """What both pages show of a round."""
    return {
        "number": row.number,
        "mode": saying.pair(MODES[row.mode]),
        "state": row.state,
        "address": _address(row),
        "round": f"/rounds/{quote(row.number, safe='')}",
        "api": f"{ROOT}/rounds/{quote(row.number, safe='')}",
        "may_write": who.may("round") and row.state in STATES and row.mode != "remote",
        "verdicts": [(name, saying(word)) for name, word in VERDICTS.items()],
        "photos": PHOTOS,
        "words_limit": WORDS_LIMIT,
        "wrong": "",
    }


def _work(
    request: Request, who: Who, number: str, *, after: str = "", show: str = "open", wrong: str = "", status: int = 200
) -> Response:
    desk, saying = desk_of(request), saying_of(request)
    found = work_of(desk, round_or_404(desk, who, number))
    row, progress = found.row, found.standing.progress
    devices = devices_of(desk, found, after=after, limit=PAGE_ROWS + 1, only_open=show == "open")
    shown = _around(desk, saying, who, row) | {
        "asked": progress.asked,
        "found": progress.found,
        "missing": progress.missing,
        "counts": [(name, saying(VERDICTS[name]), progress.verdicts.get(name, 0)) for name in reversed(WORST)],
        "questions": [_item(one, saying) for one in questions_told(desk, found)],
        "devices": [
            {
                "id": one.device,
                "name": one.name_en if saying.language == "en" else one.name_zh,
                "place": (one.place_en if saying.language == "en" else one.place_zh) or "",
                "asked": found.by_kind.get(one.kind, 0),
                "found": one.found,
                "wrong": one.wrong,
                "address": f"{_address(row)}/{quote(one.device, safe='')}",
            }
            for one in devices[:PAGE_ROWS]
        ],
        "has_devices": bool(found.by_kind),
        "show": show,
        "next_after": devices[PAGE_ROWS - 1].device if len(devices) > PAGE_ROWS else "",
        "sides": _sides(desk, saying, found) if row.mode in ON_SITE else [],
        "is_on_site": row.mode in ON_SITE,
        "version": found.standing.version,
        "key": secrets.token_urlsafe(16),
        "pictures": PICTURES,
        "name": who.name,
        "name_limit": NAME_LIMIT,
        "wrong": wrong,
    }
    return page(request, who, "round_work.html", shown, status=status)


def _sides(desk: Desk, saying: Saying, found: Work) -> list[dict[str, Any]]:
    """Who signs, and who has; a signature that something was ticked after is asked for again."""
    signed: Mapping[str, Line] = signatures(desk.view.round_lines(found.row.id, QUESTION))
    return [
        {
            "side": side,
            "label": saying(SIDES[side]),
            "key": secrets.token_urlsafe(16),
            "name": signed[side].words if side in signed else "",
            "at_ms": signed[side].at_ms if side in signed else None,
            "file": signed[side].files[0] if side in signed else None,
            "is_stale": side in signed and signed[side].id < found.standing.ticked,
        }
        for side in SIGNERS
    ]


def _device(request: Request, who: Who, number: str, device: str, *, wrong: str = "", status: int = 200) -> Response:
    desk, saying = desk_of(request), saying_of(request)
    row = round_or_404(desk, who, number)
    items, part = items_of(desk, row, device)
    shown = _around(desk, saying, who, row) | {
        "device": device,
        "name": device if part is None else (part.name.en if saying.language == "en" else part.name.zh),
        "part": None if part is None else _part(part, saying),
        "items": [_item(one, saying) for one in items],
        "wrong": wrong,
    }
    return page(request, who, "round_device.html", shown, status=status)


def _part(part: DevicePart, saying: Saying) -> dict[str, Any]:
    """What the inspection and the time since the last one say of a device."""
    return {
        "verdict": part.verdict,
        "word": saying(VERDICTS[part.verdict]),
        "lines": [
            {
                "component": component_name(saying, line.component) if line.component else saying("communication"),
                "verdict": line.verdict,
                "word": saying(VERDICTS[line.verdict]),
            }
            for line in part.lines
        ],
        "since": [
            {
                "fault": one.name.en if saying.language == "en" else one.name.zh,
                "from_ms": one.from_ms,
                "to_ms": one.to_ms,
            }
            for one in part.since[-SINCE_SHOWN:]
        ],
    }


def _item(one: Mapping[str, Any], saying: Saying) -> dict[str, Any]:
    """A tick or a question as it stands on the page."""
    monitored = one.get("monitored")
    return {
        "id": one["item"],
        "label": one[saying.language],
        "photo": one["photo"],
        "verdict": one["verdict"],
        "word": "" if one["verdict"] is None else saying(VERDICTS[one["verdict"]]),
        "words": one["words"],
        "files": one["files"],
        "who": one["who"],
        "at_ms": one["at_ms"],
        "key": secrets.token_urlsafe(16),
        "monitored": "" if monitored is None else monitored[saying.language],
        "readings": _readings(one.get("readings", ()), saying),
        "faults": [fault[f"name_{saying.language}"] for fault in one.get("faults", ())],
    }


def _readings(readings: Sequence[Mapping[str, Any]], saying: Saying) -> list[dict[str, Any]]:
    return [
        {
            "name": one[f"name_{saying.language}"],
            "value": saying.value(dict(one)),
            "verdict": one["verdict"],
            "period": _period(one, saying),
        }
        for one in readings[:READINGS_SHOWN]
    ]


def _period(one: Mapping[str, Any], saying: Saying) -> str:
    """What a reading was over the period: from the least to the greatest."""
    over = one["period"]
    if over is None:
        return ""
    least, greatest = (saying.value({**one, "value": over[name]}) for name in ("least", "greatest"))
    return saying("period %(least)s to %(greatest)s", least=least, greatest=greatest)
