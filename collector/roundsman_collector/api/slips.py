"""/slips: forms of services that no ticket tells of: installations, acceptances, upkeep, upgrades, trainings, trips,
opinions, inquiries (core/slips.py has the kinds).

    GET  /slips?kind=installation&from=2026-11-01&to=2026-11-30     the newest first; days are included
    POST /slips {"kind": "training", "day": "2026-11-22", "site": "mall-3", "data": {"topic": "…"}}
    PUT  /slips/S2026-000007 {"data": {"hours": "2"}}               what is not named stays
    POST /slips/S2026-000007/files?kind=signature                   a photo or a signature, as to a ticket (files.py)
    POST /slips/S2026-000007/photo | sign | void                    a line of its log
    GET  /slips/installed?by=engineer                               how many devices were fitted on each day

Numbers of SIM cards and telephones are whole only for those who act on tickets, and that they were shown is audited.
"""

from datetime import date, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from roundsman_collector.api import files
from roundsman_collector.api.access import Act, See, deed_of
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.entries import DEFAULT_ZONE
from roundsman_collector.api.moments import stamped
from roundsman_collector.api.problem import Problem, bad_parameter
from roundsman_collector.api.telling import ROOT
from roundsman_collector.api.whole_numbers import note
from roundsman_collector.core.contract import local_day
from roundsman_collector.core.slips import KINDS, NAME_LIMIT, Line, SlipKind, Standing, Wish, missing, standing_of
from roundsman_collector.reports.dossier import masked
from roundsman_collector.roles import Who
from roundsman_collector.store import Card, Deed, StoreError
from roundsman_collector.store.files import SLIPS
from roundsman_collector.store.slips import SlipFilter, SlipNew, SlipRow
from roundsman_collector.wording import short

PAGE_LIMIT = 200
LONGEST_DAYS = 366
USUAL_DAYS = 30
AIM_A_DAY = 20
"""Devices that are to be fitted on a day, where many are (S3-29)."""
FILLED_IN = 40

router = APIRouter(prefix="/slips", tags=["slips"])

By = Literal["engineer", "group", "site"]
Number = Annotated[str, Path(description="A slip's number, S2026-000007.", min_length=1, max_length=40)]
KindName = Annotated[str | None, Query(description="A kind of slip.", max_length=20)]
DayFrom = Annotated[date | None, Query(alias="from", description="The first day, YYYY-MM-DD.")]
DayTo = Annotated[date | None, Query(description="The last day, included.")]


