"""Who is told, how and when, and what became of it: /ways, /ways/3 and /outbox. For whoever has the right `tell`.

The rules are those of api/ways.py: a form is brought into its shapes, and what they refuse is said at the field. A
webhook's secret is shown on the page that answers, once. A test, or a notice that is tried again, is watched: with
`notice=17` in the address a page says what became of it, and asks again for a while.

/outbox?state=dead|new|sent|gathered|over|all&way=3&before=812      without a state: what is dead, if anything is
"""

import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, Literal, NamedTuple

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from roundsman_collector.api.access import Tell, deed_of
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.problem import bad_parameter
from roundsman_collector.api.recurrence import what_recurs
from roundsman_collector.api.ways import (
    NewWayShape,
    NoticeState,
    WayChangeShape,
    WayId,
    awaited,
    notice_or_404,
    way_or_404,
)
from roundsman_collector.roles import Who
from roundsman_collector.store import (
    Filter,
    NoticeRow,
    StoreError,
    Timing,
    WayRow,
    filter_of,
    timing_of,
    wrong_secret,
    wrong_target,
)
from roundsman_collector.store.notices import STATES, TEST
from roundsman_collector.store.timing import (
    BACKUP_MINUTES,
    CLOCK_TIME,
    LEAST_REPEAT_MINUTES,
    LONGEST_MINUTES,
    REPEATS,
    ZONE,
)
from roundsman_collector.store.ways import (
    ALSO,
    EVENTS,
    SECRET_LIMIT,
    SEVERITIES,
    SIGNED,
    TARGET_LIMIT,
    TEXT_LIMIT,
    USUAL,
)
from roundsman_collector.web.forms import form
from roundsman_collector.web.page import address, page, saying_of
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.shown import component_name
from roundsman_collector.web.words import N_

PAGE = 50
NEWEST = 20
TEST_WAITS = 3
"""A test is waited for that many times as long as a command; then the page that answers goes on looking."""
WATCH_MS = 60_000
"""So long a page goes on looking; then something is wrong that looking does not mend."""
NAMES_LENGTH = 4000
APART = re.compile(r"[\s,;、,;]+")

