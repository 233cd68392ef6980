"""/duty: the rota (值班). Who is on duty, duties and days off, how weeks look, and swaps (调班).

    GET  /duty?group=south&from=…&to=… · GET /duty/now?group=south · GET /duty/export.csv
    POST /duty/shifts · POST /duty/shifts/7/remove · POST /duty/shifts/7/give      a dispatcher
    GET, PUT /duty/pattern?group=south · POST /duty/fill                           the weekly pattern, and its days
    POST /duty/swaps · POST /duty/swaps/3/agree | refuse | withdraw                between two people

A rota belongs to a group, or to one service point of it; a scope that holds the group sees it. Whose duty it is may
ask somebody to take it, and who was asked answers; who keeps the register sets it without asking. What contradicts the
rota as it stands now is refused with 409, which says what became of it.
"""

import csv
import io
from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from roundsman_collector.api.access import Act, Place, See, deed_of
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.entries import problem_of
from roundsman_collector.api.moments import DAY_MS, EXPECTED, iso, read, stamped
from roundsman_collector.api.problem import Problem
from roundsman_collector.core.duty import (
    LINES_LIMIT,
    PEOPLE_LIMIT,
    SHIFT_KINDS,
    SWAP_STATES,
    WHYS,
    LeftOut,
    Plan,
    Shift,
    ShiftKind,
    SwapState,
    Turn,
    on_duty,
    written,
)
from roundsman_collector.register.files import BOM, guarded
from roundsman_collector.roles import Who
from roundsman_collector.store import EntryError, Rota, ShiftWish, SwapRow
from roundsman_collector.store.duty import NOTE_LIMIT
from roundsman_collector.wording import short

CSV_TYPE = "text/csv; charset=utf-8"
LONGEST_MS = 400 * DAY_MS
SHIFTS_LIMIT = 5000
SWAPS_LIMIT = 500
LEFT_OUT_LIMIT = 200
Answer = Literal["agree", "refuse", "withdraw"]
ANSWERS: dict[Answer, SwapState] = {"agree": "agreed", "refuse": "refused", "withdraw": "withdrawn"}
HEADS = ("编号", "监控分中心", "网点", "登录名", "姓名", "类别", "开始", "结束", "来源", "备注", "录入人", "撤销时间")
ORIGINS = {"person": "录入", "pattern": "排班", "swap": "调班"}

Group = Annotated[str | None, Query(description="Of one monitoring centre only.", max_length=63)]
GroupNeeded = Annotated[str, Query(description="Of which monitoring centre.", min_length=1, max_length=63)]
PointOf = Annotated[str, Query(description="Of one service point of it; empty: of the whole group.", max_length=63)]
Number = Annotated[str, Path(description="Its number.", min_length=1, max_length=19)]
Time = str | int

router = APIRouter(prefix="/duty", tags=["duty"])


