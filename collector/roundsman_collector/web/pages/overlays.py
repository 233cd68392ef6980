"""Maintenance, exclusions and corrections: the list, the form that proposes one, and one with its log.

/overlays?status=proposed      the list, narrowed; ?device=nvr-2: all that concerns a device
/overlays/~new?kind=correction&scope=device&target=nvr-2     the form; without a target it asks for one first
/overlays/7                    one with its log and what may be done with it; POST /overlays/7/act does it

Times are written and shown on the clock of the site that they are about.
"""

from collections.abc import Mapping
from typing import Annotated, Any, get_args

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response

from roundsman_collector.api import overlays as told_by_api
from roundsman_collector.api.access import Act, See, deed_of
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.entries import DEFAULT_ZONE
from roundsman_collector.api.moments import HOUR_MS
from roundsman_collector.api.overlays import EVER, OverlayId, by, decide, may, of_device, overlay_or_404
from roundsman_collector.api.problem import Problem, bad_parameter
from roundsman_collector.core.availability import STATES
from roundsman_collector.core.overlay import KINDS, REASONS, SCOPES, STATUSES, Status, Verb
from roundsman_collector.roles import Who
from roundsman_collector.store import EntryError, KindName, OverlayFilter, OverlayRow, Wish
from roundsman_collector.store.overlays import DOCUMENT_LIMIT, TARGET_LIMIT, TEXT_LIMIT
from roundsman_collector.web.forms import form
from roundsman_collector.web.page import address, page, saying_of
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.words import N_
from roundsman_collector.web.zoned import TimeError, picked, shown, written, zone_name

PAGE = 50
NAMED = 100
SHOWN_OF_DEVICE = 5
KIND_WORDS: Mapping[str, str] = {
    "maintenance": N_("Maintenance"),
    "exclusion": N_("Exclusion"),
    "correction": N_("Correction"),
}
KIND_HINTS: Mapping[str, str] = {
    "maintenance": N_("Work on the equipment. Its time is taken out of the figures, and no ticket opens meanwhile."),
    "exclusion": N_("Time that the contract does not count: force majeure, the customer's power, a laid-up vehicle."),
    "correction": N_("What was measured is wrong: say what it really was. The measurements themselves stay."),
}
VERB_WORDS: Mapping[Verb, str] = {
    "approve": N_("Approve it"),
    "refuse": N_("Refuse it"),
    "revoke": N_("Revoke it"),
    "end": N_("Let it end then"),
}
DONE_WORDS: Mapping[Verb, str] = {
    "approve": N_("approved it"),
    "refuse": N_("refused it"),
    "revoke": N_("revoked it"),
    "end": N_("let it end"),
}
STATE_WORDS: Mapping[str, str] = {"up": N_("up"), "down": N_("down"), "unknown": N_("unknown")}
WRONG: Mapping[str, str] = {
    "kind": N_("Planned maintenance counts at once: only somebody who may approve enters it."),
    "scope": N_("Choose what it is about."),
    "target": N_("There is no such thing, or it was not yours all of that time."),
    "from": N_("A time from 1970 on; a correction is about what was, so up to now."),
    "to": N_("A time after the begin and at most ten years ahead, or nothing."),
    "from, to": N_("A correction is about what was: times up to now, or an open end."),
    "state": N_("Say which state it was."),
    "reason": N_("Choose one of the reasons."),
    "text": N_("Write why, in at most 2,000 characters."),
    "document": N_("At most 400 characters."),
}
REFUSED: Mapping[int, str] = {
    403: N_("It takes a second person: somebody who may approve, and who did not propose it."),
    409: N_("Somebody was first, or the time cannot be used. Look at it as it stands now."),
}

router = APIRouter()