NARROW = ("groups", "customers", "devices")
EVENT_NAMES: Mapping[str, str] = {
    "opened": N_("ticket opened"),
    "called_again": N_("customer called again"),
    "dispatched": N_("engineer sent"),
    "handed_over": N_("handed over"),
    "warned": N_("time running out"),
    "breached": N_("overdue"),
    "task_due": N_("inspections that are due"),
    "recovered": N_("readings recovered"),
    "verified": N_("repair verified"),
    "resolved": N_("ticket resolved"),
    "reopened": N_("back again"),
    "voided": N_("ticket voided"),
    "recurred": N_("the same fault again and again"),
    "test": N_("test"),
    "digest": N_("digest"),
}
STATE_NAMES: Mapping[str, str] = {
    "dead": N_("not delivered"),
    "new": N_("waiting"),
    "sent": N_("sent out"),
    "gathered": N_("in a digest"),
    "over": N_("left out"),
}
HELD: Mapping[str, str] = {
    "old": N_("is it still so?"),
    "answer": N_("perhaps somebody answers"),
    "quiet": N_("quiet hours"),
    "daily": N_("told once a day"),
}
"""Why what waits waits, beside failing."""
ICONS: Mapping[str, str] = {"dead": "fault", "sent": "normal"}
LEAST: Mapping[str, str] = {
    "minor": N_("every severity"),
    "major": N_("major and urgent"),
    "urgent": N_("urgent only"),
}
KIND_NAMES: Mapping[str, str] = {
    "mail": N_("mail"),
    "webhook": N_("webhook"),
    "wecom": N_("WeCom bot"),
    "dingtalk": N_("DingTalk bot"),
    "feishu": N_("Feishu bot"),
}
TIMED = ("quiet", "daily", "after_minutes", "repeat_minutes")
TIMES = ("time_zone", *TIMED, "backup_minutes")
MINUTES = (
    ("after_minutes", 0, 0),
    ("repeat_minutes", LEAST_REPEAT_MINUTES, 0),
    ("backup_minutes", 0, BACKUP_MINUTES),
)
"""Minutes of a form: the least beside none at all, and what is meant where nothing is written."""
ALSO_NAMES: Mapping[str, str] = {
    "responsible": N_("all tickets of the sites and places they answer for"),
    "duty": N_("what befalls where they are on duty"),
}
OUR_ERRORS: Mapping[str, str] = {"the way was disabled": N_("the way was disabled")}
DONE: Mapping[str, str] = {
    "added": N_("Added. Send a test now, to see that it arrives."),
    "saved": N_("Saved. What waits on this way is tried at once."),
    "disabled": N_("Switched off: nobody is told by this way any more."),
    "enabled": N_("Switched on: what happens from now on is told."),
    "retried": N_("What was not delivered is tried again now."),
}
WRONG: Mapping[str, str] = {
    "kind": N_("Choose how."),
    "name": N_("Say who is told by it, in 1 to 200 characters."),
    "language": N_("Choose a language."),
    "events": N_("Choose at least one: otherwise nothing is ever told."),
    "severity": N_("Choose from which severity on."),
    **dict.fromkeys(NARROW, N_("Write ids with blanks between them, at most 500 in all.")),
    "secret": N_("Write the secret as the bot's security settings show it. Only DingTalk and Feishu have one."),
    "person": N_("Choose a user, or nobody."),
    "time_zone": N_("Write a time zone such as Asia/Shanghai."),
    "quiet": N_("Write hours such as 22:00-07:00, and leave some in which something may be told."),
    "daily": N_("Write a time such as 08:30. Who is told once a day has no quiet hours and is not reminded."),
    "after_minutes": N_("Write minutes, at most 720."),
    "repeat_minutes": N_("Write minutes from 5 to 720, or nothing."),
    "backup_minutes": N_("Write minutes, at most 720."),
}
WRONG_TARGET: Mapping[str, str] = {
    "mail": N_("Write one mail address, such as duty@example.com."),
    "webhook": N_("Write http(s)://host[:port]/path in plain ASCII, without a user, a password and a #."),
    "wecom": N_("Write the bot's URL as the group shows it: https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=…"),
    "dingtalk": N_("Write the bot's URL as the group shows it: https://oapi.dingtalk.com/robot/send?access_token=…"),
    "feishu": N_("Write the bot's URL as the group shows it: https://open.feishu.cn/open-apis/bot/v2/hook/…"),
}
MEND = N_("Nothing was saved. Mend what is marked below.")
TOO_MANY = N_("There are as many ways as there may be: switch off one that nobody needs any more.")
IS_OFF = N_("This way is switched off: switch it on first.")
NOT_DEAD = N_("This notice is not dead any more: somebody has tried it again.")

router = APIRouter()
Fields = Annotated[dict[str, str], Depends(form)]


class Asked(BaseModel):
    """What the address of the outbox asks for. `notice`: the one that is watched."""

    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True)

    state: Literal["", "all"] | NoticeState = ""
    way: int | None = Field(default=None, ge=1, le=2**62)
    before: int | None = Field(default=None, ge=1, le=2**62)
    notice: int | None = Field(default=None, ge=1, le=2**62)


class Watched(NamedTuple):
    """What became of a notice that somebody waits for: how to say it, and whether to look again."""

    kind: Literal["done", "wrong", ""]
    text: str
    is_looking: bool


class _Wrong(Exception):
    """What was written into a form cannot be used; for each field what is wrong with it, in the reader's words."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__(", ".join(errors))
        self.errors = errors


# --- who is told -----------------------------------------------------------------------------------------------------


@router.get("/ways")
def ways_page(request: Request, who: Tell) -> Response:
    """All ways, and a form for another one."""
    return _ways(request, who)


@router.post("/ways")
def add(request: Request, who: Tell, fields: Fields) -> Response:
    """Tell somebody from now on. A webhook's secret is on the page that answers."""
    desk, saying = desk_of(request), saying_of(request)
    try:
        new, timing = _new(saying, fields), _timing(saying, fields)
        _check_person(desk, saying, new.person)
        made = desk.office.add_way(
            kind=new.kind,
            name=new.name,
            target=new.target,
            filter_=new.wanted(),
            language=new.language,
            secret=new.secret,
            person=new.person or "",
            timing=timing,
            deed=deed_of(request, who),
        )
    except _Wrong as wrong:
        return _ways(request, who, wrong=saying(MEND), errors=wrong.errors, written=fields, status=422)
    except StoreError as error:
        return _ways(request, who, wrong=_conflict(saying, error, TOO_MANY), written=fields, status=409)
    if made.secret:
        return _way(request, who, way_or_404(desk, made.id), secret=made.secret, done="added")
    return RedirectResponse(f"/ways/{made.id}?done=added", 303)


