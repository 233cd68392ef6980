"""/ways and /notices: who is told of what, and what became of telling them. All of it needs the right `tell`.

POST /ways                 who is told, how and when; the secret of a webhook stands in this answer alone
POST /ways/3/test          a test through the real outbox and delivery; waits some seconds for what became of it
GET  /notices?state=dead   what could not be told; POST /notices/17/retry tries it again
"""

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Body, Depends, Path, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from roundsman_collector.api.access import deed_of, needs
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.moments import stamped
from roundsman_collector.api.problem import Problem, bad_parameter
from roundsman_collector.api.telling import ROOT
from roundsman_collector.core import hours
from roundsman_collector.roles import Who
from roundsman_collector.store import (
    Filter,
    NoticeRow,
    Office,
    StoreError,
    Timing,
    WayRow,
    timing_of,
    wrong_secret,
    wrong_target,
)
from roundsman_collector.store.notices import Held
from roundsman_collector.store.timing import BACKUP_MINUTES, LONGEST_MINUTES, ZONE
from roundsman_collector.store.ways import (
    ALSO,
    EVENTS,
    NAMES_LIMIT,
    SECRET_LIMIT,
    TARGET_LIMIT,
    TEXT_LIMIT,
    USUAL,
    Also,
    Event,
    Kind,
    Severity,
)
from roundsman_wire.catalogue import Language

T = TypeVar("T")
PAGE_LIMIT = 500
WAITS = 6
"""A test is waited for so many times as long as a command: a server that hangs is given up later, and that is said."""
LOOK_EVERY_S = 0.1

Teller = Annotated[Who, Depends(needs("tell"))]
WayId = Annotated[int, Path(description="A way's id.", ge=1, le=2**62)]
NoticeId = Annotated[int, Path(description="A notice's id.", ge=1, le=2**62)]
NoticeState = Literal["new", "sent", "dead", "gathered", "over"]
Name = Annotated[str, Field(min_length=1, max_length=80)]

router = APIRouter(tags=["notices"])


class FilterShape(BaseModel):
    """What a way wants to hear. No group, customer and device: of everything; otherwise of what any of them names."""

    model_config = ConfigDict(extra="forbid")

    events: list[Event] = Field(default=list(USUAL), min_length=1, max_length=len(EVENTS))
    severity: Severity = Field(default="minor", description="this grave or graver: urgent, major, minor")
    groups: list[Name] = Field(default=[], max_length=NAMES_LIMIT)
    customers: list[Name] = Field(default=[], max_length=NAMES_LIMIT)
    devices: list[Name] = Field(default=[], max_length=NAMES_LIMIT)
    also: list[Also] = Field(
        default=[],
        max_length=len(ALSO),
        description="of somebody's own way: `responsible` hears of all tickets of what they answer for, `duty` of what "
        "befalls where they are on duty then",
    )

    def told(self) -> Filter:
        """As the store has it."""
        return Filter(
            events=tuple(one for one in EVENTS if one in self.events),
            severity=self.severity,
            groups=tuple(dict.fromkeys(self.groups)),
            customers=tuple(dict.fromkeys(self.customers)),
            devices=tuple(dict.fromkeys(self.devices)),
            also=tuple(one for one in ALSO if one in self.also),
        )