@router.get("/overlays")
def overlays_page(
    request: Request,
    who: See,
    status: Annotated[str, Query(max_length=20)] = "",
    kind: Annotated[str, Query(max_length=20)] = "",
    device: Annotated[str, Query(max_length=63)] = "",
    before: Annotated[int | None, Query(ge=1, le=2**62)] = None,
) -> Response:
    """The list."""
    desk, saying = desk_of(request), saying_of(request)
    wanted = OverlayFilter(status=_status(status), kind=kind if kind in KINDS else "")
    if device:
        rows = of_device(desk, who, device, wanted)
    else:
        rows = desk.view.overlays(scope=who.scope, wanted=wanted, before_id=before, limit=PAGE + 1)
    listed = rows if device else rows[:PAGE]
    zones = _zones(desk, who, listed)
    told = {
        "rows": [row_of(saying, row, zones[row.overlay.id]) for row in listed],
        "status": status,
        "statuses": [(name, _one(saying, words)) for name, words in STATUSES.items()],
        "kind": kind,
        "kinds": [(name, saying(words)) for name, words in KIND_WORDS.items()],
        "device": device,
        "before": before,
        "next_before": listed[-1].overlay.id if not device and len(rows) > PAGE else None,
        "may_propose": who.may("act"),
    }
    return page(request, who, "overlays.html", told)


@router.get("/overlays/~new")
def new_page(
    request: Request,
    who: Act,
    kind: Annotated[str, Query(max_length=20)] = "",
    scope: Annotated[str, Query(max_length=20)] = "",
    target: Annotated[str, Query(max_length=TARGET_LIMIT)] = "",
) -> Response:
    """The form; while it is not known what it is about, the question what it is about."""
    return _form(request, who, {"kind": kind, "scope": scope, "target": target.strip()})


@router.post("/overlays/~new")
def propose(request: Request, who: Act, fields: Annotated[dict[str, str], Depends(form)]) -> Response:
    """Propose one; what cannot be used comes back as written, marked."""
    desk = desk_of(request)
    said = {name: text.strip() for name, text in fields.items()}
    zone = zone_of(desk, who, said.get("scope", ""), said.get("target", ""))
    try:
        wish = _wish(said, zone)
        made = desk.office.propose_overlay(wish, deed=deed_of(request, who), by=by(who))
    except _FieldError as error:
        return _form(request, who, said, wrong={error.field: error.text})
    except EntryError as error:
        name = error.field if error.field in WRONG else "target"
        return _form(request, who, said, wrong={name.partition(",")[0]: WRONG[name]})
    return RedirectResponse(f"/overlays/{made}", 303)


@router.get("/overlays/{overlay}")
def overlay_page(request: Request, who: See, overlay: OverlayId) -> Response:
    """One with its log."""
    return _one_page(request, who, overlay_or_404(desk_of(request), who, overlay))


@router.post("/overlays/{overlay}/act")
def overlay_act(
    request: Request, who: Act, overlay: OverlayId, fields: Annotated[dict[str, str], Depends(form)]
) -> Response:
    """Approve, refuse, revoke or end one; where that cannot be, the page says why."""
    desk = desk_of(request)
    row = overlay_or_404(desk, who, overlay)
    verb = next((one for one in get_args(Verb) if one == fields.get("verb")), None)
    if verb is None:
        raise bad_parameter("body.verb", "there is nothing like this to be done", " or ".join(VERB_WORDS))
    zone = zone_of(desk, who, row.overlay.scope, row.overlay.target)
    try:
        to_ms = written(fields.get("to", ""), zone) if verb == "end" else None
        text = fields.get("text", "")[:TEXT_LIMIT]
        decide(request, who, row, verb, to_ms=to_ms, text=text)
    except TimeError:
        return _one_page(request, who, row, fields=fields, wrong=N_("This is no time on that clock."), status=422)
    except Problem as refused:
        if refused.status not in REFUSED:
            raise
        now = overlay_or_404(desk, who, overlay)
        return _one_page(request, who, now, fields=fields, wrong=REFUSED[refused.status], status=refused.status)
    return RedirectResponse(f"/overlays/{row.overlay.id}", 303)


# --- what the templates show -----------------------------------------------------------------------------------------


