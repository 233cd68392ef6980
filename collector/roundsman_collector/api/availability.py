"""/availability: figures of many by a dimension and by local days, months …; and the intervals behind one device's.

    GET /availability?by=site&of=customer:metro&from=…&to=…&bucket=month      sums of whole fleets, the worst rows first
    GET /devices/{id}/reckoning?from=…&to=…                                   each interval with what made it so

Both can be asked as known at a time, and of one function of the devices (`cash`, `recording`) instead of the whole.
Three ratios stand beside each other and are not the same: `availability` is up / (up + down); `power_on` (开机率) is
up ÷ service time; `contract` is availability with unknown time taken as the contracts say.

Somebody sees what a device did for the groups and customers of their scope; what it did for others is not in any sum.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Request

from roundsman_collector.api import figures, telling
from roundsman_collector.api.access import See
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.devices import DeviceId, device_or_404
from roundsman_collector.api.moments import DAY_MS, KnownWindow, Window, stamped
from roundsman_collector.api.problem import bad_parameter
from roundsman_collector.api.shapes import AvailabilityByShape, ReckoningShape
from roundsman_collector.core import reckoning
from roundsman_collector.core.availability import Figure, percent_text
from roundsman_collector.core.intervals import intersect, normal, subtract
from roundsman_collector.core.reckoning import BUCKETS, Bucket, Reckoned, Stretch, joined, outages, reckoned
from roundsman_collector.roles import Scope
from roundsman_collector.store import DeviceView
from roundsman_collector.store.reckon import DIMENSIONS, Answer, Asked, Row, Served
from roundsman_collector.wording import short

WINDOW = KnownWindow(usual_ms=30 * DAY_MS, longest_ms=10 * 366 * DAY_MS)
BUCKETS_LIMIT = 1200
"""So many days, months … are told at once."""
ROWS = 1000
INTERVALS = 2000
OF_LIMIT = 200
BY: tuple[str, ...] = (*DIMENSIONS, "function")
NOT_COUNTED = "not_counted"
NAMED: Mapping[str, str] = {"site": "site", "place": "place", "customer": "customer", "contract": "contract"}

router = APIRouter(tags=["availability"])


# --- what is asked ---------------------------------------------------------------------------------------------------

BY_TEXT = Query(
    description="What the rows are: " + ", ".join(one or '"" (all as one)' for one in BY) + ".", max_length=20
)
OF_TEXT = Query(description="Only of these, as `dimension:id`; several of one dimension: any of them.", max_length=120)
BUCKET_TEXT = Query(description="Local " + ", ".join(one for one in BUCKETS if one) + " of each site.", max_length=10)
TRIAL_TEXT = Query(
    description="Of the trial run 试运行: the time before the contract was accepted, instead of the time since."
)
FUNCTION_TEXT = Query(description="Of one function of the devices, instead of the whole device.", max_length=64)


def dimension(text: str) -> str:
    """What the rows are; Problem for what is none."""
    if text not in BY:
        raise bad_parameter("by", f"there is no dimension {short(text)}", " or ".join(one for one in BY if one))
    return text


def bucket_of(text: str, window: Window) -> Bucket:
    """The buckets; Problem for what is none, and for too many of them."""
    found = next((one for one in BUCKETS if one == text), None)
    if found is None:
        raise bad_parameter("bucket", f"there is no bucket {short(text)}", " or ".join(one for one in BUCKETS if one))
    if found == "day" and window.to_ms - window.from_ms > BUCKETS_LIMIT * DAY_MS:
        raise bad_parameter("bucket", "the window has too many days", f"at most {BUCKETS_LIMIT} days, or months")
    return found


def narrowed(texts: Iterable[str]) -> dict[str, frozenset[str]]:
    """`dimension:id` as ids by dimension; Problem for what cannot be read."""
    found: dict[str, set[str]] = {}
    for count, text in enumerate(texts):
        name, colon, key = text.partition(":")
        if not colon or not key or name not in DIMENSIONS or not name or count >= OF_LIMIT:
            expected = "dimension:id such as site:metro-a, with one of " + ", ".join(one for one in DIMENSIONS if one)
            raise bad_parameter("of", f"{short(text)} cannot be used", f"{expected}; at most {OF_LIMIT}")
        found.setdefault(name, set()).add(key)
    return {name: frozenset(keys) for name, keys in found.items()}


def function_of(desk: Desk, text: str) -> str:
    """The function asked for; Problem for one that no rule knows."""
    if text and text not in desk.functions:
        known = ", ".join(sorted(desk.functions)) or "none"
        raise bad_parameter("function", f"there is no function {short(text)}", f"one of {known}, or nothing")
    return text


# --- many ------------------------------------------------------------------------------------------------------------


@router.get(
    "/availability", response_model=AvailabilityByShape, summary="Figures by device, site, customer, engineer, month …"
)
def availability_by(
    request: Request,
    who: See,
    window: Annotated[Window, Depends(WINDOW)],
    by: Annotated[str, BY_TEXT] = "",
    of: Annotated[list[str] | None, OF_TEXT] = None,
    bucket: Annotated[str, BUCKET_TEXT] = "",
    function: Annotated[str, FUNCTION_TEXT] = "",
    on_trial: Annotated[bool, TRIAL_TEXT] = False,
    limit: Annotated[int, Query(description="So many rows at most, the worst first.", ge=1, le=ROWS)] = 100,
) -> dict[str, Any]:
    """Sums of the devices that the scope reaches. `total` has all of them, also those whose row is cut off by `limit`.

    Times add up exactly: a month is the sum of its days, of its devices, of its sites. Numbers of outages do not: one
    that runs over midnight is counted on both days. 30 days up to now, if no window is given.
    """
    desk = desk_of(request)
    chosen = bucket_of(bucket, window)
    answer = reckoned_by(
        desk,
        who.scope,
        window,
        by=dimension(by),
        of=narrowed(of or ()),
        bucket=chosen,
        function=function_of(desk, function),
        on_trial=on_trial,
        limit=limit,
    )
    names = names_of(desk, by, [row.key for row in answer.rows])
    return {
        **stamped("from", window.from_ms),
        **stamped("to", window.to_ms),
        **stamped("known", window.known_ms),
        "by": by,
        "bucket": chosen,
        "function": function,
        "found": answer.found,
        "is_cut": answer.found > len(answer.rows),
        "is_provisional": answer.is_provisional,
        "target_percent": answer.target,
        "total": _row(answer.total),
        "rows": [
            {
                "key": row.key,
                **names.get(row.key or "", {"name_zh": row.key or "", "name_en": row.key or ""}),
                **_row(row),
                "links": _links(by, row.key, window, function),
            }
            for row in answer.rows
        ],
    }


def reckoned_by(
    desk: Desk,
    scope: Scope,
    window: Window,
    *,
    by: str = "",
    of: Mapping[str, frozenset[str]] | None = None,
    bucket: Bucket = "",
    function: str = "",
    on_trial: bool = False,
    limit: int = ROWS,
) -> Answer:
    """Figures of what a scope reaches; the same question asked again within half a minute has the same answer."""
    wanted = dict(of or {})
    now_ms = window.now_ms if window.known_ms is None else max(window.now_ms, window.known_ms)
    key = (
        scope,
        window.from_ms,
        window.to_ms if window.to_ms < window.now_ms else None,
        window.known_ms,
        by,
        tuple(sorted((name, tuple(sorted(ids))) for name, ids in wanted.items())),
        bucket,
        function,
        on_trial,
        limit,
    )
    asked = Asked(
        from_ms=window.from_ms,
        to_ms=window.to_ms,
        now_ms=now_ms,
        known_ms=window.known_ms,
        scope=scope,
        by=next((one for one in DIMENSIONS if one == by), ""),
        of=wanted,
        bucket=bucket,
        function=function,
        on_trial=on_trial,
        limit=limit,
    )

    def make() -> Answer:
        return _by_function(desk, asked) if by == "function" else desk.view.reckon(asked)

    return desk.reckonings.made(key, make) if desk.lists_every_s else make()


def _by_function(desk: Desk, asked: Asked) -> Answer:
    """A row for each function that devices of these kinds have; the total is that of the devices themselves."""
    total = desk.view.reckon(replace(asked, by="", function=""))
    rows: list[Row] = []
    for name, function in sorted(desk.functions.items()):
        kinds = frozenset(function.kinds)
        if kinds and "kind" in asked.of:
            kinds &= frozenset(asked.of["kind"])
            if not kinds:
                continue
        of = {**asked.of, "kind": kinds} if kinds else asked.of
        found = desk.view.reckon(replace(asked, by="", of=of, function=name)).total
        if found.whole.devices:
            rows.append(found._replace(key=name))
    return total._replace(rows=tuple(rows), found=len(rows))


def names_of(desk: Desk, by: str, keys: Sequence[str | None]) -> dict[str, dict[str, str]]:
    """What people call the rows, by key; those without a name of their own are not there."""
    ids = [key for key in keys if key]
    if by == "function":
        return {key: {"name_zh": desk.functions[key].zh, "name_en": desk.functions[key].en} for key in ids}
    if by == "device":
        found = {one.id: {"name_zh": one.name_zh, "name_en": one.name_en} for one in desk.view.fleet_facts_of(ids)}
        return found
    if by == "engineer":
        people = desk.view.people_names()
        return {key: {"name_zh": people[key], "name_en": people[key]} for key in ids if key in people}
    if by == "group" or by in NAMED:
        entries = desk.view.entries_named(by, ids) if ids else {}  # type: ignore[arg-type]
        return {
            key: {
                "name_zh": str(one.fields.get("name_zh") or one.fields.get("name") or key),
                "name_en": str(one.fields.get("name_en") or one.fields.get("name") or key),
            }
            for key, one in entries.items()
        }
    return {}


def _row(row: Row) -> dict[str, Any]:
    return {
        **told(reckoned(row.whole)),
        "buckets": [{"bucket": name, **told(reckoned(one))} for name, one in sorted(row.buckets.items())],
    }


def told(found: Reckoned) -> dict[str, Any]:
    """A figure with all that belongs to it, as the API gives it."""
    power, mean = found.power_on, found.mean_of_devices
    return {
        **figures.told(found.figure),
        "devices": found.devices,
        "mean_of_devices_percent": None if mean is None else percent_text(mean, 4),
        "degraded_ms": found.degraded_ms,
        "coarse_ms": found.coarse_ms,
        "mtbf_ms": found.mtbf_ms,
        "mttr_ms": found.mttr_ms,
        "split": [
            {"state": state, "cause": cause, "fault": fault, "ms": ms}
            for (state, cause, fault), ms in found.split.items()
        ],
        "power_on": {
            "service_ms": power.service_ms,
            "up_ms": power.up_ms,
            "rate": None if power.rate is None else str(power.rate),
            "rate_percent": None if power.rate is None else percent_text(power.rate, 4),
            **{f"{kind}_ms": ms for kind, ms in power.rest.items()},
        },
        "contract": {
            "up_ms": found.owed.up_ms,
            "down_ms": found.owed.down_ms,
            "availability": None if found.owed.availability is None else str(found.owed.availability),
            "availability_percent": None
            if found.owed.availability is None
            else percent_text(found.owed.availability, 4),
        },
    }


def _links(by: str, key: str | None, window: Window, function: str) -> dict[str, str]:
    """Where a row leads: to its devices, or to the intervals of its device."""
    more = f"&function={quote(function, safe='')}" if function else ""
    if key is None or by in ("", "function"):
        return {}
    name = quote(key, safe="")
    if by == "device":
        return {"reckoning": f"{telling.ROOT}/devices/{name}/reckoning?{window.query()}{more}"}
    return {"devices": f"{telling.ROOT}/availability?by=device&of={by}:{name}&{window.query()}{more}"}


# --- one -------------------------------------------------------------------------------------------------------------


@router.get(
    "/devices/{device_id}/reckoning",
    response_model=ReckoningShape,
    summary="The intervals behind a device's percentage, each with what made it so",
)
def device_reckoning(
    request: Request,
    who: See,
    device_id: DeviceId,
    window: Annotated[Window, Depends(WINDOW)],
    function: Annotated[str, FUNCTION_TEXT] = "",
    limit: Annotated[int, Query(description="So many intervals at most.", ge=1, le=INTERVALS)] = INTERVALS,
) -> dict[str, Any]:
    """All of a window in intervals: up, down, unknown, excluded, and what does not count at all (`not_counted`).

    `by` says what made an interval so: the evidence itself, a root that it stands behind, a correction, maintenance or
    an exclusion. The intervals of the first four states add up to the figure, to the millisecond. `next_from_ms`: ask
    again from there for the rest.
    """
    desk = desk_of(request)
    device = device_or_404(desk, who, device_id)
    found = of_device(desk, who.scope, device.id, window, function_of(desk, function))
    shown = found.intervals[:limit]
    return {
        "device": device.id,
        **stamped("from", window.from_ms),
        **stamped("to", window.to_ms),
        **stamped("known", window.known_ms),
        **stamped("covered_to", device.covered_to_ms),
        "settling": device.settling,
        "function": function,
        **told(found.whole),
        "intervals": [_interval(desk, device, one, site) for one, site in shown],
        "outages_listed": [
            {**stamped("from", one.from_ms), **stamped("to", one.to_ms), "codes": list(one.codes)}
            for one in found.outages[:limit]
        ],
        "next_from_ms": found.intervals[limit][0].from_ms if len(found.intervals) > limit else None,
    }


class OfDevice:
    """What is behind the figure of one device: its intervals with the site it stood at, and its outages."""

    def __init__(self, where: Sequence[Served], window: tuple[int, int]) -> None:
        counted = [(one, served) for served in where for one in joined(served.stretches)]
        self.whole: Reckoned = reckoned(reckoning.tally(policies(where)).get("", reckoning.Sum()).of_one_device())
        self.figure: Figure = self.whole.figure
        self.outages = outages(figures.stretches_of(where))
        self.intervals = sorted([*((one, _site(served)) for one, served in counted), *_not_counted(where, window)])


def policies(where: Sequence[Served]) -> list[reckoning.Run]:
    """The stretches of each posting with what its contract takes unknown time for."""
    return [reckoning.Run(reckoning.WHOLE, one.posting.unknown_as, one.stretches) for one in where]


def _site(served: Served) -> str:
    return "" if served.posting.site is None else served.posting.site.id


def _not_counted(where: Sequence[Served], window: tuple[int, int]) -> list[tuple[Stretch, str]]:
    """What of the window counts nowhere: while it was not in service, and outside the site's service hours."""
    served = normal((max(window[0], one.posting.from_ms), min(window[1], one.posting.to_ms)) for one in where)
    counted = normal((one.from_ms, one.to_ms) for each in where for one in each.stretches)
    whole = normal([window])
    closed = [(pair, "closed") for pair in subtract(intersect(served, whole), counted)]
    idle = [(pair, "not_in_service") for pair in subtract(whole, served)]
    return [(Stretch(*pair, NOT_COUNTED, why, "", False, ""), "") for pair, why in [*closed, *idle]]