@router.get("/ways/{way}")
def way_page(
    request: Request, who: Tell, way: WayId, done: str = "", notice: Annotated[int, Query(ge=0, le=2**62)] = 0
) -> Response:
    """One way: what it wants to hear, and its newest notices."""
    return _way(request, who, way_or_404(desk_of(request), way), done=done, notice=notice)


@router.post("/ways/{way}")
def change(request: Request, who: Tell, way: WayId, fields: Fields) -> Response:
    """Change what the form has. The target of a webhook or bot, and its secret, stay where they are left empty."""
    desk, saying = desk_of(request), saying_of(request)
    row = way_or_404(desk, way)
    try:
        wanted, timing = _changed(saying, row, fields), _timing(saying, fields)
        if wanted.person and wanted.person != row.person:
            _check_person(desk, saying, wanted.person)
        desk.office.change_way(
            way,
            name=wanted.name,
            target=wanted.target,
            filter_=None if wanted.filter is None else wanted.filter.told(),
            language=wanted.language,
            secret=wanted.secret,
            person=wanted.person,
            timing=timing,
            deed=deed_of(request, who),
        )
    except _Wrong as wrong:
        return _way(request, who, row, wrong=saying(MEND), errors=wrong.errors, written=fields, status=422)
    return RedirectResponse(f"/ways/{way}?done=saved", 303)


@router.post("/ways/{way}/{verb}")
def act(
    request: Request,
    who: Tell,
    way: WayId,
    verb: Annotated[Literal["test", "secret", "disable", "enable", "retry"], Path()],
) -> Response:
    """Send a test; make a new secret; switch off or on; try again what is dead."""
    desk, saying, deed = desk_of(request), saying_of(request), deed_of(request, who)
    row = way_or_404(desk, way)
    if verb == "secret":
        if row.kind != "webhook":
            raise bad_parameter("path", "a mail is not signed, and has no secret", "a webhook")
        return _way(request, who, row, secret=desk.office.change_way(way, renew_secret=True, deed=deed))
    if verb in ("disable", "enable"):
        desk.office.disable_way(way, is_disabled=verb == "disable", deed=deed)
        return RedirectResponse(f"/ways/{way}?done={verb}d", 303)
    try:
        if verb == "retry":
            desk.office.retry_way(way, deed)
            return RedirectResponse(f"/ways/{way}?done=retried", 303)
        notice = desk.office.test_way(way, deed)
    except StoreError as error:
        return _way(request, who, row, wrong=_conflict(saying, error, IS_OFF), status=409)
    awaited(desk.office, notice, TEST_WAITS * desk.answer_within_s)
    return RedirectResponse(f"/ways/{way}?notice={notice}", 303)


# --- the outbox ------------------------------------------------------------------------------------------------------


@router.get("/outbox")
def outbox_page(request: Request, who: Tell, asked: Annotated[Asked, Query()]) -> Response:
    """What was told, waits to be told, or could not be told; the newest first."""
    return _outbox(request, who, asked)


@router.post("/outbox/retry")
def retry(request: Request, who: Tell, fields: Fields) -> Response:
    """Try a dead notice again; then back to where the button was."""
    desk, saying = desk_of(request), saying_of(request)
    number = fields.get("notice", "")
    row = notice_or_404(desk, int(number) if re.fullmatch("[0-9]{1,18}", number) else 0)
    state = fields.get("state", "")
    try:
        desk.office.retry_notice(row.id, deed_of(request, who))
    except StoreError as error:
        is_off = way_or_404(desk, row.way).disabled_ms is not None
        wrong = _conflict(saying, error, IS_OFF if is_off else NOT_DEAD)
        if fields.get("from") == "way":
            return _way(request, who, way_or_404(desk, row.way), wrong=wrong, status=409)
        return _outbox(request, who, Asked(), wrong=wrong, status=409)
    if fields.get("from") == "way":
        return RedirectResponse(f"/ways/{row.way}?notice={row.id}", 303)
    kept = {"state": state if state in (*STATES, "all") else "", "notice": str(row.id)}
    return RedirectResponse(address("/outbox", kept), 303)