class Strictly(BaseModel):
    """What a sender says, and nothing else."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class SlipShape(Strictly):
    """A slip. `values`: what was written, by entry; `missing`: what it lacks before it can be signed."""

    number: str
    kind: str
    title_zh: str
    title_en: str
    day: str
    site: str | None
    customer: str | None
    group: str | None
    device: str | None
    engineer: str
    state: Literal["open", "signed", "void"]
    made_ms: int
    made: str | None
    made_by: str
    signed_ms: int | None = Field(description="when the last side signed")
    signed: str | None
    version: int
    link: str


class SignedShape(Strictly):
    """A signature that stands."""

    side: str
    name: str
    file: int | None
    at_ms: int
    at: str | None


class SlipFullShape(SlipShape):
    """A slip with what it says."""

    values: dict[str, str]
    missing_zh: list[str]
    missing_en: list[str]
    signatures: list[SignedShape]
    photos: list[int]
    void: str = Field(description="why it is void; else empty")


class SlipsShape(Strictly):
    """Slips, the newest first."""

    slips: list[SlipShape]
    next_before: int | None


class InstalledShape(Strictly):
    """So many devices were fitted on a day: `accepted` of them by a record that both sides signed."""

    day: str
    id: str
    fitted: int
    accepted: int
    reaches_aim: bool


class InstalledDaysShape(Strictly):
    """Devices fitted by day."""

    by: By
    aim: int
    rows: list[InstalledShape]


class NewBody(Strictly):
    """A new slip."""

    kind: str = Field(max_length=20)
    day: date = Field(description="the day of the service, at the site")
    site: str | None = Field(None, max_length=64)
    device: str | None = Field(None, max_length=160, description="then the site is the one at which it stands")
    engineer: str = Field("", max_length=200, description="who did it; empty: whoever writes it down")
    data: dict[str, str] = Field(default_factory=dict, max_length=FILLED_IN)


class WriteBody(Strictly):
    """What changes of a slip; an empty text takes an entry back."""

    data: dict[str, str] = Field(max_length=FILLED_IN)
    version: int | None = Field(None, ge=0, description="what they saw")


class StepBody(Strictly):
    """A line of its log."""

    side: str = Field("", max_length=20, description="who signs: service, customer, manager")
    words: str = Field("", max_length=NAME_LIMIT, description="the name of who signs; why it is void")
    file: int | None = Field(None, description="the photo or signature, uploaded before")
    version: int | None = Field(None, ge=0, description="what they saw")


# --- reading ---------------------------------------------------------------------------------------------------------


@router.get("", response_model=SlipsShape, summary="Slips, the newest first")
def some(
    request: Request,
    who: See,
    kind: KindName = None,
    state: Annotated[Literal["open", "signed", "void"] | None, Query(description="How far they are.")] = None,
    site: Annotated[str | None, Query(max_length=64, description="Of one site.")] = None,
    device: Annotated[str | None, Query(max_length=160, description="Of one device.")] = None,
    from_: DayFrom = None,
    to: DayTo = None,
    before: Annotated[int | None, Query(ge=1, le=2**62, description="`next_before` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_LIMIT)] = 50,
) -> dict[str, Any]:
    """Those that are within the scope of whoever asks."""
    wanted = SlipFilter(
        kind=kind and kind_of(kind).id,
        state=state,
        site=site,
        device=device,
        first_day=None if from_ is None else from_.isoformat(),
        last_day=None if to is None else to.isoformat(),
    )
    found = desk_of(request).view.slips(who.scope, wanted, before_id=before, limit=limit + 1)
    return {
        "slips": [told(row) for row in found[:limit]],
        "next_before": found[limit - 1].id if len(found) > limit else None,
    }


@router.get("/installed", response_model=InstalledDaysShape, summary="How many devices were fitted on each day")
def installed(
    request: Request, who: See, by: By = "engineer", from_: DayFrom = None, to: DayTo = None
) -> dict[str, Any]:
    """Devices by the day of their record, by engineer, monitoring centre or site; 30 days up to today."""
    desk = desk_of(request)
    found = desk.view.slips_installed(who.scope, days_of(desk, from_, to), by)
    rows = [{**one._asdict(), "reaches_aim": one.fitted >= AIM_A_DAY} for one in found]
    return {"by": by, "aim": AIM_A_DAY, "rows": rows}


def days_of(desk: Desk, first: date | None, last: date | None) -> tuple[str, str]:
    """The days that are asked for; Problem where they are none, or too many."""
    end = last or local_day(desk.now_ms(), DEFAULT_ZONE)
    begin = first or end - timedelta(days=USUAL_DAYS - 1)
    if not 0 <= (end - begin).days < LONGEST_DAYS:
        raise bad_parameter("from, to", f"{begin} to {end} cannot be used", f"at most {LONGEST_DAYS} days")
    return begin.isoformat(), end.isoformat()


@router.get("/{number}", response_model=SlipFullShape, summary="A slip, and what it says")
def one(request: Request, who: See, number: Number) -> dict[str, Any]:
    """What was written, who has signed, what it lacks."""
    desk = desk_of(request)
    row = slip_or_404(desk, who, number)
    return full(desk, who, row)


@router.get(
    "/{number}/files/{file}",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {}}}, 304: {"description": "You have it."}},
    summary="A photo or signature of a slip, as it came",
)
def file(request: Request, who: See, number: Number, file: files.FileName) -> Response:
    """The bytes of a file, as a download."""
    desk = desk_of(request)
    row = slip_or_404(desk, who, number)
    is_id = file.isascii() and file.isdigit() and len(file) < 17
    found = desk.view.slip_file(row.id, int(file)) if is_id else None
    if found is None:
        raise Problem(
            404,
            "no_file",
            what=f"slip {row.number} has no file {short(file)}",
            where="path",
            expected="the id of one of its files",
            do="look it up in the slip; an upload that nothing names is deleted after a day",
        )
    return files.served(request, desk, found)


# --- writing ---------------------------------------------------------------------------------------------------------


@router.post("", response_model=SlipFullShape, status_code=201, summary="Write a slip")
def begin(request: Request, who: Act, body: NewBody, idempotency_key: files.Key = None) -> dict[str, Any]:
    """What the register and the device's last report know of the device is filled in, where nothing else is said."""
    desk = desk_of(request)
    return full(desk, who, begun(desk, who, body, deed_of(request, who), idempotency_key))


@router.put("/{number}", response_model=SlipFullShape, summary="Write into a slip")
def write(request: Request, who: Act, number: Number, body: WriteBody) -> dict[str, Any]:
    """What stands there is replaced entry by entry; signatures are needed again."""
    wish = Wish(verb="write", data=body.data, version=body.version)
    return _stepped(request, who, number, wish)


