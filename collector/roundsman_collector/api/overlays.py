"""/overlays: maintenance, exclusions and corrections: proposed by one person, approved by a second one.

    POST /overlays {"kind": "correction", "scope": "device", "target": "nvr-2", "from": …, "to": …, "state": "down",
                    "reason": "found_off", "text": "…"}     201: it waits for approval, planned maintenance does not
    POST /overlays/7/approve · /refuse · /revoke · /end     what becomes of it; 403 where a second person is needed
    GET  /overlays?status=proposed&kind=correction · GET /overlays?device=nvr-2 · GET /overlays/7

Whoever may act on tickets may propose; whoever may keep the register may approve, but nobody their own.
"""

from typing import Annotated, Any, Literal, get_args

from fastapi import APIRouter, Body, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from roundsman_collector.api import telling
from roundsman_collector.api.access import Act, See, deed_of
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.entries import problem_of
from roundsman_collector.api.moments import EXPECTED, read, stamped
from roundsman_collector.api.problem import Problem, bad_parameter
from roundsman_collector.core.overlay import KINDS, REASONS, STATUSES, Kind, ScopeKind, Status, Verb, refusal
from roundsman_collector.roles import Who
from roundsman_collector.store import By, EntryError, OverlayFilter, OverlayRow, Wish
from roundsman_collector.store.overlays import DOCUMENT_LIMIT, TARGET_LIMIT, TEXT_LIMIT
from roundsman_collector.wording import short

PAGE_LIMIT = 200
VERBS: tuple[Verb, ...] = get_args(Verb)
EVER = 2**53

OverlayId = Annotated[str, Path(description="An overlay's number.", min_length=1, max_length=19)]
Time = str | int

router = APIRouter(prefix="/overlays", tags=["overlays"])


class OverlayWish(BaseModel):
    """What is to be laid over the evidence of what, from when to when."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    kind: Kind
    scope: ScopeKind
    target: str = Field(min_length=1, max_length=TARGET_LIMIT, description="the id of the device, place, site …")
    from_: Time = Field(alias="from", description=EXPECTED)
    to: Time | None = Field(None, description="the end; null: it goes on until somebody ends it")
    state: Literal["", "up", "down", "unknown"] = Field("", description="what a correction says; empty otherwise")
    reason: str = Field(max_length=40, description=", ".join(REASONS))
    text: str = Field("", max_length=TEXT_LIMIT, description="why, in words; `other` needs some")
    document: str = Field("", max_length=DOCUMENT_LIMIT, description="a number or address of a paper that shows it")


class Decision(BaseModel):
    """Words to a decision; of an end also when it is."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    text: str = Field("", max_length=TEXT_LIMIT)
    to: Time | None = Field(None, description="of an end: when")


class OverlayEventShape(BaseModel):
    """What somebody did with it."""

    model_config = ConfigDict(extra="allow")

    id: int
    who: str
    verb: Verb
    text: str


class OverlayShape(BaseModel):
    """An overlay as it stands. `ends`: its end in force; `counts`: since when it counts, null while it does not."""

    model_config = ConfigDict(extra="allow")

    id: int
    kind: Kind
    kind_zh: str
    scope: ScopeKind
    target: str
    state: Literal["", "up", "down", "unknown"]
    reason: str
    reason_zh: str
    reason_en: str
    text: str
    document: str
    made_by: str
    status: Status
    status_zh: str
    is_planned: bool
    from_ms: int
    to_ms: int | None
    ends_ms: int | None
    counts_ms: int | None
    made_ms: int
    links: dict[str, str]


class OverlayFullShape(OverlayShape):
    """An overlay with its log, and what whoever asks may do with it."""

    events: list[OverlayEventShape]
    may: list[Verb]


class OverlaysShape(BaseModel):
    """A page of overlays, the newest first."""

    overlays: list[OverlayShape]
    next_before: int | None