# --- forms -----------------------------------------------------------------------------------------------------------


def _new(saying: Saying, fields: Mapping[str, str]) -> NewWayShape:
    kind, target = fields.get("kind", ""), fields.get("target", "").strip()
    try:
        new = NewWayShape.model_validate({"kind": kind, "target": target, **_said(fields)})
    except ValidationError as error:
        raise _Wrong(_wrong_fields(saying, kind, target, error)) from error
    _check(saying, new.kind, new.target, new.wanted(), new.secret)
    return new


def _changed(saying: Saying, row: WayRow, fields: Mapping[str, str]) -> WayChangeShape:
    target = fields.get("target", "").strip()
    said = _said(fields) | ({} if row.kind != "mail" and not target else {"target": target})
    said["person"] = said["person"] or ""
    said["secret"] = said["secret"] or (None if not fields.get("unsigned") else "")
    try:
        wanted = WayChangeShape.model_validate(said)
    except ValidationError as error:
        raise _Wrong(_wrong_fields(saying, row.kind, target or row.target, error)) from error
    wanted_filter = wanted.filter.told() if wanted.filter else row.filter
    _check(saying, row.kind, wanted.target or row.target, wanted_filter, wanted.secret or "")
    return wanted


def _timing(saying: Saying, fields: Mapping[str, str]) -> Timing:
    """When it is told, as the form says it."""
    said = {key: fields.get(key, "").strip() for key in TIMES}
    minutes: dict[str, int] = {}
    wrong: dict[str, str] = {}
    for key, least, usual in MINUTES:
        text = said[key] or str(usual)
        is_right = re.fullmatch("[0-9]{1,4}", text) and (int(text) == 0 or least <= int(text) <= LONGEST_MINUTES)
        if is_right:
            minutes[key] = int(text)
        else:
            wrong |= _wrong_at(saying, key)
    made = Timing(time_zone=said["time_zone"] or ZONE)
    steps = {"time_zone": {}, "quiet": {"quiet": said["quiet"], "urgent_passes": bool(fields.get("urgent_passes"))}}
    for key, more in steps.items():
        try:
            made = timing_of({**asdict(made), **more})
        except StoreError:
            wrong |= _wrong_at(saying, key)
            break
    is_plain = not (said["quiet"] or minutes.get("after_minutes") or minutes.get("repeat_minutes"))
    if said["daily"] and not (CLOCK_TIME.fullmatch(said["daily"]) and is_plain):
        wrong |= _wrong_at(saying, "daily")
    if wrong:
        raise _Wrong(wrong)
    return timing_of({**asdict(made), **minutes, "daily": said["daily"]})


def _check_person(desk: Desk, saying: Saying, person: str | None) -> None:
    if person and person not in {one.id for one in desk.view.persons() if one.disabled_ms is None}:
        raise _Wrong(_wrong_at(saying, "person"))


def _wrong_at(saying: Saying, field: str) -> dict[str, str]:
    return {field: saying(WRONG[field])}


def _said(fields: Mapping[str, str]) -> dict[str, Any]:
    """A form as the API would have been told it."""
    return {
        "name": fields.get("name", ""),
        "language": fields.get("language", ""),
        "filter": {
            "events": [event for event in EVENTS if fields.get(event)],
            "severity": fields.get("severity", ""),
            **{key: [one for one in APART.split(fields.get(key, "")) if one] for key in NARROW},
            "also": [one for one in ALSO if fields.get(f"also-{one}")],
        },
        "secret": fields.get("secret", "").strip(),
        "person": fields.get("person", "") or None,
    }


def _check(saying: Saying, kind: str, target: str, wanted: Filter, secret: str) -> None:
    """The rules that no shape has."""
    if wrong_target(kind, target):
        raise _Wrong({"target": saying(WRONG_TARGET[kind])})
    if wrong_secret(kind, secret):
        raise _Wrong(_wrong_at(saying, "secret"))
    try:
        filter_of(asdict(wanted))
    except StoreError as error:
        raise _Wrong({"groups": saying(WRONG["groups"])}) from error