@router.post(
    "/{number}/files",
    response_model=files.AnyFileShape,
    status_code=201,
    responses=files.REFUSED,
    summary="Upload a photo or a signature to a slip",
)
async def upload(
    request: Request,
    who: Act,
    number: Number,
    kind: Annotated[Literal["photo", "signature"], Query(description="What it is.")],
    file_name: files.Named = "",
    idempotency_key: files.Key = None,
) -> dict[str, Any]:
    """Keep a file. A line has to name it within a day, or it is deleted."""
    desk = desk_of(request)
    row = await run_in_threadpool(slip_or_404, desk, who, number)
    wish = files.wish_of(request, desk, kind, file_name, idempotency_key, SLIPS)
    kept = await files.receive(desk, deed_of(request, who), row.id, wish, request.stream())
    own = f"{ROOT}/slips/{row.number}"
    return files.facts(kept) | {"links": {"self": f"{own}/files/{kept.id}", "slip": own}}


@router.post("/{number}/{step}", response_model=SlipFullShape, summary="Sign, add a photo, or void")
def step(
    request: Request,
    who: Act,
    number: Number,
    step: Annotated[Literal["photo", "sign", "void"], Path(description="What is to be done.")],
    body: StepBody,
) -> dict[str, Any]:
    """Who signs needs a complete slip; what all sides signed is not changed any more."""
    if step == "photo" and body.file is None:
        raise bad_parameter("body.file", "no photo is named", "the id of an uploaded photo")
    wish = Wish(verb=step, side=body.side, words=body.words, file=body.file, version=body.version)
    return _stepped(request, who, number, wish)


def _stepped(request: Request, who: Who, number: str, wish: Wish) -> dict[str, Any]:
    desk, deed = desk_of(request), deed_of(request, who)
    row = slip_or_404(desk, who, number)
    return full(desk, who, taken(desk, who, row, wish, deed))


class Refused(Problem):
    """A line that may not be written: `zh` says why to people who read Chinese."""

    zh: str = ""


def taken(desk: Desk, who: Who, row: SlipRow, wish: Wish, deed: Deed) -> SlipRow:
    """Write a line; Refused where core/slips.py says no."""
    try:
        return desk.office.write_slip(row.id, wish._replace(may_overrule=who.may("overrule")), deed=deed)
    except StoreError as error:
        raise _refused(error, f"slip {row.number}") from error


def begun(desk: Desk, who: Who, body: NewBody, deed: Deed, key: str | None) -> SlipRow:
    """Write a new slip, with what is known of its device; Problem where it may not be."""
    kind = kind_of(body.kind, "body.kind")
    if body.day > local_day(desk.now_ms(), DEFAULT_ZONE) + timedelta(days=1):
        raise bad_parameter("body.day", f"{body.day} is in the future", "the day on which it was done")
    card = None if not body.device else _card_or_422(desk, who, body.device)
    site = (card.site if card is not None else None) or body.site or None
    if kind.about == "device" and card is None:
        raise bad_parameter("body.device", f"a slip {kind.id} is about a device", "a device of the register")
    if kind.about == "site" and site is None:
        raise bad_parameter("body.site", f"a slip {kind.id} is about a site", "a site of the register")
    customer, group = _whose(desk, who, site)
    new = SlipNew(
        kind=kind.id,
        day=body.day.isoformat(),
        site=site,
        customer=customer,
        group=group,
        device=None if card is None else card.device,
        engineer=body.engineer or who.id,
        key=key,
    )
    if body.engineer and body.engineer not in desk.view.people_names():
        raise bad_parameter("body.engineer", f"there is nobody called {short(body.engineer)}", "a login name")
    known = {} if card is None else known_of(desk, kind, card)
    try:
        return desk.office.begin_slip(new, known | {name: said for name, said in body.data.items() if said}, deed=deed)
    except StoreError as error:
        raise _refused(error, "body") from error


def known_of(desk: Desk, kind: SlipKind, card: Card) -> dict[str, str]:
    """What is known of a device already, for the entries of a form that ask for it."""
    device = desk.view.device(card.device)
    readings = {} if device is None or device.readings is None else device.readings
    seen = readings.get("gnss.satellites_used")
    known = {
        "model": card.model,
        "serial": card.serial,
        "position": card.place_zh,
        "contact": card.on_the_spot[0],
        "phone": card.on_the_spot[1],
        "satellites": None if seen is None else satellites(readings, int(seen)),
    }
    return {one.name: said for one in kind.entries if (said := known.get(one.name))}