class TimingShape(BaseModel):
    """When it is told. Nothing of it: at once, whenever it is."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    time_zone: str = Field(default=ZONE, max_length=64, description="of `quiet` and `daily`: an IANA name")
    quiet: str = Field(
        default="",
        max_length=hours.LIMIT,
        description="hours in which nothing is told, such as 22:00-07:00 or 1-5 22:00-07:00; 6-7 00:00-24:00",
    )
    urgent_passes: bool = Field(default=False, description="what is urgent is told in the quiet hours too")
    daily: str = Field(default="", max_length=5, description="HH:MM: told once a day, in one digest; nothing else here")
    after_minutes: int = Field(
        default=0,
        ge=0,
        le=LONGEST_MINUTES,
        description="tell of what somebody has to answer only if nobody has by then; of the rest only if it was told",
    )
    repeat_minutes: int = Field(
        default=0, ge=0, le=LONGEST_MINUTES, description="tell it again until somebody answers, five times at most"
    )
    backup_minutes: int = Field(
        default=BACKUP_MINUTES,
        ge=0,
        le=LONGEST_MINUTES,
        description="of somebody's own way, while they are on backup duty: tell what somebody has to answer only if "
        "nobody has by then",
    )

    def told(self) -> Timing:
        """As the store has it; Problem where it cannot be used."""
        try:
            return timing_of(self.model_dump())
        except StoreError as error:
            raise bad_parameter("body.timing", error.what, error.do.removeprefix("expected ")) from error


class NewWayShape(BaseModel):
    """A way to be made."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    kind: Kind
    name: str = Field(min_length=1, max_length=TEXT_LIMIT, description="who is told by it")
    target: str = Field(
        min_length=1, max_length=TARGET_LIMIT, description="a mail address, or the URL of a webhook or a bot"
    )
    filter: FilterShape | None = Field(
        default=None, description="what a desk has to know if not given; of somebody's own way: everything"
    )
    language: Language = "zh"
    secret: str = Field(
        default="", max_length=SECRET_LIMIT, description="of a DingTalk or Feishu bot that signs, as it is shown there"
    )
    person: Name | None = Field(
        default=None,
        description="whose own way it is: it hears of the tickets that this person is sent to, of clocks where the "
        "service level names their role, and of what `filter.also` says; both of that if no filter is given",
    )
    timing: TimingShape = TimingShape()

    def wanted(self) -> Filter:
        """What it wants to hear, as the store has it."""
        if self.filter is not None:
            return self.filter.told()
        return Filter(events=EVENTS, also=ALSO) if self.person else Filter()


