"""/customers, /sites, /places, /contracts, /groups, /calendars, /points: what people keep, by dates.

GET /sites · GET /sites/rmgc?at=… · PUT /sites/rmgc?from=… · DELETE /sites/rmgc?at=… · GET /sites/rmgc/history

A PUT says all fields; what is left out gets its usual value. It holds from now on, or from an earlier time on. The same
again changes nothing. An end is no deletion: the history stays. Somebody sees and writes within their scope only.
"""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, create_model

from roundsman_collector.api.access import Place, See, deed_of
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.moments import EXPECTED, read, stamped
from roundsman_collector.api.problem import Problem
from roundsman_collector.api.telling import ROOT
from roundsman_collector.api.whole_numbers import note
from roundsman_collector.core.contract import PHASES, Phase, phase_at
from roundsman_collector.reports.dossier import masked
from roundsman_collector.roles import Who
from roundsman_collector.store import KINDS, EntryError, Kind, KindName, Version
from roundsman_collector.store.entry_kinds import PRIVATE, dates_of
from roundsman_collector.wording import short

PAGE_LIMIT = 1000
DEFAULT_ZONE = "Asia/Shanghai"
COLLECTIONS: tuple[tuple[str, KindName], ...] = (
    ("groups", "group"),
    ("customers", "customer"),
    ("contracts", "contract"),
    ("sites", "site"),
    ("places", "place"),
    ("calendars", "calendar"),
    ("points", "point"),
    ("plans", "plan"),
)
STATUS = {"value": 422, "missing": 404, "conflict": 409, "closed": 403}
"""What an EntryError's cause is over HTTP."""

EntryId = Annotated[str, Path(description="The entry's id.", min_length=1, max_length=64)]
At = Annotated[str | None, Query(description=f"As it was at this time; now, if not given: {EXPECTED}.", max_length=40)]
From = Annotated[
    str | None, Query(alias="from", description=f"From when on it holds; now, if not given: {EXPECTED}.", max_length=40)
]
After = Annotated[str, Query(description="The last id of the page before.", max_length=64)]
Limit = Annotated[int, Query(description="How many at most.", ge=1, le=PAGE_LIMIT)]

router = APIRouter(tags=["register"])


class EntryShape(BaseModel):
    """A version of an entry: what it is in [from, to); to is null while it is in force."""

    model_config = ConfigDict(extra="forbid")

    kind: KindName
    id: str
    from_ms: int
    from_: str | None = Field(alias="from")
    to_ms: int | None
    to: str | None
    made_ms: int
    made: str | None
    made_by: str
    fields: dict[str, str | None]
    phase: Phase | None = Field(description="of a contract, and of a site that has one: warranty, maintenance …")
    phase_zh: str | None
    links: dict[str, str]


class EntriesShape(BaseModel):
    """A page of entries, by id. `next_after` leads to the next one."""

    entries: list[EntryShape]
    next_after: str | None


class HistoryShape(BaseModel):
    """All versions of an entry, the oldest first."""

    versions: list[EntryShape]


def fields_shape(kind: Kind) -> type[BaseModel]:
    """The body of a PUT: the fields of a kind."""
    fields: dict[str, Any] = {
        one.name: (
            str if one.is_needed else str | None,
            Field(... if one.is_needed else one.usual, description=one.expected, max_length=10_000),
        )
        for one in kind.fields
    }
    return create_model(f"{kind.name.title()}Fields", __config__=ConfigDict(extra="forbid"), **fields)


def problem_of(error: EntryError) -> Problem:
    """What the store refused, as an answer."""
    return Problem(
        STATUS[error.cause],
        "bad_entry" if error.cause == "value" else f"entry_{error.cause}",
        what=error.what,
        where=f"{error.where}, {error.field}" if error.field else error.where,
        expected=error.expected,
        do=error.do,
    )


def shown(desk: Desk, who: Who, one: Version, noted_as: str) -> Version:
    """A version as somebody may see it: numbers of people are for whoever acts on tickets or keeps the register."""
    if who.may("act") or who.may("place"):
        note(desk, who, noted_as, *(one.fields.get(name) for name in PRIVATE))
        return one
    fields = {name: masked(value) if name in PRIVATE and value else value for name, value in one.fields.items()}
    return one._replace(fields=fields)


def told(desk: Desk, who: Who, kind: KindName, one: Version, collection: str, *, noted_as: str = "") -> dict[str, Any]:
    """A version as the API says it. `noted_as`: as what it is noted that numbers were shown; else as the entry."""
    phase = phase_of(desk, kind, one)
    at = f"{ROOT}/{collection}/{one.id}"
    return {
        "kind": kind,
        "id": one.id,
        **stamped("from", one.from_ms),
        **stamped("to", one.to_ms),
        **stamped("made", one.made_ms),
        "made_by": one.made_by,
        "fields": shown(desk, who, one, noted_as or f"{kind}:{one.id}").fields,
        "phase": phase,
        "phase_zh": None if phase is None else PHASES[phase][0],
        "links": {"self": at, "history": f"{at}/history"},
    }


def phase_of(desk: Desk, kind: KindName, one: Version) -> Phase | None:
    """In which phase a contract, or the contract of a site, is today where the site is."""
    if kind == "contract":
        return phase_at(dates_of(one.fields, one.id), desk.now_ms(), DEFAULT_ZONE)
    if kind != "site" or one.fields["contract"] is None:
        return None
    contract = desk.view.entry("contract", one.fields["contract"])
    if contract is None:
        return None
    return phase_at(dates_of(contract.fields, contract.id), desk.now_ms(), one.fields["time_zone"])