class Said(BaseModel):
    """What all bodies share."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class ShiftBody(Said):
    """Somebody on duty, or off."""

    group: str = Field(min_length=1, max_length=63)
    point: str = Field("", max_length=63)
    person: str = Field(min_length=1, max_length=63, description="a login name")
    kind: ShiftKind = Field("primary", description="primary, backup, or off: a day off")
    from_: Time = Field(alias="from", description=EXPECTED)
    to: Time = Field(description=EXPECTED)
    note: str = Field("", max_length=NOTE_LIMIT)


class SwapBody(Said):
    """Who is to take a duty, and for which one of theirs; null: for nothing."""

    other: str = Field(min_length=1, max_length=63, description="a login name")
    other_shift: int | None = Field(None, ge=1, le=2**53)
    note: str = Field("", max_length=NOTE_LIMIT)


class AskBody(SwapBody):
    """Which duty of yours somebody is to take."""

    shift: int = Field(ge=1, le=2**53)


class LineBody(Said):
    """On these days, at these times, one of these people by turns."""

    days: str = Field(max_length=200, description="1-5, Mon-Fri, 6,7, holidays")
    times: str = Field(max_length=40, description="18:00-08:00; 08:00-08:00 lasts 24 hours")
    kind: Literal["primary", "backup"] = "primary"
    people: list[str] = Field(min_length=1, max_length=PEOPLE_LIMIT, description="login names, in turn")
    turns: Literal["day", "week"] = "day"


class PatternBody(Said):
    """How the weeks of a rota look. Turns are counted from `from_day`."""

    from_day: date
    calendar: str = Field("cn", max_length=63, description="which calendar says what is a holiday, and worked instead")
    lines: list[LineBody] = Field(min_length=1, max_length=LINES_LIMIT)


class FillBody(Said):
    """Which days to make as the pattern says, the last one included."""

    group: str = Field(min_length=1, max_length=63)
    point: str = Field("", max_length=63)
    first: date
    last: date
    dry_run: bool = Field(False, description="only tell what it would do")


class ShiftShape(BaseModel):
    """A duty, or a day off. `until` is when it stopped counting: its end, unless it was taken back before."""

    model_config = ConfigDict(extra="forbid")

    id: int
    group: str
    point: str
    person: str
    kind: ShiftKind
    kind_zh: str
    from_ms: int
    from_: str | None = Field(alias="from")
    to_ms: int
    to: str | None
    until_ms: int
    until: str | None
    note: str
    origin: Literal["person", "pattern", "swap"]
    swap: int | None = Field(description="the swap that made it")
    made_ms: int
    made: str | None
    made_by: str
    taken_back_ms: int | None
    taken_back: str | None
    taken_back_by: str
    links: dict[str, str]


class ShiftsShape(BaseModel):
    """Duties by their begin."""

    shifts: list[ShiftShape]


class SwapShape(BaseModel):
    """A swap: `person` gives the duty `shift` to `other`, for `other_shift` or for nothing."""

    id: int
    group: str
    shift: int
    other_shift: int | None
    person: str
    other: str
    note: str
    state: SwapState
    state_zh: str
    asked_ms: int
    asked: str | None
    asked_by: str
    done_ms: int | None
    done: str | None
    done_by: str


class SwapsShape(BaseModel):
    """Swaps, the newest first. `next_before` leads to older ones."""

    swaps: list[SwapShape]
    next_before: int | None


class PatternShape(BaseModel):
    """How the weeks of a rota look, and since when somebody says so."""

    group: str
    point: str
    pattern: PatternBody
    made_ms: int
    made: str | None
    made_by: str


class TurnShape(BaseModel):
    """A duty that a pattern makes of a day."""

    day: date
    person: str
    kind: ShiftKind
    from_ms: int
    from_: str | None = Field(alias="from")
    to_ms: int
    to: str | None


class LeftOutShape(TurnShape):
    """A turn that somebody cannot take, and why: a gap to be seen to."""

    why: str
    why_zh: str
    why_en: str
    shift: int | None = Field(description="what they have instead, or who was put there by hand")


class FilledShape(BaseModel):
    """What filling days did, or would do. `left_out` holds the first 200."""

    dry_run: bool
    added: int
    taken_back: int
    same: int
    left_out_count: int
    left_out: list[LeftOutShape]


# --- reading ---------------------------------------------------------------------------------------------------------


@router.get("", response_model=ShiftsShape, summary="Duties and days off")
def shifts(
    request: Request,
    who: See,
    group: Group = None,
    person: Annotated[str | None, Query(description="Of one person only.", max_length=63)] = None,
    from_: Annotated[str | None, Query(alias="from", description=f"Begin: {EXPECTED}; now.", max_length=40)] = None,
    to: Annotated[str | None, Query(description="End; a week behind the begin, if not given.", max_length=40)] = None,
    taken_back: Annotated[bool, Query(description="Also those that were taken back.")] = False,
) -> dict[str, Any]:
    """Those that meet the window, as far as your scope reaches; your own in any case."""
    desk = desk_of(request)
    from_ms = desk.now_ms() if from_ is None else read(from_, "from")
    to_ms = from_ms + 7 * DAY_MS if to is None else read(to, "to")
    rows = listed(desk, who, from_ms, to_ms, group=group, person=person)
    return {"shifts": [told(one) for one in rows if taken_back or one.counts]}


@router.get("/now", response_model=ShiftsShape, summary="Who is on duty")
def now(
    request: Request,
    who: See,
    group: Group = None,
    at: Annotated[str | None, Query(description=f"At this time; now, if not given: {EXPECTED}.", max_length=40)] = None,
) -> dict[str, Any]:
    """The duties that count at that instant, the primary ones first; of nobody who has the day off."""
    desk = desk_of(request)
    at_ms = desk.now_ms() if at is None else read(at, "at")
    return {"shifts": [told(one) for one in on_duty(listed(desk, who, at_ms, at_ms + 1, group=group), at_ms)]}


@router.get(
    "/export.csv",
    response_class=Response,
    responses={200: {"content": {CSV_TYPE: {}}}},
    summary="The rota as a file",
)
def export(
    request: Request,
    who: See,
    group: Group = None,
    from_: Annotated[str | None, Query(alias="from", description=f"Begin: {EXPECTED}; now.", max_length=40)] = None,
    to: Annotated[str | None, Query(description="End; a month behind the begin, if not given.", max_length=40)] = None,
) -> Response:
    """Every duty and day off of the window, taken back or not; times are ISO 8601 UTC."""
    desk = desk_of(request)
    from_ms = desk.now_ms() if from_ is None else read(from_, "from")
    to_ms = from_ms + 31 * DAY_MS if to is None else read(to, "to")
    return csv_of(desk, listed(desk, who, from_ms, to_ms, group=group))


def csv_of(desk: Desk, rows: Sequence[Shift]) -> Response:
    """Duties as a file for spreadsheets."""
    names = {one.id: one.name for one in desk.view.persons()}
    made = io.StringIO(newline="")
    write = csv.writer(made, lineterminator="\r\n")
    write.writerow(HEADS)
    for one in rows:
        cells = [
            str(one.id),
            one.group,
            one.point,
            one.person,
            names.get(one.person, ""),
            SHIFT_KINDS[one.kind][0],
            iso(one.from_ms) or "",
            iso(one.to_ms) or "",
            ORIGINS[one.origin],
            one.note,
            one.made_by,
            iso(one.void_ms) or "",
        ]
        write.writerow([guarded(cell) for cell in cells])
    head = {"Content-Disposition": 'attachment; filename="roundsman-duty.csv"'}
    return Response(BOM + made.getvalue().encode("utf-8"), media_type=CSV_TYPE, headers=head)


@router.get("/pattern", response_model=PatternShape, summary="How the weeks of a rota look")
def pattern(request: Request, who: See, group: GroupNeeded, point: PointOf = "") -> dict[str, Any]:
    """The pattern in force."""
    return _pattern(desk_of(request), who, Rota(group=group, point=point))


@router.get("/swaps", response_model=SwapsShape, summary="Swaps, the newest first")
def swaps(
    request: Request,
    who: See,
    group: Group = None,
    state: Annotated[SwapState | None, Query(description="Only those that stand so.")] = None,
    before: Annotated[int | None, Query(description="`next_before` of the page before.", ge=1, le=2**62)] = None,
    limit: Annotated[int, Query(description="How many at most.", ge=1, le=SWAPS_LIMIT)] = 100,
) -> dict[str, Any]:
    """Of the rotas that your scope reaches."""
    desk = desk_of(request)
    rows = desk.view.swaps(scope=who.scope, group=group, state=state, before_id=before, limit=limit + 1)
    return {
        "swaps": [told_swap(one) for one in rows[:limit]],
        "next_before": rows[limit - 1].id if len(rows) > limit else None,
    }


@router.get("/shifts/{shift}", response_model=ShiftShape, summary="One duty")
def one_shift(request: Request, who: See, shift: Number) -> dict[str, Any]:
    """A duty or day off."""
    return told(shift_or_404(desk_of(request), who, shift))


# --- a dispatcher's --------------------------------------------------------------------------------------------------


@router.post("/shifts", response_model=ShiftShape, status_code=201, summary="Enter a duty, or a day off")
def add(request: Request, who: Place, body: ShiftBody) -> dict[str, Any]:
    """Nobody has two duties in one rota at a time, nor a duty on a day off: 409 says what stands in the way."""
    desk = desk_of(request)
    wish = ShiftWish(
        rota=Rota(group=body.group, point=body.point),
        person=body.person,
        kind=body.kind,
        from_ms=read(str(body.from_), "body.from"),
        to_ms=read(str(body.to), "body.to"),
        note=body.note,
    )
    try:
        made = desk.office.add_shift(wish, deed=deed_of(request, who), scope=who.scope)
    except EntryError as error:
        raise problem_of(error) from error
    return told(shift_or_404(desk, who, str(made)))


@router.post("/shifts/{shift}/remove", response_model=ShiftShape, summary="Take a duty back")
def remove(request: Request, who: Place, shift: Number) -> dict[str, Any]:
    """It counts no more from now on; what it counted up to now stays."""
    desk = desk_of(request)
    try:
        desk.office.remove_shift(number_of(shift), deed=deed_of(request, who), scope=who.scope)
    except EntryError as error:
        raise problem_of(error) from error
    return told(shift_or_404(desk, who, shift))


@router.post("/shifts/{shift}/give", response_model=SwapShape, status_code=201, summary="Set who has a duty")
def give(request: Request, who: Place, shift: Number, body: SwapBody) -> dict[str, Any]:
    """Somebody else has it from now on, for a duty of theirs or for nothing; nobody is asked."""
    desk = desk_of(request)
    try:
        made = desk.office.set_swap(
            number_of(shift),
            other=body.other,
            other_shift=body.other_shift,
            note=body.note,
            deed=deed_of(request, who),
            scope=who.scope,
        )
    except EntryError as error:
        raise problem_of(error) from error
    return _swap(desk, made)


@router.put("/pattern", response_model=PatternShape, summary="Say how the weeks of a rota look")
def put_pattern(
    request: Request, who: Place, body: PatternBody, group: GroupNeeded, point: PointOf = ""
) -> dict[str, Any]:
    """From now on; it makes no duty by itself: POST /duty/fill does."""
    desk = desk_of(request)
    rota = Rota(group=group, point=point)
    try:
        desk.office.put_duty_pattern(rota, body.model_dump(mode="json"), deed=deed_of(request, who), scope=who.scope)
    except EntryError as error:
        raise problem_of(error) from error
    return _pattern(desk, who, rota)


@router.post("/fill", response_model=FilledShape, summary="Make days as the pattern says")
def fill(request: Request, who: Place, body: FillBody) -> dict[str, Any]:
    """What an earlier filling made gives way; what people entered or swapped stays. Nothing of the past changes."""
    desk = desk_of(request)
    rota = Rota(group=body.group, point=body.point)
    try:
        if body.dry_run:
            plan = desk.view.duty_plan(rota, body.first, body.last, now_ms=desk.now_ms(), scope=who.scope)
        else:
            plan = desk.office.fill_duty(rota, body.first, body.last, deed=deed_of(request, who), scope=who.scope)
    except EntryError as error:
        raise problem_of(error) from error
    return {"dry_run": body.dry_run, **told_plan(plan)}


# --- between two people ----------------------------------------------------------------------------------------------


@router.post("/swaps", response_model=SwapShape, status_code=201, summary="Ask somebody to take a duty of yours")
def ask(request: Request, who: Act, body: AskBody) -> dict[str, Any]:
    """It waits for their answer; until then the rota is as it was."""
    desk = desk_of(request)
    try:
        made = desk.office.ask_swap(
            body.shift,
            other=body.other,
            other_shift=body.other_shift,
            note=body.note,
            deed=deed_of(request, who),
        )
    except EntryError as error:
        raise problem_of(error) from error
    return _swap(desk, made)


@router.post("/swaps/{swap}/{answer}", response_model=SwapShape, summary="Agree to a swap, refuse or withdraw it")
def answer(request: Request, who: Act, swap: Number, answer: Answer) -> dict[str, Any]:
    """Who was asked agrees or refuses, who asked withdraws. 409: the rota is no longer as it was, and how it is now."""
    try:
        done = desk_of(request).office.answer_swap(number_of(swap), ANSWERS[answer], deed=deed_of(request, who))
    except EntryError as error:
        raise problem_of(error) from error
    return told_swap(done)


# --- shared with the pages -------------------------------------------------------------------------------------------


def listed(
    desk: Desk, who: Who, from_ms: int, to_ms: int, *, group: str | None = None, person: str | None = None
) -> list[Shift]:
    """The duties that somebody sees: of their scope, and their own; Problem where the window is none."""
    if not 0 < to_ms - from_ms <= LONGEST_MS:
        raise Problem(
            422,
            "window_too_long",
            what=f"the window [{from_ms}, {to_ms}) holds no time, or too much",
            where="from, to",
            expected=f"at most {LONGEST_MS // DAY_MS} days",
            do="ask for shorter windows one after the other",
        )
    rows = desk.view.shifts(from_ms, to_ms, scope=who.scope, group=group, person=person, limit=SHIFTS_LIMIT)
    if person in (None, who.id):
        seen = {one.id for one in rows}
        mine = desk.view.shifts(from_ms, to_ms, group=group, person=who.id, limit=SHIFTS_LIMIT)
        rows = sorted([*rows, *(one for one in mine if one.id not in seen)], key=lambda one: (one.from_ms, one.id))
    return rows


def number_of(text: str) -> int:
    """The number of a duty or swap in an address; one that nothing has, where it is none."""
    return min(int(text), 2**53) if text.isascii() and text.isdigit() else 0


def shift_or_404(desk: Desk, who: Who, shift: str) -> Shift:
    """A duty that somebody sees: of their scope, or their own, or one that is asked of them."""
    found = desk.view.shift(number_of(shift))
    if found is not None and not who.scope.holds(found.group, None) and found.person != who.id:
        concerned = any(who.id in (one.person, one.other) for one in desk.view.swaps(shift=found.id))
        found = found if concerned else None
    if found is None:
        raise Problem(
            404,
            "no_shift",
            what=f"there is no duty {short(shift)}",
            where="path",
            expected="the number of a duty",
            do="look it up in GET /api/v1/duty",
        )
    return found


def _pattern(desk: Desk, who: Who, rota: Rota) -> dict[str, Any]:
    found = desk.view.duty_pattern(rota, scope=who.scope)
    if found is None:
        raise Problem(
            404,
            "no_pattern",
            what=f"nobody has said how the weeks of {short(rota.group)} look",
            where="query",
            expected="a rota with a pattern",
            do="write one with PUT /api/v1/duty/pattern",
        )
    return {
        "group": rota.group,
        "point": rota.point,
        "pattern": written(found.pattern),
        **stamped("made", found.made_ms),
        "made_by": found.made_by,
    }


def _swap(desk: Desk, swap: int) -> dict[str, Any]:
    found = desk.view.swap(swap)
    assert found is not None, "it was just made"
    return told_swap(found)


def told(one: Shift) -> dict[str, Any]:
    """A duty as the API says it."""
    return {
        "id": one.id,
        "group": one.group,
        "point": one.point,
        "person": one.person,
        "kind": one.kind,
        "kind_zh": SHIFT_KINDS[one.kind][0],
        **stamped("from", one.from_ms),
        **stamped("to", one.to_ms),
        **stamped("until", one.until_ms),
        "note": one.note,
        "origin": one.origin,
        "swap": one.swap,
        **stamped("made", one.made_ms),
        "made_by": one.made_by,
        **stamped("taken_back", one.void_ms),
        "taken_back_by": one.void_by,
        "links": {"self": f"/api/v1/duty/shifts/{one.id}", "page": f"/duty/shifts/{one.id}"},
    }


def told_swap(one: SwapRow) -> dict[str, Any]:
    """A swap as the API says it."""
    return {
        "id": one.id,
        "group": one.group,
        "shift": one.shift,
        "other_shift": one.other_shift,
        "person": one.person,
        "other": one.other,
        "note": one.note,
        "state": one.state,
        "state_zh": SWAP_STATES[one.state][0],
        **stamped("asked", one.asked_ms),
        "asked_by": one.asked_by,
        **stamped("done", one.done_ms),
        "done_by": one.done_by,
    }


def told_plan(plan: Plan) -> dict[str, Any]:
    """What filling days did, as the API says it."""
    return {
        "added": len(plan.add),
        "taken_back": len(plan.void),
        "same": plan.same,
        "left_out_count": len(plan.left_out),
        "left_out": [_left_out(one) for one in plan.left_out[:LEFT_OUT_LIMIT]],
    }


def _left_out(one: LeftOut) -> dict[str, Any]:
    return {
        **_turn(one.turn),
        "why": one.why,
        "why_zh": WHYS[one.why][0],
        "why_en": WHYS[one.why][1],
        "shift": None if one.beside is None else one.beside.id,
    }


def _turn(turn: Turn) -> dict[str, Any]:
    return {
        "day": turn.day,
        "person": turn.person,
        "kind": turn.kind,
        **stamped("from", turn.from_ms),
        **stamped("to", turn.to_ms),
    }