@router.get("", response_model=OverlaysShape, summary="Maintenance, exclusions and corrections, the newest first")
def overlays(
    request: Request,
    who: See,
    status: Annotated[Status | None, Query(description="Only those that stand so.")] = None,
    kind: Annotated[Kind | None, Query(description="Only of this kind.")] = None,
    device: Annotated[str, Query(description="All that concerns this device, by whatever it is.", max_length=63)] = "",
    scope: Annotated[ScopeKind | None, Query(description="Only laid over this kind of thing.")] = None,
    target: Annotated[str, Query(description="… and this one of them.", max_length=TARGET_LIMIT)] = "",
    from_: Annotated[str | None, Query(alias="from", description=f"Ending after: {EXPECTED}.", max_length=40)] = None,
    to: Annotated[str | None, Query(description=f"Beginning before: {EXPECTED}.", max_length=40)] = None,
    before: Annotated[int | None, Query(description="`next_before` of the page before.", ge=1, le=2**62)] = None,
    limit: Annotated[int, Query(description="How many at most.", ge=1, le=PAGE_LIMIT)] = 50,
) -> dict[str, Any]:
    """A page of overlays within your scope. `next_before` leads to older ones; of a device all come at once."""
    desk = desk_of(request)
    wanted = OverlayFilter(
        status=status,
        kind=kind or "",
        scope=scope or "",
        target=target,
        from_ms=None if from_ is None else read(from_, "from"),
        to_ms=None if to is None else read(to, "to"),
    )
    if device:
        rows = of_device(desk, who, device, wanted)
        return {"overlays": [told(row) for row in rows], "next_before": None}
    rows = desk.view.overlays(scope=who.scope, wanted=wanted, before_id=before, limit=limit + 1)
    return {
        "overlays": [told(row) for row in rows[:limit]],
        "next_before": rows[limit - 1].overlay.id if len(rows) > limit else None,
    }


def of_device(desk: Desk, who: Who, device: str, wanted: OverlayFilter) -> list[OverlayRow]:
    """What concerns a device that they reach, by its place, site, customer and group as well."""
    if not desk.view.reaches(who.scope, device):
        return []
    from_ms = 0 if wanted.from_ms is None else wanted.from_ms
    to_ms = EVER if wanted.to_ms is None else wanted.to_ms
    rows = desk.view.overlays_of(device, from_ms, to_ms, EVER, who.scope)
    return [
        row
        for row in rows
        if wanted.status in (None, row.standing.status)
        and wanted.kind in ("", row.overlay.kind)
        and wanted.scope in ("", row.overlay.scope)
        and wanted.target in ("", row.overlay.target)
    ]


@router.post("", response_model=OverlayFullShape, status_code=201, summary="Propose an overlay")
def propose(request: Request, who: Act, wish: OverlayWish) -> dict[str, Any]:
    """It counts when a second person approves it; planned maintenance, which they alone may enter, at once."""
    wanted = Wish(
        kind=wish.kind,
        scope=wish.scope,
        target=wish.target,
        from_ms=read(str(wish.from_), "body.from"),
        to_ms=None if wish.to is None else read(str(wish.to), "body.to"),
        state=wish.state,
        reason=wish.reason,
        text=wish.text,
        document=wish.document,
    )
    desk = desk_of(request)
    try:
        made = desk.office.propose_overlay(wanted, deed=deed_of(request, who), by=by(who))
    except EntryError as error:
        raise problem_of(error) from error
    return full(desk, who, overlay_or_404(desk, who, str(made)))


@router.get("/{overlay}", response_model=OverlayFullShape, summary="One overlay with its log")
def one(request: Request, who: See, overlay: OverlayId) -> dict[str, Any]:
    """As it was made, what became of it, and what you may do with it."""
    desk = desk_of(request)
    return full(desk, who, overlay_or_404(desk, who, overlay))