def _wrong_fields(saying: Saying, kind: str, target: str, error: ValidationError) -> dict[str, str]:
    """What to say at which field, of all of them at once."""
    texts = {**WRONG, "target": WRONG_TARGET.get(kind, WRONG["kind"])}
    places = [one["loc"] for one in error.errors()]
    names = dict.fromkeys(str(loc[1] if loc[0] == "filter" and len(loc) > 1 else loc[0]) for loc in places)
    if kind in WRONG_TARGET and wrong_target(kind, target):
        names["target"] = None
    return {name: saying(texts[name]) for name in names}


def _conflict(saying: Saying, error: StoreError, text: str) -> str:
    """What to say where the database says that this cannot be; a database that does not answer is no conflict."""
    if error.cause != "conflict":
        raise error
    return saying(text)


def _form(desk: Desk, saying: Saying, written: Mapping[str, str], errors: Mapping[str, str]) -> dict[str, Any]:
    """What the fields of a way show: as written, or as the way is."""
    own = written.get("person", "")
    people = [one for one in desk.view.persons() if one.disabled_ms is None or one.id == own]
    plain = ("kind", "name", "target", "language", "severity", "person", "urgent_passes", *TIMES, *NARROW)
    return {
        "written": {key: written.get(key, "") for key in plain},
        "people": [
            ("", saying("nobody's own: of all tickets")),
            *((one.id, f"{one.name} ({one.id})") for one in people),
        ],
        "secret_limit": SECRET_LIMIT,
        "repeats": REPEATS,
        "also": [(one, saying(ALSO_NAMES[one]), bool(written.get(f"also-{one}"))) for one in ALSO],
        "is_timed": any(written.get(key) for key in (*TIMED, "urgent_passes")) or any(errors.get(key) for key in TIMES),
        "events": [(one, saying(EVENT_NAMES[one]), bool(written.get(one))) for one in EVENTS],
        "kinds": [(one, saying(name)) for one, name in KIND_NAMES.items()],
        "least": [(one, saying(LEAST[one])) for one in reversed(SEVERITIES)],
        "errors": {key: errors.get(key, "") for key in (*WRONG, "target")},
        "name_limit": TEXT_LIMIT,
        "target_limit": TARGET_LIMIT,
        "names_limit": NAMES_LENGTH,
        "is_narrowed": any(written.get(key) for key in NARROW),
    }


def _as_written(row: WayRow) -> dict[str, str]:
    timing = row.timing
    return {
        "person": row.person or "",
        "time_zone": timing.time_zone,
        "quiet": timing.quiet_hours,
        "urgent_passes": "1" if timing.urgent_passes else "",
        "daily": timing.daily,
        "after_minutes": str(timing.after_minutes or ""),
        "repeat_minutes": str(timing.repeat_minutes or ""),
        "backup_minutes": str(timing.backup_minutes),
        "kind": row.kind,
        "name": row.name,
        "target": row.target if row.kind == "mail" else "",
        "language": row.language,
        "severity": row.filter.severity,
        **dict.fromkeys(row.filter.events, "1"),
        **{f"also-{one}": "1" for one in row.filter.also},
        **{key: " ".join(getattr(row.filter, key)) for key in NARROW},
    }


# --- pages -----------------------------------------------------------------------------------------------------------


def _ways(
    request: Request,
    who: Who,
    *,
    wrong: str = "",
    errors: Mapping[str, str] | None = None,
    written: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response:
    desk, saying = desk_of(request), saying_of(request)
    rows = desk.office.ways()
    counts = desk.office.count_notices_by_way()
    used = [row for row in rows if row.disabled_ms is None]
    empty: dict[str, str] = dict.fromkeys(USUAL, "1")
    empty |= {"kind": "mail", "language": saying.language, "severity": "minor", "time_zone": ZONE}
    empty |= {"backup_minutes": str(BACKUP_MINUTES), **{f"also-{one}": "1" for one in ALSO}}
    shown = {
        "ways": [_listed(saying, row, counts) for row in (*used, *(row for row in rows if row not in used))],
        "waiting": sum(one["new"] for one in counts.values()),
        "dead": sum(one["dead"] for one in counts.values()),
        "lacks_mail": not desk.has_mail,
        "is_mail_used": any(row.kind == "mail" for row in used),
        "wrong": wrong,
        **_form(desk, saying, empty if written is None else written, errors or {}),
    }
    return page(request, who, "ways.html", shown, status=status)


def _listed(saying: Saying, row: WayRow, counts: Mapping[int, Mapping[str, int]]) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "kind": saying(KIND_NAMES[row.kind]),
        "target": row.shown_target,
        "wants": [*_wants(saying, row.filter), *_times(saying, row)],
        "language": row.language,
        "disabled_ms": row.disabled_ms,
        **counts.get(row.id, {"new": 0, "dead": 0}),
    }


