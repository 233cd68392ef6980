"""Labels: who has one and who has none, sheets to print, and one label with its words.

/labels?q=kiosk&site=metro-a&has=none      devices and their labels; the filter is also what buttons are about
POST /labels                               a label for each of these that has none
/labels/sheet?site=metro-a&size=3x8        A4 pages to print
/labels/12 · POST /labels/12 · …/replace · …/revoke

A label printed before anybody told under which name people reach us would lead nowhere: then no sheet is made.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from roundsman_collector.api.access import Place, deed_of
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.entries import problem_of
from roundsman_collector.api.labels import LabelName, address_of, label_or_404
from roundsman_collector.api.problem import Problem
from roundsman_collector.api.scanned import abouts
from roundsman_collector.core.label import grouped
from roundsman_collector.roles import Who
from roundsman_collector.store import EntryError, FleetFilter, LabelRow, LabelWords
from roundsman_collector.store.labels import MADE_AT_ONCE, WORDS_LIMIT
from roundsman_collector.web.forms import form
from roundsman_collector.web.page import address, around, environment, page, saying_of
from roundsman_collector.web.pages.fleet import summary_of
from roundsman_collector.web.qr import qr
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.words import LANGUAGES, N_

PAGE = 50
FRESH_MS = 86_400_000
"""So long a label counts as new: it has probably not been printed."""
CHOICES = 300
HISTORY = 20

router = APIRouter()


class Size(NamedTuple):
    """How many labels stand on an A4 page, and what such a page is called."""

    across: int
    down: int
    name: str

    @property
    def each_page(self) -> int:
        return self.across * self.down


SIZES: Mapping[str, Size] = {
    "3x8": Size(3, 8, N_("24 on a page, 70 × 37 mm")),
    "2x5": Size(2, 5, N_("10 on a page, 105 × 57 mm")),
    "2x2": Size(2, 2, N_("4 on a page, 105 × 148 mm")),
}
SizeName = Literal["3x8", "2x5", "2x2"]
USUAL_SIZE: SizeName = "3x8"
HAS: Mapping[str, str] = {
    "": N_("All"),
    "none": N_("without a label"),
    "label": N_("with a label"),
    "fresh": N_("made in the last 24 hours"),
}
WRONG: Mapping[str, str] = {
    "value": N_("One line of at most 80 characters."),
    "conflict": N_("This label is good no more: somebody replaced or revoked it."),
    "missing": N_("There is no such label."),
    "closed": N_("This lies beyond your scope."),
}
ENDED: Mapping[str, tuple[str, str]] = {"replaced": ("已更换", "replaced"), "revoked": ("已停用", "revoked")}

Fields = Annotated[dict[str, str], Depends(form)]


class Asked(BaseModel):
    """What the address asks for: which devices and sites, and of those with or without a label."""

    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True)

    q: str = Field(default="", max_length=80)
    site: str = Field(default="", max_length=64)
    subject: str = Field(default="", max_length=64)
    has: Literal["", "none", "label", "fresh"] = ""
    page: int = Field(default=1, ge=1, le=1000)
    made: int | None = Field(default=None, ge=0, le=MADE_AT_ONCE)

    def narrowed(self, **changed: str) -> str:
        """The list with another filter, from its first page on."""
        kept = {"q": self.q, "site": self.site, "subject": self.subject, "has": self.has}
        return address("/labels", kept | changed)


class SheetAsked(Asked):
    """What is printed: the labels of the list, or the one named; from which field of the first page on."""

    size: SizeName = USUAL_SIZE
    label: int | None = Field(default=None, ge=1, le=2**53)
    first: int = Field(default=1, ge=1, le=24)


class Labelled(NamedTuple):
    """A device or site of the list, and its label, if it has one."""

    subject: str
    label: LabelRow | None


@router.get("/labels")
def labels_page(request: Request, who: Place, asked: Annotated[Asked, Query()]) -> Response:
    """Devices and their labels."""
    desk, saying = desk_of(request), saying_of(request)
    found, is_cut = _found(request, who, asked)
    first = (asked.page - 1) * PAGE
    sites = desk.view.entries("site", scope=who.scope, limit=CHOICES + 1)
    shown = {
        "asked": asked,
        "rows": _rows(desk, saying, who, found[first : first + PAGE]),
        "total": len(found),
        "lacking": sum(one.label is None for one in found),
        "printable": sum(one.label is not None for one in found),
        "is_cut": is_cut,
        "limit": MADE_AT_ONCE,
        "tabs_of": [(asked.narrowed(has=has), saying(word), has == asked.has) for has, word in HAS.items()],
        "sites": [] if len(sites) > CHOICES else [(one.id, _site_name(saying, one)) for one in sites],
        "sizes": [(key, saying(size.name)) for key, size in SIZES.items()],
        "is_reachable": bool(desk.public_url),
        "before": address("/labels", {**_query(asked), "page": str(asked.page - 1)}) if asked.page > 1 else "",
        "after": address("/labels", {**_query(asked), "page": str(asked.page + 1)})
        if len(found) > first + PAGE
        else "",
    }
    return page(request, who, "labels.html", shown)


@router.post("/labels")
def make(request: Request, who: Place, fields: Fields) -> Response:
    """A label for each device or site of the list that has none."""
    desk = desk_of(request)
    asked = Asked.model_validate({name: fields.get(name, "")[:64] for name in ("q", "site", "subject")})
    found, _ = _found(request, who, asked)
    lacking = [one.subject for one in found if one.label is None]
    try:
        made = desk.office.make_labels(lacking, deed=deed_of(request, who), scope=who.scope)
    except EntryError as error:
        raise problem_of(error) from error
    if len(found) == 1 and made:
        return RedirectResponse(f"/labels/{made[0][0].id}", 303)
    return RedirectResponse(address("/labels", {**_query(asked), "has": "fresh", "made": str(len(made))}), 303)


def _query(asked: Asked) -> dict[str, str]:
    return {"q": asked.q, "site": asked.site, "subject": asked.subject, "has": asked.has}


def _found(request: Request, who: Who, asked: Asked) -> tuple[list[Labelled], bool]:
    """What a list is about, at most MADE_AT_ONCE of it, and whether there is more."""
    subjects, is_cut = _subjects(request, who, asked)
    desk = desk_of(request)
    labels = desk.view.labels_of(subjects)
    fresh_ms = desk.now_ms() - FRESH_MS
    found = [Labelled(one, labels.get(one)) for one in subjects]
    if asked.has == "none":
        found = [one for one in found if one.label is None]
    elif asked.has:
        found = [one for one in found if one.label and (asked.has == "label" or one.label.made_ms > fresh_ms)]
    return found, is_cut


def _subjects(request: Request, who: Who, asked: Asked) -> tuple[list[str], bool]:
    desk = desk_of(request)
    if asked.subject:
        is_one = not asked.subject.startswith("@") and desk.view.reaches(who.scope, asked.subject)
        return ([asked.subject] if is_one else []), False
    wanted = FleetFilter(text=asked.q, sites=(asked.site,) if asked.site else ())
    fleet = summary_of(request).fleet(who.scope, wanted, desk.now_ms(), order="id", limit=MADE_AT_ONCE)
    devices = [one.device for one in fleet.rows]
    site = [f"#{asked.site}"] if asked.site and not asked.q else []
    site = [one for one in site if desk.view.reaches(who.scope, one)]
    return [*site, *devices][:MADE_AT_ONCE], fleet.total + len(site) > MADE_AT_ONCE


def _rows(desk: Desk, saying: Saying, who: Who, found: list[Labelled]) -> list[dict[str, Any]]:
    """Rows of the list: what stands on the label, where there is one."""
    said = abouts(desk, [one.label for one in found if one.label is not None])
    bare = {one.subject for one in found if one.label is None}
    cards = desk.view.cards_named([one for one in bare if not one.startswith("#")])
    sites = desk.view.entries_named("site", {one[1:] for one in bare if one.startswith("#")})
    rows = []
    for subject, label in found:
        if label is not None:
            about = said[label.id]
            name, spot = saying.pair((about.name_zh, about.name_en)), saying.pair((about.spot_zh, about.spot_en))
        elif subject in cards:
            card = cards[subject]
            name = saying.pair((card.name_zh, card.name_en))
            spot = " ".join(part for part in _spot(saying, card) if part)
        else:
            name = _site_name(saying, sites[subject[1:]]) if subject[1:] in sites else ""
            spot = ""
        rows.append(
            {
                "subject": subject,
                "path": _path(subject),
                "name": name,
                "spot": spot,
                "label": label,
                "code": "" if label is None else grouped(label.code),
            }
        )
    return rows


def _spot(saying: Saying, card: Any) -> tuple[str | None, str | None]:
    return (card.site_zh, card.place_zh) if saying.language == "zh" else (card.site_en, card.place_en)


def _site_name(saying: Saying, site: Any) -> str:
    return str(site.fields[f"name_{saying.language}"])


def _path(subject: str) -> str:
    """The page of what a label is on."""
    return f"/sites/{quote(subject[1:], safe='')}" if subject.startswith("#") else f"/devices/{quote(subject, safe='')}"


# --- on paper --------------------------------------------------------------------------------------------------------


@router.get("/labels/sheet")
def sheet(request: Request, who: Place, asked: Annotated[SheetAsked, Query()]) -> Response:
    """Labels on A4 pages, to be printed as they are."""
    if request.query_params.get("lang") in LANGUAGES:
        return page(request, who, "labels.html", {})  # a choice becomes a cookie, and the address comes again
    desk, saying = desk_of(request), saying_of(request)
    _refuse_unreachable(desk)
    rows = _to_print(request, who, asked)
    size = SIZES[asked.size]
    blanks: list[dict[str, Any] | None] = [None] * (min(asked.first, size.each_page) - 1)
    cells = [*blanks, *_cells(desk, saying, rows)]
    shown = {
        "pages": [cells[place : place + size.each_page] for place in range(0, len(cells), size.each_page)],
        "size": asked.size,
        "count": len(rows),
        "company": desk.company.name.of(saying.language),
        "hotline": desk.company.service_phone,
        "typed_at": f"{urlsplit(desk.public_url).netloc}/r",
        "back": f"/labels/{asked.label}" if asked.label else asked.narrowed(),
    }
    html = environment(saying.language).get_template("label_sheet.html").render(around(request, who) | shown)
    return HTMLResponse(html, headers={"Vary": "Accept-Language, Cookie", "Content-Language": saying.language})


def _refuse_unreachable(desk: Desk) -> None:
    if not desk.public_url:
        raise Problem(
            409,
            "no_public_url",
            what="nobody told under which name people reach this console, so a label would lead nowhere",
            where="[api] public_url",
            expected="an address such as https://rounds.example.com",
            do="set it in the configuration, start the collector anew, then print",
        )


def _to_print(request: Request, who: Who, asked: SheetAsked) -> list[LabelRow]:
    if asked.label is None:
        return [one.label for one in _found(request, who, asked)[0] if one.label is not None]
    row = label_or_404(desk_of(request), who, str(asked.label))
    return [row] if row.ended_ms is None else []


def _cells(desk: Desk, saying: Saying, rows: list[LabelRow]) -> list[dict[str, Any]]:
    said = abouts(desk, rows)
    return [
        {
            "name": saying.pair((said[row.id].name_zh, said[row.id].name_en)),
            "spot": saying.pair((said[row.id].spot_zh, said[row.id].spot_en)),
            "code": grouped(row.code),
            "picture": qr(address_of(desk, row) or ""),
        }
        for row in rows
    ]


# --- one label -------------------------------------------------------------------------------------------------------


@router.get("/labels/{label}")
def label_page(request: Request, who: Place, label: LabelName, done: str = "") -> Response:
    """A label: its picture, its words, what came before it."""
    return _page(request, who, label_or_404(desk_of(request), who, label), is_done=bool(done))


@router.post("/labels/{label}")
def put(request: Request, who: Place, label: LabelName, fields: Fields) -> Response:
    """Say what strangers read."""
    desk = desk_of(request)
    row = label_or_404(desk, who, label)
    said = {name: fields.get(name, "").strip() for name in row.words.__dataclass_fields__}
    try:
        desk.office.put_label_words(row.id, LabelWords(**said), deed=deed_of(request, who), scope=who.scope)
    except EntryError as error:
        return _page(request, who, row, given=said, wrong={error.field: WRONG[error.cause]})
    return RedirectResponse(f"/labels/{row.id}?done=true", 303)


@router.post("/labels/{label}/replace")
def replace(request: Request, who: Place, label: LabelName) -> Response:
    """Another code: the old one was lost."""
    desk = desk_of(request)
    row = label_or_404(desk, who, label)
    try:
        new = desk.office.replace_label(row.id, deed=deed_of(request, who), scope=who.scope)
    except EntryError as error:
        return _page(request, who, label_or_404(desk, who, label), wrong={"label": WRONG[error.cause]}, status=409)
    return RedirectResponse(f"/labels/{new.id}", 303)


@router.post("/labels/{label}/revoke")
def revoke(request: Request, who: Place, label: LabelName) -> Response:
    """No label any more."""
    desk = desk_of(request)
    row = label_or_404(desk, who, label)
    try:
        desk.office.revoke_label(row.id, deed=deed_of(request, who), scope=who.scope)
    except EntryError as error:
        return _page(request, who, label_or_404(desk, who, label), wrong={"label": WRONG[error.cause]}, status=409)
    return RedirectResponse(f"/labels/{row.id}", 303)


def _page(
    request: Request,
    who: Who,
    row: LabelRow,
    *,
    is_done: bool = False,
    given: Mapping[str, str] | None = None,
    wrong: Mapping[str, str] | None = None,
    status: int = 422,
) -> Response:
    desk, saying = desk_of(request), saying_of(request)
    said = abouts(desk, [row])[row.id]
    history = desk.view.labels(scope=who.scope, subject=row.subject, with_ended=True, limit=HISTORY)
    link = address_of(desk, row) if row.ended_ms is None else None
    shown = {
        "row": row,
        "path": _path(row.subject),
        "name": saying.pair((said.name_zh, said.name_en)),
        "spot": saying.pair((said.spot_zh, said.spot_en)),
        "code": grouped(row.code),
        "link": link or "",
        "picture": qr(link) if link else "",
        "is_good": row.ended_ms is None,
        "ended": saying.pair(ENDED[row.ended_how]) if row.ended_how else "",
        "is_reachable": bool(desk.public_url),
        "values": given if given is not None else {name: getattr(row, name) for name in row.words.__dataclass_fields__},
        "usual": _usual(desk, row),
        "limit": WORDS_LIMIT,
        "sizes": [(key, saying(size.name)) for key, size in SIZES.items()],
        "others": [
            (one, saying.pair(ENDED[one.ended_how]) if one.ended_how else "") for one in history if one.id != row.id
        ],
        "is_done": is_done,
        "wrong": {name: saying(text) for name, text in (wrong or {}).items()},
    }
    return page(request, who, "label.html", shown, status=status if wrong else 200)


def _usual(desk: Desk, row: LabelRow) -> dict[str, str]:
    """What strangers read where its owner says nothing."""
    bare = row._replace(name_zh="", name_en="", spot_zh="", spot_en="")
    said = abouts(desk, [bare])[row.id]
    return {"name_zh": said.name_zh, "name_en": said.name_en, "spot_zh": said.spot_zh, "spot_en": said.spot_en}
