"""/labels: codes on devices and at sites, by which anybody can report a fault (api/scanned.py is what they lead to).

GET  /labels                  those in use that you reach; ?ended=true: also what was replaced or revoked
POST /labels                  {"subjects": ["kiosk-7", "#metro-a"]}: who has one keeps it
GET  /labels/12               one of them
PUT  /labels/12               what strangers read; empty: as the register says
POST /labels/12/replace       it was lost: another code, the old one is good no more
POST /labels/12/revoke        no label any more
"""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from roundsman_collector.api.access import Place, deed_of
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.entries import problem_of
from roundsman_collector.api.moments import stamped
from roundsman_collector.api.problem import Problem
from roundsman_collector.api.telling import ROOT
from roundsman_collector.core.label import grouped
from roundsman_collector.roles import Who
from roundsman_collector.store import EntryError, LabelRow, LabelWords
from roundsman_collector.store.labels import MADE_AT_ONCE, SUBJECT_LIMIT, WORDS_LIMIT
from roundsman_collector.wording import short

PAGE_LIMIT = 500

router = APIRouter(prefix="/labels", tags=["labels"])

LabelName = Annotated[str, Path(description="A label's number.", min_length=1, max_length=40)]
Line = Annotated[str, Field(max_length=WORDS_LIMIT)]


class WordsBody(BaseModel):
    """What strangers read of a device: what it is, and where it stands. Empty: as the register says."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    name_zh: Line = ""
    name_en: Line = ""
    spot_zh: Line = ""
    spot_en: Line = ""


class MakeBody(BaseModel):
    """For what labels are wanted."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    subjects: list[Annotated[str, Field(min_length=1, max_length=SUBJECT_LIMIT)]] = Field(
        min_length=1, max_length=MADE_AT_ONCE, description="ids of devices, or # and a site's"
    )


class LabelShape(BaseModel):
    """A label. `address`: what its QR code says; null while nobody told under which name we are reached."""

    id: int
    subject: str
    code: str = Field(description="as it is printed")
    address: str | None
    name_zh: str
    name_en: str
    spot_zh: str
    spot_en: str
    made_ms: int
    made: str | None
    made_by: str
    ended_ms: int | None
    ended: str | None
    ended_by: str
    ended_how: str = Field(description="replaced or revoked; empty: it is in use")
    links: dict[str, str]


class LabelsShape(BaseModel):
    """A page of labels, the newest first."""

    labels: list[LabelShape]
    next_before: int | None


class MadeShape(BaseModel):
    """A label for each subject, in their order."""

    labels: list[LabelShape]
    made: int = Field(description="how many of them are new")


@router.get("", response_model=LabelsShape, summary="Labels, the newest first")
def labels(
    request: Request,
    who: Place,
    subject: Annotated[str | None, Query(description="Of one device, or of # and a site.", max_length=80)] = None,
    ended: Annotated[bool, Query(description="Also those that are good no more.")] = False,
    before: Annotated[int | None, Query(description="`next_before` of the page before.", ge=1, le=2**53)] = None,
    limit: Annotated[int, Query(description="How many at most.", ge=1, le=PAGE_LIMIT)] = 100,
) -> dict[str, Any]:
    """Those that you reach."""
    desk = desk_of(request)
    rows = desk.view.labels(scope=who.scope, subject=subject, with_ended=ended, before_id=before, limit=limit + 1)
    return {
        "labels": [told(desk, row) for row in rows[:limit]],
        "next_before": rows[limit - 1].id if len(rows) > limit else None,
    }


@router.post("", response_model=MadeShape, summary="Make labels")
def make(request: Request, who: Place, body: MakeBody) -> dict[str, Any]:
    """A label for each; all of them, or none."""
    desk = desk_of(request)
    try:
        made = desk.office.make_labels(body.subjects, deed=deed_of(request, who), scope=who.scope)
    except EntryError as error:
        raise problem_of(error) from error
    return {"labels": [told(desk, row) for row, _ in made], "made": sum(is_new for _, is_new in made)}


@router.get("/{label}", response_model=LabelShape, summary="One label")
def label(request: Request, who: Place, label: LabelName) -> dict[str, Any]:
    """A label, in use or not."""
    desk = desk_of(request)
    return told(desk, label_or_404(desk, who, label))


@router.put("/{label}", response_model=LabelShape, summary="Say what strangers read")
def put(request: Request, who: Place, label: LabelName, body: WordsBody) -> dict[str, Any]:
    """From now on; what is printed already stays as it is."""
    desk = desk_of(request)
    row = label_or_404(desk, who, label)
    words = LabelWords(**body.model_dump())
    try:
        return told(desk, desk.office.put_label_words(row.id, words, deed=deed_of(request, who), scope=who.scope))
    except EntryError as error:
        raise problem_of(error) from error


@router.post("/{label}/replace", response_model=LabelShape, status_code=201, summary="Replace a label that was lost")
def replace(request: Request, who: Place, label: LabelName) -> dict[str, Any]:
    """The new one, with the same words; the old code is good no more."""
    desk = desk_of(request)
    row = label_or_404(desk, who, label)
    try:
        return told(desk, desk.office.replace_label(row.id, deed=deed_of(request, who), scope=who.scope))
    except EntryError as error:
        raise problem_of(error) from error


@router.post("/{label}/revoke", response_model=LabelShape, summary="Let a label be good no more")
def revoke(request: Request, who: Place, label: LabelName) -> dict[str, Any]:
    """Whoever scans it from now on hears that it is not valid."""
    desk = desk_of(request)
    row = label_or_404(desk, who, label)
    try:
        return told(desk, desk.office.revoke_label(row.id, deed=deed_of(request, who), scope=who.scope))
    except EntryError as error:
        raise problem_of(error) from error


# --- shared with the pages -------------------------------------------------------------------------------------------


def label_or_404(desk: Desk, who: Who, label: str) -> LabelRow:
    """A label by its number, if they reach what it is on."""
    is_id = label.isascii() and label.isdigit() and len(label) < 17
    found = desk.view.label(int(label), scope=who.scope) if is_id else None
    if found is None:
        raise Problem(
            404,
            "no_such_label",
            what=f"there is no label {short(label)}",
            where="path",
            expected="a number of GET /api/v1/labels",
            do="look it up in the list",
        )
    return found


def address_of(desk: Desk, row: LabelRow) -> str | None:
    """What a label's QR code says; None while nobody told under which name people reach us ([api] public_url)."""
    return f"{desk.public_url}/r/{row.code}" if desk.public_url else None


def told(desk: Desk, row: LabelRow) -> dict[str, Any]:
    """A label as the API says it."""
    return {
        "id": row.id,
        "subject": row.subject,
        "code": grouped(row.code),
        "address": address_of(desk, row) if row.ended_ms is None else None,
        "name_zh": row.name_zh,
        "name_en": row.name_en,
        "spot_zh": row.spot_zh,
        "spot_en": row.spot_en,
        **stamped("made", row.made_ms),
        "made_by": row.made_by,
        **stamped("ended", row.ended_ms),
        "ended_by": row.ended_by,
        "ended_how": row.ended_how,
        "links": {"self": f"{ROOT}/labels/{row.id}"},
    }