def _wants(saying: Saying, wanted: Filter) -> list[str]:
    """What a way wants to hear, in words."""
    comma = "、" if saying.language == "zh" else ", "
    said = [comma.join(saying(EVENT_NAMES[event]) for event in wanted.events), saying(LEAST[wanted.severity])]
    if wanted.groups:
        said.append(saying("groups %(names)s", names=comma.join(wanted.groups)))
    if wanted.customers:
        said.append(saying("customers %(names)s", names=comma.join(wanted.customers)))
    if wanted.devices:
        said.append(saying("devices %(names)s", names=comma.join(wanted.devices)))
    return said


def _times(saying: Saying, row: WayRow) -> list[str]:
    """Whose it is, and when it is told, in words; nothing where it is everybody's and told at once."""
    timing, said = row.timing, []
    if row.person:
        said.append(saying("only where %(name)s is sent", name=row.person))
        said += [saying(ALSO_NAMES[one]) for one in row.filter.also]
    if timing.quiet:
        said.append(saying("not in %(hours)s", hours=timing.quiet_hours))
    if timing.daily:
        said.append(saying("once a day at %(at)s", at=timing.daily))
    if timing.after_minutes:
        said.append(saying("only after %(minutes)s min without an answer", minutes=timing.after_minutes))
    if timing.repeat_minutes:
        said.append(saying("again every %(minutes)s min", minutes=timing.repeat_minutes))
    return said