def no_entry(kind: KindName, collection: str, entry: str) -> Problem:
    """There is none, or none that they see: which of the two is not told."""
    return Problem(
        404,
        "no_entry",
        what=f"there is no {kind} {short(entry)}",
        where="path",
        expected=f"an id of GET {ROOT}/{collection}",
        do="look it up in the list; what has ended is found with ?at= a time before its end",
    )


def _add(collection: str, kind: KindName) -> None:
    """The five addresses of a kind of entry."""
    body = fields_shape(KINDS[kind])
    parents = tuple(name for name in KINDS[kind].names if name in ("customer", "site", "contract", "group_id"))

    def listed(
        request: Request,
        who: See,
        after: After = "",
        limit: Limit = 100,
        at: At = None,
        customer: Annotated[str | None, Query(description="Of one customer only.", max_length=64)] = None,
        site: Annotated[str | None, Query(description="Of one site only.", max_length=64)] = None,
        group: Annotated[str | None, Query(description="Of one group only.", max_length=64)] = None,
    ) -> dict[str, Any]:
        desk = desk_of(request)
        named = {"customer": customer, "site": site, "group_id": group}
        where = {name: value for name, value in named.items() if value is not None}
        if not set(where) <= set(parents):
            raise Problem(
                422,
                "bad_parameter",
                what=f"a {kind} has no {', '.join(sorted(set(where) - set(parents)))}",
                where="query",
                expected=" or ".join(parents) or "no such filter",
                do="leave it out",
            )
        rows = desk.view.entries(
            kind,
            at_ms=None if at is None else read(at, "at"),
            scope=who.scope,
            after=after,
            limit=limit + 1,
            where=where,
        )
        return {
            "entries": [told(desk, who, kind, one, collection, noted_as=collection) for one in rows[:limit]],
            "next_after": rows[limit - 1].id if len(rows) > limit else None,
        }

    def got(request: Request, who: See, entry: EntryId, at: At = None) -> dict[str, Any]:
        desk = desk_of(request)
        found = desk.view.entry(kind, entry, at_ms=None if at is None else read(at, "at"), scope=who.scope)
        if found is None:
            raise no_entry(kind, collection, entry)
        return told(desk, who, kind, found, collection)

    def put(
        request: Request,
        response: Response,
        who: Place,
        entry: EntryId,
        fields: Annotated[body, Body()],  # type: ignore[valid-type]
        from_: From = None,
    ) -> dict[str, Any]:
        desk = desk_of(request)
        from_ms = None if from_ is None else read(from_, "from")
        said = fields.model_dump()  # type: ignore[attr-defined]
        try:
            became = desk.office.put_entry(
                kind, entry, said, deed=deed_of(request, who), from_ms=from_ms, scope=who.scope
            )
        except EntryError as error:
            raise problem_of(error) from error
        response.status_code = 201 if became == "added" else 200
        found = desk.view.entry(kind, entry, at_ms=from_ms)
        assert found is not None, "it was just put"
        return told(desk, who, kind, found, collection)

    def ended(request: Request, who: Place, entry: EntryId, at: At = None) -> dict[str, Any]:
        desk = desk_of(request)
        try:
            desk.office.end_entry(
                kind, entry, deed=deed_of(request, who), at_ms=None if at is None else read(at, "at"), scope=who.scope
            )
        except EntryError as error:
            raise problem_of(error) from error
        versions = desk.view.entry_history(kind, entry)
        return {"versions": [told(desk, who, kind, one, collection) for one in versions[-1:]]}

    def history(request: Request, who: See, entry: EntryId) -> dict[str, Any]:
        desk = desk_of(request)
        found = desk.view.entry_history(kind, entry, scope=who.scope)
        if not found:
            raise no_entry(kind, collection, entry)
        return {"versions": [told(desk, who, kind, one, collection) for one in found]}

    routes: tuple[tuple[str, str, Callable[..., Any], type[BaseModel], str, str], ...] = (
        ("", "GET", listed, EntriesShape, f"The {collection} in force", "Those that you reach, by id."),
        ("/{entry}", "GET", got, EntryShape, f"One {kind}", "As it is in force now, or was at a time."),
        (
            "/{entry}",
            "PUT",
            put,
            EntryShape,
            f"Enter or change a {kind}",
            "From now on, or from an earlier time on, it is like this. 201: it is new; 200: changed, or so already.",
        ),
        (
            "/{entry}",
            "DELETE",
            ended,
            HistoryShape,
            f"End a {kind}",
            "It is no longer there from now on, or from an earlier time on. What others name cannot end. "
            "The answer is its last version; none, if it ended the moment it began.",
        ),
        ("/{entry}/history", "GET", history, HistoryShape, f"All versions of a {kind}", "The oldest first."),
    )
    for path, method, answer, shape, summary, description in routes:
        router.add_api_route(
            f"/{collection}{path}",
            answer,
            methods=[method],
            response_model=shape,
            summary=summary,
            description=description,
            operation_id="_".join([method.lower(), *(part.strip("{}") for part in f"{collection}{path}".split("/"))]),
        )


for _collection, _kind in COLLECTIONS:
    _add(_collection, _kind)