class _FieldError(Exception):
    """A field of the form that cannot be used, and what is said of it."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(f"{field}: {text}")
        self.field = field
        self.text = text


def _wish(said: Mapping[str, str], zone: str) -> Wish:
    times: dict[str, int | None] = {}
    for name in ("from", "to"):
        text = said.get(name, "")
        try:
            times[name] = written(text, zone) if text or name == "from" else None
        except TimeError as error:
            raise _FieldError(name, N_("This is no time on that clock.")) from error
    assert times["from"] is not None
    return Wish(
        kind=said.get("kind", ""),
        scope=said.get("scope", ""),
        target=said.get("target", ""),
        from_ms=times["from"],
        to_ms=times["to"],
        state=said.get("state", "") if said.get("kind") == "correction" else "",
        reason=said.get("reason", ""),
        text=said.get("text", ""),
        document=said.get("document", ""),
    )


def _form(request: Request, who: Who, said: Mapping[str, str], *, wrong: Mapping[str, str] | None = None) -> Response:
    desk, saying = desk_of(request), saying_of(request)
    kind, scope, target = said.get("kind", ""), said.get("scope", ""), said.get("target", "")
    name = target_name(desk, who, saying, scope, target) if scope in SCOPES and target else None
    is_known = kind in KINDS and name is not None
    if target and name is None and not wrong:
        wrong = {"target": WRONG["target"]}
    zone = zone_of(desk, who, scope, target)
    values = {"from": picked(desk.now_ms() // HOUR_MS * HOUR_MS, zone), **said} if is_known else dict(said)
    told = {
        "is_known": is_known,
        "values": values,
        "wrong": {field: saying(text) for field, text in (wrong or {}).items()},
        "kinds": [(one, saying(KIND_WORDS[one]), saying(KIND_HINTS[one])) for one in KINDS],
        "kind_word": saying(KIND_WORDS.get(kind, "")) if kind else "",
        "kind_hint": saying(KIND_HINTS.get(kind, "")) if kind else "",
        "scopes": [(one, _one(saying, words)) for one, words in SCOPES.items()],
        "scope_word": _one(saying, SCOPES[scope]) if scope in SCOPES else "",  # type: ignore[index]
        "name": name or "",
        "zone": zone_name(saying, zone),
        "reasons": [
            (code, _one(saying, (reason.zh, reason.en))) for code, reason in REASONS.items() if kind in reason.kinds
        ],
        "states": [(state, saying(STATE_WORDS[state])) for state in STATES],
        "names": [] if is_known else _names(desk, who, saying),
        "may_approve": who.may("place"),
        "text_limit": TEXT_LIMIT,
        "document_limit": DOCUMENT_LIMIT,
        "target_limit": TARGET_LIMIT,
    }
    return page(request, who, "overlay_new.html", told, status=422 if wrong else 200)


def _names(desk: Desk, who: Who, saying: Saying) -> list[tuple[str, str]]:
    """What there is to choose from, so far as it is few: ids with their names."""
    kinds: tuple[KindName, ...] = ("site", "customer", "group", "place")
    rows = [row for kind in kinds for row in desk.view.entries(kind, scope=who.scope, limit=NAMED)]
    return [(row.id, str(row.fields["name_zh" if saying.language == "zh" else "name_en"])) for row in rows]


def _one_page(
    request: Request,
    who: Who,
    row: OverlayRow,
    *,
    fields: Mapping[str, str] | None = None,
    wrong: str = "",
    status: int = 200,
) -> Response:
    desk, saying = desk_of(request), saying_of(request)
    made = row.overlay
    zone = zone_of(desk, who, made.scope, made.target)
    verbs = may(desk, who, row)
    told = {
        "row": row_of(saying, row, zone),
        "name": target_name(desk, who, saying, made.scope, made.target) or "",
        "zone": zone_name(saying, zone),
        "log": [
            {
                "at_ms": event.at_ms,
                "who": event.who,
                "word": saying(DONE_WORDS[event.verb]),
                "to": shown(event.to_ms, zone),
                "text": event.text,
            }
            for event in row.events
        ],
        "made_ms": made.made_ms,
        "made_by": made.made_by,
        "counts_ms": row.standing.counts_ms,
        "is_planned": made.is_planned,
        "verbs": [(verb, saying(VERB_WORDS[verb])) for verb in verbs if verb != "end"],
        "may_end": "end" in verbs,
        "waits_for_others": row.standing.status == "proposed" and "approve" not in verbs and who.may("act"),
        "written": (fields or {}).get("text", ""),
        "to": (fields or {}).get("to", "") or picked(max(desk.now_ms(), made.from_ms + 60_000), zone),
        "wrong": saying(wrong) if wrong else "",
        "links": told_by_api.told(row)["links"],
        "back": _back(made.scope, made.target),
        "text_limit": TEXT_LIMIT,
    }
    return page(request, who, "overlay.html", told, status=status)


def overlay_rows(desk: Desk, saying: Saying, who: Who, device: str, from_ms: int) -> list[dict[str, Any]]:
    """What concerns a device since a time, the newest first, few of them: for its own page."""
    rows = desk.view.overlays_of(device, from_ms, EVER, EVER, who.scope)[:SHOWN_OF_DEVICE]
    zones = _zones(desk, who, rows)
    return [row_of(saying, row, zones[row.overlay.id]) for row in rows]


def row_of(saying: Saying, row: OverlayRow, zone: str) -> dict[str, Any]:
    """An overlay as lists show it."""
    made, now = row.overlay, row.standing
    reason = REASONS.get(made.reason)
    return {
        "id": made.id,
        "kind": made.kind,
        "kind_word": saying(KIND_WORDS[made.kind]),
        "state": saying(STATE_WORDS[made.state]) if made.state else "",
        "status": now.status,
        "status_word": _one(saying, STATUSES[now.status]),
        "scope": made.scope,
        "scope_word": _one(saying, SCOPES[made.scope]),
        "target": made.target,
        "link": _back(made.scope, made.target),
        "from": shown(made.from_ms, zone),
        "to": shown(now.to_ms, zone),
        "was_to": shown(made.to_ms, zone) if made.to_ms != now.to_ms else "",
        "lasting": "" if now.to_ms is None else saying.span(now.to_ms - made.from_ms),
        "zone": "" if zone == DEFAULT_ZONE else zone,
        "reason": made.reason if reason is None else _one(saying, (reason.zh, reason.en)),
        "text": made.text,
        "document": made.document,
        "made_by": made.made_by,
        "made_ms": made.made_ms,
    }


def _back(scope: str, target: str) -> str:
    paths = {"device": "devices", "place": "places", "site": "sites", "customer": "customers", "group": "groups"}
    return address(f"/{paths[scope]}/{target}", {})


def _one(saying: Saying, words: tuple[str, str]) -> str:
    return words[saying.language != "zh"]


def _status(text: str) -> Status | None:
    return next((one for one in STATUSES if one == text), None)


# --- what it is about ------------------------------------------------------------------------------------------------


def target_name(desk: Desk, who: Who, saying: Saying, scope: str, target: str) -> str | None:
    """What people call a target; None: there is none that they reach. A group may have no entry, and so no name."""
    language = "zh" if saying.language == "zh" else "en"
    if scope == "device":
        card = desk.view.cards_named([target], scope=who.scope).get(target)
        return None if card is None else str((card.name_zh if language == "zh" else card.name_en) or "")
    kinds: Mapping[str, KindName] = {"place": "place", "site": "site", "customer": "customer", "group": "group"}
    entry = desk.view.entry(kinds[scope], target, scope=who.scope)
    if entry is not None:
        return str(entry.fields[f"name_{language}"])
    return "" if scope == "group" and (who.scope.everything or target in who.scope.groups) else None


def zone_of(desk: Desk, who: Who, scope: str, target: str) -> str:
    """On which clock times about it are told: its site's; of what has many sites, the headquarters'."""
    found: Any = None
    if scope == "device":
        card = desk.view.cards_named([target], scope=who.scope).get(target)
        found = None if card is None else card.time_zone
    elif scope in ("place", "site"):
        place = desk.view.entry("place", target, scope=who.scope) if scope == "place" else None
        name = target if scope == "site" else "" if place is None else str(place.fields["site"])
        site = desk.view.entry("site", name, scope=who.scope)
        found = None if site is None else site.fields["time_zone"]
    return str(found or DEFAULT_ZONE)


def _zones(desk: Desk, who: Who, rows: list[OverlayRow]) -> dict[int, str]:
    known: dict[tuple[str, str], str] = {}
    for row in rows:
        key = (row.overlay.scope, row.overlay.target)
        if key not in known:
            known[key] = zone_of(desk, who, *key)
    return {row.overlay.id: known[row.overlay.scope, row.overlay.target] for row in rows}