class WayChangeShape(BaseModel):
    """What is to be different; what is not named stays."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    name: str | None = Field(default=None, min_length=1, max_length=TEXT_LIMIT)
    target: str | None = Field(default=None, min_length=1, max_length=TARGET_LIMIT)
    filter: FilterShape | None = None
    language: Language | None = None
    secret: str | None = Field(default=None, max_length=SECRET_LIMIT, description="of a bot; empty: it signs no more")
    person: str | None = Field(default=None, max_length=80, description="empty: it is nobody's own any more")
    timing: TimingShape | None = None
    renew_secret: bool = Field(default=False, description="make the webhook a new secret; it stands in the answer")


class WayShape(BaseModel):
    """A way of being told. `target` of a webhook or a bot is shown without its path and query, where keys stand."""

    id: int
    kind: Kind
    name: str
    target: str
    filter: FilterShape
    language: Language
    person: str | None
    timing: TimingShape
    signs: bool = Field(description="whether what is sent is signed with a secret")
    made_ms: int
    made: str | None
    made_by: str
    disabled_ms: int | None
    disabled: str | None
    secret: str | None = Field(description="only where it was just made; keep it, it is not shown again")
    links: dict[str, str]


class WaysShape(BaseModel):
    """All ways, the disabled ones too."""

    ways: list[WayShape]


class NoticeShape(BaseModel):
    """A notice and what became of it."""

    id: int
    way: int
    event: str
    subject: str
    ticket: str | None = Field(description="the ticket's number")
    made_ms: int
    made: str | None
    state: NoticeState
    held: Held = Field(
        description="why it waits, beside failing: `old` (a fault of old), `answer` (perhaps somebody answers), "
        "`quiet` (quiet hours), `daily` (told once a day)"
    )
    tries: int
    wake_at_ms: int | None
    wake_at: str | None
    done_ms: int | None
    done: str | None
    error: str
    links: dict[str, str]


class NoticesShape(BaseModel):
    """A page of notices. `next_before` leads to older ones."""

    notices: list[NoticeShape]
    next_before: int | None


class TestShape(BaseModel):
    """What became of a test. `new`: nothing yet; look at the notice again in a while."""

    notice: NoticeShape
    do: str


# --- ways ------------------------------------------------------------------------------------------------------------


@router.get("/ways", response_model=WaysShape, summary="Who is told, and how")
def ways(request: Request, _: Teller) -> dict[str, Any]:
    """All ways by id."""
    return {"ways": [way_told(one) for one in desk_of(request).office.ways()]}


@router.get("/ways/{way}", response_model=WayShape, summary="One way of being told")
def way(request: Request, way: WayId, _: Teller) -> dict[str, Any]:
    """A way."""
    return way_told(way_or_404(desk_of(request), way))


@router.post("/ways", response_model=WayShape, status_code=201, summary="Tell somebody from now on")
def add(request: Request, who: Teller, new: Annotated[NewWayShape, Body()]) -> dict[str, Any]:
    """Make a way. The answer of a webhook holds the secret that its signatures are made with."""
    desk = desk_of(request)
    _check_target(new.kind, new.target)
    _check_secret(new.kind, new.secret)
    timing = new.timing.told()
    made = _asked(
        lambda: desk.office.add_way(
            kind=new.kind,
            name=new.name,
            target=new.target,
            filter_=new.wanted(),
            language=new.language,
            secret=new.secret,
            person=new.person or "",
            timing=timing,
            deed=deed_of(request, who),
        ),
        "ways",
    )
    return way_told(way_or_404(desk, made.id), made.secret)


@router.patch("/ways/{way}", response_model=WayShape, summary="Change a way")
def change(request: Request, way: WayId, who: Teller, wanted: Annotated[WayChangeShape, Body()]) -> dict[str, Any]:
    """Change what is named; notices that wait on it are tried at once."""
    desk = desk_of(request)
    was = way_or_404(desk, way)
    if wanted.target is not None:
        _check_target(was.kind, wanted.target)
    _check_secret(was.kind, wanted.secret or "")
    timing = None if wanted.timing is None else wanted.timing.told()
    secret = _asked(
        lambda: desk.office.change_way(
            way,
            name=wanted.name,
            target=wanted.target,
            filter_=None if wanted.filter is None else wanted.filter.told(),
            language=wanted.language,
            secret=wanted.secret,
            renew_secret=wanted.renew_secret,
            person=wanted.person,
            timing=timing,
            deed=deed_of(request, who),
        ),
        f"way {way}",
    )
    return way_told(way_or_404(desk, way), secret)


@router.post(
    "/ways/{way}/test",
    response_model=TestShape,
    responses={202: {"model": TestShape, "description": "Nothing has become of it yet."}},
    summary="Send a test and tell what became of it",
)
def send_test(request: Request, way: WayId, who: Teller) -> Any:
    """Send one test the way every notice goes: through the outbox and the delivery. It is tried once."""
    desk = desk_of(request)
    way_or_404(desk, way)
    notice_id = _asked(lambda: desk.office.test_way(way, deed_of(request, who)), f"way {way}")
    notice = awaited(desk.office, notice_id, WAITS * desk.answer_within_s)
    said = {"notice": notice_told(notice), "do": what_to_do(notice)}
    return JSONResponse(said, 202) if notice.state == "new" else said


@router.post("/ways/{way}/{verb}", response_model=WayShape, summary="Disable a way, or enable it again")
def disable(
    request: Request,
    way: WayId,
    verb: Annotated[Literal["disable", "enable"], Path(description="What is to be done.")],
    who: Teller,
) -> dict[str, Any]:
    """A disabled way tells nothing; what waited on it becomes dead."""
    desk = desk_of(request)
    way_or_404(desk, way)
    desk.office.disable_way(way, is_disabled=verb == "disable", deed=deed_of(request, who))
    return way_told(way_or_404(desk, way))


def awaited(office: Office, notice_id: int, within_s: float) -> NoticeRow:
    """A notice, when something has become of it, or when the time is over."""
    until = time.monotonic() + within_s
    while True:
        found = office.notice(notice_id)
        assert found is not None, "a notice is kept for months"
        if found.state != "new" or time.monotonic() >= until:
            return found
        time.sleep(LOOK_EVERY_S)


def what_to_do(notice: NoticeRow) -> str:
    """What somebody who sent a test does now."""
    match notice.state:
        case "sent":
            return "look whether it has arrived: the other end has taken it"
        case "new":
            return "nothing has become of it yet: see whether the collector runs, or the other end hangs; look again"
        case _:
            return "mend what the error says, and test again"


# --- notices ---------------------------------------------------------------------------------------------------------


@router.get("/notices", response_model=NoticesShape, summary="What was told, waits to be told, or could not be told")
def notices(
    request: Request,
    _: Teller,
    state: Annotated[list[NoticeState] | None, Query(description="In one of these states.", max_length=5)] = None,
    way: Annotated[int | None, Query(description="On this way only.", ge=1, le=2**62)] = None,
    before: Annotated[int | None, Query(description="`next_before` of the page before.", ge=1, le=2**62)] = None,
    limit: Annotated[int, Query(description="How many at most.", ge=1, le=PAGE_LIMIT)] = 100,
) -> dict[str, Any]:
    """A page of the outbox, the newest first."""
    rows = desk_of(request).office.notices(states=state or (), way=way, before_id=before, limit=limit + 1)
    page = rows[:limit]
    return {
        "notices": [notice_told(one) for one in page],
        "next_before": page[-1].id if len(rows) > limit else None,
    }


@router.post("/notices/{notice}/retry", response_model=NoticeShape, summary="Try a dead notice again")
def retry(request: Request, notice: NoticeId, who: Teller) -> dict[str, Any]:
    """Try it now, as if it were new. 409: it is not dead, or its way is disabled."""
    desk = desk_of(request)
    notice_or_404(desk, notice)
    _asked(lambda: desk.office.retry_notice(notice, deed_of(request, who)), f"notice {notice}")
    return notice_told(notice_or_404(desk, notice))


# --- telling ---------------------------------------------------------------------------------------------------------


def way_told(one: WayRow, secret: str = "") -> dict[str, Any]:
    """A way, without its secret unless that was just made."""
    at = f"{ROOT}/ways/{one.id}"
    return {
        "id": one.id,
        "kind": one.kind,
        "name": one.name,
        "target": one.shown_target,
        "filter": asdict(one.filter),
        "language": one.language,
        "person": one.person,
        "timing": timing_told(one.timing),
        "signs": bool(one.secret),
        **stamped("made", one.made_ms),
        "made_by": one.made_by,
        **stamped("disabled", one.disabled_ms),
        "secret": secret or None,
        "links": {"self": at, "test": f"{at}/test", "notices": f"{ROOT}/notices?way={one.id}"},
    }


def timing_told(timing: Timing) -> dict[str, Any]:
    """When a way is told, its hours as short as people write them."""
    return asdict(timing) | {"quiet": timing.quiet_hours}


def notice_told(one: NoticeRow) -> dict[str, Any]:
    """A notice."""
    ticket = one.body.get("ticket")
    links = {"way": f"{ROOT}/ways/{one.way}"}
    if ticket is not None:
        links["ticket"] = f"{ROOT}/tickets/{ticket['number']}"
    if "warning" in one.body:
        links["warning"] = f"{ROOT}/statistics/recurrence/{one.body['warning']['id']}"
    return {
        "id": one.id,
        "way": one.way,
        "event": one.event,
        "subject": one.subject,
        "ticket": None if ticket is None else ticket["number"],
        **stamped("made", one.made_ms),
        "state": one.state,
        "held": one.held if one.state == "new" else "",
        "tries": one.tries,
        **stamped("wake_at", one.wake_at_ms),
        **stamped("done", one.done_ms),
        "error": one.error,
        "links": links,
    }


def way_or_404(desk: Desk, way: int) -> WayRow:
    """A way; Problem where there is none."""
    found = desk.office.way(way)
    if found is None:
        raise _none("way", way, "ways")
    return found


def notice_or_404(desk: Desk, notice: int) -> NoticeRow:
    """A notice; Problem where there is none."""
    found = desk.office.notice(notice)
    if found is None:
        raise _none("notice", notice, "notices")
    return found


def _none(what: str, id_: int, where: str) -> Problem:
    return Problem(
        404,
        f"no_{what}",
        what=f"there is no {what} {id_}",
        where="path",
        expected=f"an id of GET {ROOT}/{where}",
        do="look it up in the list",
    )


def _check_target(kind: str, target: str) -> None:
    if expected := wrong_target(kind, target):
        raise bad_parameter("body.target", f"the target of a {kind} cannot be used", expected)


def _check_secret(kind: str, secret: str) -> None:
    if expected := wrong_secret(kind, secret):
        raise bad_parameter("body.secret", "the secret cannot be used", expected)


def _asked(ask: Callable[[], T], where: str) -> T:
    """What the store answers; 409 where it says that this cannot be."""
    try:
        return ask()
    except StoreError as error:
        if error.cause != "conflict":
            raise
        raise Problem(409, "not_allowed", what=error.what, where=where, expected=error.do, do=error.do) from error