def _way(
    request: Request,
    who: Who,
    row: WayRow,
    *,
    done: str = "",
    wrong: str = "",
    secret: str = "",
    notice: int = 0,
    errors: Mapping[str, str] | None = None,
    written: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response:
    desk, saying = desk_of(request), saying_of(request)
    watched = desk.office.notice(notice) if notice else None
    shown = {
        "way": row,
        "kind": saying(KIND_NAMES[row.kind]),
        "secret": secret,
        "done": saying(DONE[done]) if done in DONE else "",
        "wrong": wrong,
        "watched": _watched(saying, watched) if watched is not None and watched.way == row.id else None,
        "notices": _told_all(desk, saying, desk.office.notices(way=row.id, limit=NEWEST)),
        "dead": desk.office.count_notices_by_way().get(row.id, {"dead": 0})["dead"],
        "lacks_mail": row.kind == "mail" and not desk.has_mail,
        "unknown": _unknown(desk, row.filter),
        "signs": row.kind in SIGNED,
        **_form(desk, saying, _as_written(row) if written is None else {**written, "kind": row.kind}, errors or {}),
    }
    return page(request, who, "way.html", shown, status=status)


def _unknown(desk: Desk, wanted: Filter) -> list[str]:
    """Names in a filter that the register does not have: most are slips of the pen, and nothing is told for them."""
    view = desk.view
    groups = set(wanted.groups) - set(view.entries_named("group", wanted.groups))
    if groups:
        groups -= {one.group_id for one in view.agents()}
    customers = set(wanted.customers) - set(view.entries_named("customer", wanted.customers))
    devices = set(wanted.devices) - set(view.cards_named(wanted.devices))
    return sorted(groups | customers | devices)


def _outbox(request: Request, who: Who, asked: Asked, *, wrong: str = "", status: int = 200) -> Response:
    desk, saying = desk_of(request), saying_of(request)
    by_way = desk.office.count_notices_by_way()
    counts = {key: sum(one[key] for way, one in by_way.items() if asked.way in (None, way)) for key in ("new", "dead")}
    state = asked.state or ("dead" if counts["dead"] else "all")
    states = () if state == "all" else (state,)
    rows = desk.office.notices(states=states, way=asked.way, before_id=asked.before, limit=PAGE + 1)
    watched = desk.office.notice(asked.notice) if asked.notice else None
    way = desk.office.way(asked.way) if asked.way else None
    shown = {
        "state": state,
        "states": [(one, saying(name), counts.get(one, 0)) for one, name in STATE_NAMES.items()],
        "before": asked.before,
        "way": way,
        "notices": _told_all(desk, saying, rows[:PAGE]),
        "next_before": rows[PAGE - 1].id if len(rows) > PAGE else None,
        "has_ways": bool(desk.office.ways()),
        "waiting": counts["new"],
        "wrong": wrong,
        "watched": None if watched is None else _watched(saying, watched),
    }
    return page(request, who, "outbox.html", shown, status=status)


# --- notices ---------------------------------------------------------------------------------------------------------


def _told_all(desk: Desk, saying: Saying, rows: list[NoticeRow]) -> list[dict[str, Any]]:
    ways = {one.id: one for one in desk.office.ways()}
    return [_told(desk, saying, row, ways[row.way]) for row in rows]


def _told(desk: Desk, saying: Saying, row: NoticeRow, way: WayRow) -> dict[str, Any]:
    ticket = row.body.get("ticket")
    has_failed = row.state == "new" and row.tries > 0 and not row.held
    return {
        "id": row.id,
        "way": row.way,
        "way_name": way.name,
        "event": saying(EVENT_NAMES.get(row.event, row.event)),
        "about": _about(desk, saying, row),
        "number": None if ticket is None else ticket["number"],
        "device": row.subject if ticket is not None and not row.subject.startswith("@") else "",
        "agent": row.subject[1:] if row.subject.startswith("@") else "",
        "state": row.state,
        "state_name": _state_name(saying, row),
        "held": saying(HELD[row.held]) if row.state == "new" and row.held else "",
        "icon": "warning" if has_failed else ICONS.get(row.state, "unknown"),
        "made_ms": row.made_ms,
        "tries": row.tries,
        "next_ms": row.wake_at_ms if row.state == "new" and (row.wake_at_ms or 0) > saying.now_ms else None,
        "done_ms": row.done_ms,
        "error": _error(saying, row.error),
        "may_retry": row.state == "dead" and row.event != TEST and way.disabled_ms is None,
    }


def _state_name(saying: Saying, row: NoticeRow) -> str:
    if row.state != "new":
        return saying(STATE_NAMES[row.state])
    if row.held:
        return saying("held")
    return saying("failed so far") if row.tries else saying(STATE_NAMES["new"])


def _about(desk: Desk, saying: Saying, row: NoticeRow) -> str:
    """What a notice tells of, beside its event and its subject."""
    ticket = row.body.get("ticket")
    if ticket is not None:
        return f"{desk.fault_name(ticket['code'], saying.language)} · {component_name(saying, ticket['component'])}"
    warning = row.body.get("warning")
    if warning is not None:
        return f"{what_recurs(desk, warning['same'], warning['what']).of(saying.language)} · {warning['period']}"
    if "count" in row.body:
        return saying.plural("of %(num)s notice", "of %(num)s notices", int(row.body["count"]))
    return saying("asked for by %(who)s", who=row.body.get("who", ""))


def _watched(saying: Saying, row: NoticeRow) -> Watched:
    """What became of a notice that somebody waits for."""
    why = _error(saying, row.error)
    if row.state == "sent":
        return Watched("done", saying("Sent: the other end has taken it. Look whether it has arrived."), False)
    if row.state == "dead":
        return Watched(
            "wrong", saying("It could not be delivered: %(why)s. Mend that, then try again.", why=why), False
        )
    if row.state != "new":
        return Watched("", saying("It needs not be sent any more: %(why)s.", why=saying(STATE_NAMES[row.state])), False)
    if row.tries:
        at = saying.at(row.wake_at_ms)
        return Watched("wrong", saying("It failed: %(why)s. It is tried again at %(at)s.", why=why, at=at), False)
    if saying.now_ms - (row.wake_at_ms or row.made_ms) < WATCH_MS:
        return Watched("", saying("Nothing has become of it yet; this page goes on looking."), True)
    return Watched("wrong", saying("It still waits: see whether the collector runs (roundsman doctor)."), False)


def _error(saying: Saying, error: str) -> str:
    """What the last try met. What the other end said stands as it said it."""
    return saying(OUR_ERRORS[error]) if error in OUR_ERRORS else error