@router.post("/{overlay}/{verb}", response_model=OverlayFullShape, summary="Approve, refuse, revoke or end an overlay")
def act(
    request: Request,
    who: Act,
    overlay: OverlayId,
    verb: Annotated[Verb, Path(description="What is to become of it.")],
    words: Annotated[Decision | None, Body()] = None,
) -> dict[str, Any]:
    """What changes a figure of the past is done by a second person; 403 tells an author so."""
    said = words or Decision()  # type: ignore[call-arg]
    if (verb == "end") != (said.to is not None):
        raise bad_parameter("body.to", f"{verb} with the end {said.to}", "a time `to` for an end, and for nothing else")
    desk = desk_of(request)
    to_ms = None if said.to is None else read(str(said.to), "body.to")
    row = overlay_or_404(desk, who, overlay)
    return full(desk, who, decide(request, who, row, verb, to_ms=to_ms, text=said.text))


# --- shared with the pages -------------------------------------------------------------------------------------------


def by(who: Who) -> By:
    """What somebody may do with overlays."""
    return By(may_approve=who.may("place"), scope=who.scope)


def decide(
    request: Request, who: Who, row: OverlayRow, verb: Verb, *, to_ms: int | None = None, text: str = ""
) -> OverlayRow:
    """Let something become of an overlay; Problem where it cannot."""
    deed = deed_of(request, who)
    try:
        return desk_of(request).office.act_on_overlay(
            row.overlay.id, verb, deed=deed, by=by(who), to_ms=to_ms, text=text
        )
    except EntryError as error:
        raise problem_of(error) from error


def overlay_or_404(desk: Desk, who: Who, overlay: str) -> OverlayRow:
    """An overlay by its number; Problem where there is none that they reach."""
    is_number = overlay.isascii() and overlay.isdigit()
    found = desk.view.overlay(min(int(overlay), EVER), scope=who.scope) if is_number else None
    if found is None:
        raise Problem(
            404,
            "no_overlay",
            what=f"there is no overlay {short(overlay)}",
            where="path",
            expected="the number of an overlay",
            do="look it up in GET /api/v1/overlays",
        )
    return found


def may(desk: Desk, who: Who, row: OverlayRow) -> list[Verb]:
    """What somebody may do with an overlay now; an end: at some time."""
    if not who.may("act"):
        return []
    is_author = desk.view.is_author(row.overlay.made_by, who.id)
    now_ms = desk.now_ms()
    allowed: list[Verb] = []
    for verb in VERBS:
        ends = [max(now_ms, row.overlay.from_ms + 1), row.overlay.from_ms + 1] if verb == "end" else [None]
        if any(
            refusal(
                row.overlay,
                row.standing,
                verb,
                is_author=is_author,
                may_approve=who.may("place"),
                now_ms=now_ms,
                to_ms=to_ms,
            )
            is None
            for to_ms in ends
        ):
            allowed.append(verb)
    return allowed


def told(row: OverlayRow) -> dict[str, Any]:
    """An overlay as it stands."""
    made, now = row.overlay, row.standing
    reason = REASONS.get(made.reason)
    at = f"{telling.ROOT}/overlays/{made.id}"
    return {
        "id": made.id,
        "kind": made.kind,
        "kind_zh": KINDS[made.kind][0],
        "scope": made.scope,
        "target": made.target,
        **stamped("from", made.from_ms),
        **stamped("to", made.to_ms),
        **stamped("ends", now.to_ms),
        "state": made.state,
        "reason": made.reason,
        "reason_zh": made.reason if reason is None else reason.zh,
        "reason_en": made.reason if reason is None else reason.en,
        "text": made.text,
        "document": made.document,
        **stamped("made", made.made_ms),
        "made_by": made.made_by,
        "status": now.status,
        "status_zh": STATUSES[now.status][0],
        "is_planned": made.is_planned,
        **stamped("counts", now.counts_ms),
        "links": {"self": at, "page": f"/overlays/{made.id}"},
    }


def full(desk: Desk, who: Who, row: OverlayRow) -> dict[str, Any]:
    """An overlay with its log."""
    return {
        **told(row),
        "events": [
            {
                "id": event.id,
                **stamped("at", event.at_ms),
                "who": event.who,
                "verb": event.verb,
                **stamped("to", event.to_ms),
                "text": event.text,
            }
            for event in row.events
        ],
        "may": may(desk, who, row),
    }