def of_device(desk: Desk, scope: Scope, device: str, window: Window, function: str) -> OfDevice:
    """What is behind the figure of one device."""
    frame = figures.frame_of(window, scope, function)
    return OfDevice(desk.view.served([device], frame).get(device, []), frame.past)


def _interval(desk: Desk, device: DeviceView, one: Stretch, site: str) -> dict[str, Any]:
    return {
        **stamped("from", one.from_ms),
        **stamped("to", one.to_ms),
        "ms": one.to_ms - one.from_ms,
        "state": one.state,
        "cause": one.cause,
        "fault": one.fault,
        "coarse": one.coarse,
        "site": site or None,
        "by": one.kind or "evidence",
        "by_id": one.key or None,
        "links": links_of(device.id, one),
    }


def links_of(device: str, one: Stretch) -> dict[str, str]:
    """What an interval stands on: the ledger's own rows and faults of that time, the root, or the overlay."""
    at = f"{telling.ROOT}/devices/{quote(device, safe='')}"
    window = f"from={one.from_ms}&to={one.to_ms}"
    found = {name: f"{at}/{name}?{window}" for name in ("intervals", "conditions", "readings")}
    if one.to_ms - one.from_ms > 31 * DAY_MS:  # as much as readings are looked through at once
        found["readings"] = f"{at}/readings?from={one.from_ms}&to={one.from_ms + 31 * DAY_MS}"
    if one.root:
        found["root"] = f"{telling.ROOT}/devices/{quote(one.root, safe='')}/conditions?{window}"
    elif one.overlay is not None:
        found["overlay"] = f"{telling.ROOT}/overlays/{one.overlay}"
    return found