def satellites(readings: dict[str, Any], total: int) -> str:
    """How many satellites the receiver uses, of which systems it tells: `北斗 6 / GPS 8 (14)`."""
    names = {"beidou": "北斗", "gps": "GPS", "glonass": "GLONASS", "galileo": "Galileo"}
    told = [f"{name} {int(said)}" for key, name in names.items() if (said := readings.get(f"satellites[{key}].used"))]
    return f"{' / '.join(told)} ({total})" if told else str(total)


def _refused(error: StoreError, where: str) -> Exception:
    if error.cause != "conflict":
        return error
    found = Refused(
        412 if error.where == "changed" else 409,
        f"slip_{error.where}",
        what=error.what,
        where=where,
        expected="something that may be written now",
        do="look at the slip as it stands now, and try again",
    )
    found.zh = error.do
    return found


def _card_or_422(desk: Desk, who: Who, device: str) -> Card:
    found = desk.view.cards_named([device], scope=who.scope).get(device)
    if found is None:
        raise bad_parameter("body.device", f"there is no device {short(device)}", "a device of the register")
    return found


def _whose(desk: Desk, who: Who, site: str | None) -> tuple[str | None, str | None]:
    """The customer and the group of a site; Problem where whoever asks does not reach it."""
    if site is None:
        if not who.scope.everything:
            raise bad_parameter("body.site", "a slip about no site is for those who see everything", "a site")
        return None, None
    found = desk.view.entry("site", site, scope=who.scope)
    if found is None:
        raise bad_parameter("body.site", f"there is no site {short(site)}", "a site of the register")
    return found.fields["customer"], found.fields["group_id"]


# --- how it is told --------------------------------------------------------------------------------------------------


def kind_of(name: str, where: str = "query.kind") -> SlipKind:
    """A kind by its id; Problem for what is none."""
    found = KINDS.get(name)
    if found is None:
        raise bad_parameter(where, f"there is no kind of slip {short(name)}", " or ".join(KINDS))
    return found


def slip_or_404(desk: Desk, who: Who, number: str) -> SlipRow:
    """A slip by its number; Problem where there is none that they reach."""
    row = desk.view.slip(number, who.scope)
    if row is None:
        raise Problem(
            404,
            "no_slip",
            what=f"there is no slip {short(number)}",
            where="path",
            expected="a number such as S2026-000007",
            do="look it up in GET /api/v1/slips",
        )
    return row


def told(row: SlipRow) -> dict[str, Any]:
    """A slip as lists tell it."""
    title = KINDS[row.kind].title
    return {
        "number": row.number,
        "kind": row.kind,
        "title_zh": title.zh,
        "title_en": title.en,
        "day": row.day,
        "site": row.site,
        "customer": row.customer,
        "group": row.group_id,
        "device": row.device,
        "engineer": row.engineer,
        "state": row.state,
        **stamped("made", row.made_ms),
        "made_by": row.made_by,
        **stamped("signed", row.signed_ms),
        "version": row.version,
        "link": f"{ROOT}/slips/{row.number}",
    }


def said(desk: Desk, row: SlipRow) -> Standing:
    """What a slip says."""
    return standing_of(desk.view.slip_log(row.id))


def full(desk: Desk, who: Who, row: SlipRow) -> dict[str, Any]:
    """A slip with what it says, as far as somebody may read it."""
    kind, standing = KINDS[row.kind], said(desk, row)
    lacking = missing(kind, standing, row.device_kind)
    return {
        **told(row),
        "values": readable(desk, who, row, standing),
        "missing_zh": [one.zh for one in lacking],
        "missing_en": [one.en for one in lacking],
        "signatures": [_signed(side, line) for side, line in standing.signed.items()],
        "photos": list(standing.photos),
        "void": standing.void,
    }


def readable(desk: Desk, who: Who, row: SlipRow, standing: Standing) -> dict[str, str]:
    """What was written: numbers of people and cards masked for those who may only look."""
    secret = {one.name for one in KINDS[row.kind].entries if one.is_secret}
    if who.may("act"):
        note(desk, who, f"slip:{row.number}", *(standing.values.get(name) for name in secret))
        return dict(standing.values)
    return {name: masked(text) if name in secret else text for name, text in standing.values.items()}


def _signed(side: str, line: Line) -> dict[str, Any]:
    return {"side": side, "name": line.words, "file": line.file, **stamped("at", line.at_ms)}
