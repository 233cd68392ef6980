"""The duty rota (值班): a week, one duty with its swaps, and the weekly pattern.

    /duty?group=south&week=2026-11-23     a week of a rota, who is on duty now, what waits to be agreed to
    /duty/shifts/7                        one duty: swap it (调班), give it to somebody, take it back
    /duty/pattern?group=south             how the weeks look, and days filled like that
    /duty.csv?group=south&week=…          the week as a file

Whoever keeps the register writes; whoever acts on tickets may ask to swap a duty of their own, and answers what was
asked of them. Times are on the headquarters' clock.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import RedirectResponse, Response

from roundsman_collector.api.access import Act, Place, See, deed_of
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.duty import ANSWERS, Answer, csv_of, listed, number_of, shift_or_404
from roundsman_collector.api.entries import DEFAULT_ZONE, problem_of
from roundsman_collector.api.moments import DAY_MS, HOUR_MS
from roundsman_collector.api.problem import Problem
from roundsman_collector.core.calendar import instant, zone
from roundsman_collector.core.contract import local_day
from roundsman_collector.core.duty import (
    LINES_LIMIT,
    SHIFT_KINDS,
    SWAP_STATES,
    WHYS,
    Plan,
    Shift,
    on_duty,
    written,
)
from roundsman_collector.roles import Who
from roundsman_collector.store import EntryError, Rota, RotaRefused, ShiftWish, SwapRow, Version
from roundsman_collector.store.duty import NOTE_LIMIT
from roundsman_collector.store.entry_kinds import USUAL_CALENDAR
from roundsman_collector.web.forms import form
from roundsman_collector.web.page import page, saying_of
from roundsman_collector.web.pages.calendars import KIND_NAMES, SHORT_WEEKDAYS, WEEKDAYS
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.words import N_
from roundsman_collector.web.zoned import TimeError, picked
from roundsman_collector.web.zoned import written as time_written

router = APIRouter()

SWAP_DAYS = 60
"""So far ahead duties are offered to be taken in exchange."""
WAITING_SHOWN = 50
LEFT_OUT_SHOWN = 60
LINES_SHOWN = 4
"""Of a new pattern; more appear as they are filled in."""
FIRST_MONDAY, LAST_MONDAY = date(2000, 1, 3), date(2200, 1, 6)
REFUSED: Mapping[str, str] = {
    "duty": N_("%(person)s has another duty at that time (no. %(shift)s)."),
    "off": N_("%(person)s has the day off at that time (no. %(shift)s)."),
    "taken_back": N_(
        "Duty no. %(shift)s of %(person)s was taken back by %(by)s meanwhile. Look at the rota as it is now."
    ),
    "swapped": N_(
        "Duty no. %(shift)s of %(person)s was given away by swap no. %(swap)s meanwhile. Look at the rota as it is now."
    ),
    "over": N_("Duty no. %(shift)s of %(person)s is over. What was lived stays as it was."),
    "other": N_("Duty no. %(shift)s is %(person)s's now. Look at the rota as it is now."),
    "asked": N_("They were asked for this already (swap no. %(swap)s)."),
    "decided": N_("Swap no. %(swap)s was decided already: %(state_word)s, by %(by)s."),
    "unable": N_("%(person)s cannot be on duty for %(group)s: their role or scope does not reach it."),
}
WRONG: Mapping[str, str] = {
    "person": N_("Choose somebody."),
    "kind": N_("Choose a kind of duty."),
    "from": N_("Write a time such as 2026-11-22 18:00, at most two years away."),
    "to": N_("Write a time behind the begin, at most 31 days."),
    "other": N_("Choose who is to take it."),
    "first": N_("Write a day on which the pattern holds already."),
    "last": N_("Write a day behind the first one, at most a year."),
    "from_day": N_("Write a day, at most ten years ago."),
    "calendar": N_("Choose a calendar."),
    "days": N_("Write days such as 1-5, Sat, holidays."),
    "times": N_("Write two times such as 18:00-08:00."),
    "people": N_("Write login names, parted by blanks."),
    "lines": N_("Fill in at least one line."),
    "pattern": N_("Save a pattern first."),
    "group": N_("There is no such monitoring centre."),
    "point": N_("There is no such service point."),
    "id": N_("There is no such service point."),
    "shift": N_("There is no such duty."),
}
NEXT_DAY = N_("%(begin)s–%(end)s (+1)")
TURNS: Mapping[str, str] = {"day": N_("another one every day"), "week": N_("another one every week")}

Fields = Annotated[dict[str, str], Depends(form)]
Number = Annotated[str, Path(min_length=1, max_length=19)]
Name = Annotated[str, Query(max_length=63)]
Week = Annotated[str, Query(max_length=10)]


# --- a week ----------------------------------------------------------------------------------------------------------


@router.get("/duty")
def duty_page(request: Request, who: See, group: Name = "", week: Week = "") -> Response:
    """A week of a rota."""
    return _week_page(request, who, group, week)


@router.get("/duty.csv")
def duty_csv(request: Request, who: See, group: Name = "", week: Week = "") -> Response:
    """The same week as a file."""
    desk = desk_of(request)
    group = _group(desk, who, group)
    begin = _begin(_monday(desk, week))
    return csv_of(desk, listed(desk, who, begin, begin + 7 * DAY_MS, group=group or None))


@router.post("/duty")
def add(request: Request, who: Place, fields: Fields) -> Response:
    """Put somebody on duty, or give them a day off."""
    desk = desk_of(request)
    group, week = fields.get("group", ""), fields.get("week", "")
    try:
        wish = _wish(fields)
        desk.office.add_shift(wish, deed=deed_of(request, who), scope=who.scope)
    except EntryError as error:
        return _week_page(request, who, group, week, fields=fields, refused=error)
    return RedirectResponse(_at(group, _monday_of(wish.from_ms)), 303)


def _wish(fields: Mapping[str, str]) -> ShiftWish:
    times = {}
    for name in ("from", "to"):
        try:
            times[name] = time_written(fields.get(name, ""), DEFAULT_ZONE)
        except TimeError as error:
            raise _value(name, str(error)) from error
    kind = fields.get("kind", "")
    if kind not in SHIFT_KINDS:
        raise _value("kind", f"{kind[:40]!r} is unknown")
    return ShiftWish(
        rota=Rota(group=fields.get("group", "").strip(), point=fields.get("point", "").strip()),
        person=fields.get("person", "").strip(),
        kind=kind,  # type: ignore[arg-type]
        from_ms=times["from"],
        to_ms=times["to"],
        note=fields.get("note", "")[:NOTE_LIMIT],
    )


def _week_page(
    request: Request,
    who: Who,
    group: str,
    week: str,
    *,
    fields: Mapping[str, str] | None = None,
    refused: EntryError | None = None,
) -> Response:
    desk, saying = desk_of(request), saying_of(request)
    groups = desk.view.duty_groups(who.scope)
    group = _group(desk, who, group)
    monday = _monday(desk, week)
    begin = _begin(monday)
    now_ms = desk.now_ms()
    rows = [one for one in listed(desk, who, begin, begin + 7 * DAY_MS, group=group or None) if one.counts]
    now = on_duty(listed(desk, who, now_ms, now_ms + 1, group=group or None), now_ms)
    names = {one.id: one.name for one in desk.view.persons()}
    points = _points(desk, saying, who, group)
    waiting = [
        one
        for one in desk.view.swaps(group=group or None, state="asked", limit=WAITING_SHOWN)
        if who.scope.holds(one.group, None) or who.id in (one.person, one.other)
    ]
    may_write = bool(group) and who.may("place")
    pattern = desk.view.duty_pattern(Rota(group=group), scope=who.scope) if group else None
    days = desk.view.calendar_days(
        USUAL_CALENDAR if pattern is None else pattern.pattern.calendar,
        from_day=monday,
        to_day=monday + timedelta(days=6),
    )
    today = local_day(now_ms, DEFAULT_ZONE)
    shown = {
        "groups": _groups(desk, saying, groups),
        "group": group,
        "week": monday.isoformat(),
        "before": _at(group, monday - timedelta(days=7)),
        "behind": _at(group, monday + timedelta(days=7)),
        "this": _at(group, today - timedelta(days=today.weekday())),
        "is_this": monday <= today < monday + timedelta(days=7),
        "sunday": (monday + timedelta(days=6)).isoformat(),
        "days": [
            _day(saying, day, days.get(day), rows, names, points, today)
            for day in (monday + timedelta(days=offset) for offset in range(7))
        ],
        "now": [_shift(saying, one, names, points) for one in now],
        "waiting": [_swap(saying, desk, who, one, names) for one in waiting],
        "may_write": may_write,
        "people": [(one.id, _person(saying, one.name, one.id)) for one in desk.view.duty_people(group)]
        if may_write
        else [],
        "points": [("", saying(N_("the whole monitoring centre"))), *points.items()],
        "kinds": [(key, _one(saying, words)) for key, words in SHIFT_KINDS.items()],
        "values": dict(fields or {"from": picked(_next_hour(now_ms), DEFAULT_ZONE), "kind": "primary"}),
        "wrong": {} if refused is None else {_field(refused): _words(saying, refused)},
        "note_limit": NOTE_LIMIT,
    }
    status = 200 if refused is None else 409 if isinstance(refused, RotaRefused) else 422
    return page(request, who, "duty.html", shown, status=status)


def _group(desk: Desk, who: Who, group: str) -> str:
    """Which group is shown: the one that was asked for, else the first; empty where somebody reaches none."""
    groups = desk.view.duty_groups(who.scope)
    if group and group not in groups:
        raise Problem(
            404,
            "no_group",
            what=f"there is no rota of {group[:63]}",
            where="query",
            expected="a monitoring centre of your own",
            do="choose one of the list",
        )
    return group or (groups[0] if groups else "")


def _groups(desk: Desk, saying: Saying, groups: Sequence[str]) -> list[tuple[str, str]]:
    named = desk.view.entries_named("group", groups)
    return [(one, _name(saying, named[one]) if one in named else one) for one in groups]


def _points(desk: Desk, saying: Saying, who: Who, group: str) -> dict[str, str]:
    """The service points of a group, by id."""
    if not group:
        return {}
    rows = desk.view.entries("point", scope=who.scope, where={"group_id": group}, limit=500)
    return {one.id: _name(saying, one) for one in rows}


def _day(
    saying: Saying,
    day: date,
    said: Any,
    rows: Sequence[Shift],
    names: Mapping[str, str],
    points: Mapping[str, str],
    today: date,
) -> dict[str, Any]:
    """A day of the week: what begins on it, and what lasts over its noon."""
    begin, end = _begin(day), _begin(day + timedelta(days=1))
    noon = (begin + end) // 2
    mine = [one for one in rows if begin <= one.from_ms < end or (one.from_ms < begin and one.holds_at(noon))]
    cells = {
        kind: [_shift(saying, one, names, points, day=begin) for one in mine if one.kind == kind]
        for kind in SHIFT_KINDS
    }
    kind = "" if said is None or said.kind == "usual" else said.kind
    name = "" if said is None else (said.name_zh or said.name_en if saying.language == "zh" else said.name_en)
    return {
        "date": day.isoformat(),
        "short": f"{day:%m-%d}",
        "weekday": saying(SHORT_WEEKDAYS[day.weekday()]),
        "weekday_full": saying(WEEKDAYS[day.weekday()]),
        "is_weekend": day.isoweekday() > 5,
        "is_today": day == today,
        "kind": kind,
        "kind_word": saying(KIND_NAMES[kind]) if kind else "",
        "name": name,
        "cells": cells,
        "is_empty": not cells["primary"],
    }


def _shift(
    saying: Saying, one: Shift, names: Mapping[str, str], points: Mapping[str, str], *, day: int | None = None
) -> dict[str, Any]:
    """A duty as lists show it; on a day behind its begin it goes on."""
    return {
        "id": one.id,
        "login": one.person,
        "name": names.get(one.person, one.person),
        "kind": one.kind,
        "kind_word": _one(saying, SHIFT_KINDS[one.kind]),
        "times": _times(saying, one.from_ms, one.until_ms),
        "goes_on": day is not None and one.from_ms < day,
        "point": points.get(one.point, one.point),
        "is_swapped": one.origin == "swap",
        "note": one.note,
    }


def _times(saying: Saying, from_ms: int, to_ms: int) -> str:
    """From when to when, as short as is clear: the day of the end only where it is another one."""
    begin, end = picked(from_ms, DEFAULT_ZONE), picked(to_ms, DEFAULT_ZONE)
    days = (date.fromisoformat(end[:10]) - date.fromisoformat(begin[:10])).days
    if days == 0:
        return f"{begin[11:16]}–{end[11:16]}"
    if days == 1:
        return saying(NEXT_DAY, begin=begin[11:16], end=end[11:16])
    return f"{begin[5:10]} {begin[11:16]} – {end[5:10]} {end[11:16]}"


def _in_full(saying: Saying, from_ms: int, to_ms: int) -> str:
    return f"{picked(from_ms, DEFAULT_ZONE)[5:10]} {_times(saying, from_ms, to_ms)}"


def _swap(saying: Saying, desk: Desk, who: Who, one: SwapRow, names: Mapping[str, str]) -> dict[str, Any]:
    """A swap in words, and what somebody may answer."""
    mine = desk.view.shift(one.shift)
    theirs = None if one.other_shift is None else desk.view.shift(one.other_shift)
    assert mine is not None, "a swap is about a duty"
    may: list[Answer] = []
    if one.state == "asked":
        may = ["agree", "refuse"] if who.id == one.other else ["withdraw"] if who.id == one.person else []
    return {
        "id": one.id,
        "shift": one.shift,
        "person": names.get(one.person, one.person),
        "other": names.get(one.other, one.other),
        "when": _in_full(saying, mine.from_ms, mine.to_ms),
        "other_when": "" if theirs is None else _in_full(saying, theirs.from_ms, theirs.to_ms),
        "other_shift": one.other_shift,
        "note": one.note,
        "state_word": _one(saying, SWAP_STATES[one.state]),
        "asked_ms": one.asked_ms,
        "done_ms": one.done_ms,
        "done_by": one.done_by,
        "may": may,
    }


# --- one duty --------------------------------------------------------------------------------------------------------


@router.get("/duty/shifts/{shift}")
def shift_page(request: Request, who: See, shift: Number) -> Response:
    """One duty, its swaps, and what may be done with it."""
    return _shift_page(request, who, shift_or_404(desk_of(request), who, shift))


@router.post("/duty/shifts/{shift}/ask")
def ask(request: Request, who: Act, shift: Number, fields: Fields) -> Response:
    """Ask somebody to take it."""
    desk = desk_of(request)
    one = shift_or_404(desk, who, shift)
    try:
        other, other_shift = _target(fields)
        desk.office.ask_swap(
            one.id, other=other, other_shift=other_shift, note=fields.get("note", ""), deed=deed_of(request, who)
        )
    except EntryError as error:
        return _shift_page(request, who, one, fields=fields, refused=error, of="ask")
    return RedirectResponse(f"/duty/shifts/{shift}", 303)


@router.post("/duty/shifts/{shift}/give")
def give(request: Request, who: Place, shift: Number, fields: Fields) -> Response:
    """Set who has it."""
    desk = desk_of(request)
    one = shift_or_404(desk, who, shift)
    try:
        other, other_shift = _target(fields)
        desk.office.set_swap(
            one.id,
            other=other,
            other_shift=other_shift,
            note=fields.get("note", ""),
            deed=deed_of(request, who),
            scope=who.scope,
        )
    except EntryError as error:
        return _shift_page(request, who, one, fields=fields, refused=error, of="give")
    return RedirectResponse(f"/duty/shifts/{shift}", 303)


@router.post("/duty/shifts/{shift}/remove")
def remove(request: Request, who: Place, shift: Number) -> Response:
    """Take it back."""
    desk = desk_of(request)
    one = shift_or_404(desk, who, shift)
    try:
        desk.office.remove_shift(one.id, deed=deed_of(request, who), scope=who.scope)
    except EntryError as error:
        return _shift_page(request, who, one, refused=error, of="remove")
    return RedirectResponse(_at(one.group, _monday_of(one.from_ms)), 303)


@router.post("/duty/swaps/{swap}/{answer}")
def answer(request: Request, who: Act, swap: Number, answer: Answer) -> Response:
    """Agree to what was asked, refuse it, or withdraw it."""
    desk = desk_of(request)
    try:
        done = desk.office.answer_swap(number_of(swap), ANSWERS[answer], deed=deed_of(request, who))
    except EntryError as error:
        found = desk.view.swap(number_of(swap))
        if found is None or who.id not in (found.person, found.other):
            raise problem_of(error) from error
        return _shift_page(request, who, shift_or_404(desk, who, str(found.shift)), refused=error, of="answer")
    return RedirectResponse(f"/duty/shifts/{done.shift}", 303)


def _target(fields: Mapping[str, str]) -> tuple[str, int | None]:
    """Who is to take a duty, and for which one of theirs, out of one choice: `li.na:` or `li.na:17`."""
    other, _, number = fields.get("target", "").partition(":")
    if not other or (number and not (number.isascii() and number.isdigit() and len(number) < 16)):
        raise _value("other", "nobody was chosen")
    return other, int(number) if number else None


def _shift_page(
    request: Request,
    who: Who,
    one: Shift,
    *,
    fields: Mapping[str, str] | None = None,
    refused: EntryError | None = None,
    of: str = "",
) -> Response:
    desk, saying = desk_of(request), saying_of(request)
    now_ms = desk.now_ms()
    one = desk.view.shift(one.id) or one
    names = {person.id: person.name for person in desk.view.persons()}
    stands = one.void_ms is None and one.to_ms > now_ms
    may_ask = stands and one.kind != "off" and who.may("act") and one.person == who.id
    may_set = stands and who.may("place") and who.scope.holds(one.group, None)
    swaps = desk.view.swaps(shift=one.id)
    shown = {
        "one": _shift(saying, one, names, _points(desk, saying, who, one.group)),
        "group": one.group,
        "group_name": dict(_groups(desk, saying, [one.group]))[one.group],
        "back": _at(one.group if who.scope.holds(one.group, None) else "", _monday_of(one.from_ms)),
        "day": picked(one.from_ms, DEFAULT_ZONE)[:10],
        "made_ms": one.made_ms,
        "made_by": one.made_by,
        "origin": one.origin,
        "void_ms": one.void_ms,
        "void_by": one.void_by,
        "is_over": one.to_ms <= now_ms,
        "swaps": [_swap(saying, desk, who, swap, names) for swap in swaps],
        "may_ask": may_ask,
        "may_give": may_set and one.kind != "off",
        "may_remove": may_set,
        "targets": _targets(desk, saying, one, names, now_ms) if may_ask or may_set else [],
        "values": dict(fields or {}),
        "of": of,
        "wrong": "" if refused is None else _words(saying, refused),
        "note_limit": NOTE_LIMIT,
    }
    status = 200 if refused is None else 409 if isinstance(refused, RotaRefused) else 422
    return page(request, who, "duty_shift.html", shown, status=status)


def _targets(desk: Desk, saying: Saying, one: Shift, names: Mapping[str, str], now_ms: int) -> list[tuple[str, str]]:
    """Who could take a duty: everybody for nothing, and every duty of theirs that could be taken in exchange."""
    people = [person for person in desk.view.duty_people(one.group) if person.id != one.person]
    logins = {person.id for person in people}
    ahead = desk.view.shifts(now_ms, now_ms + SWAP_DAYS * DAY_MS, group=one.group)
    nothing = saying(N_("for nothing in exchange"))
    return [
        ("", "—"),
        *((f"{person.id}:", f"{_person(saying, person.name, person.id)} · {nothing}") for person in people),
        *(
            (f"{other.person}:{other.id}", f"{names[other.person]} · {_in_full(saying, other.from_ms, other.to_ms)}")
            for other in ahead
            if other.person in logins and other.void_ms is None and other.kind != "off" and other.to_ms > now_ms
        ),
    ]


# --- the pattern -----------------------------------------------------------------------------------------------------


@router.get("/duty/pattern")
def pattern_page(request: Request, who: See, group: Name = "", point: Name = "") -> Response:
    """How the weeks look."""
    desk = desk_of(request)
    return _pattern_page(request, who, Rota(group=_group(desk, who, group), point=point))


@router.post("/duty/pattern")
def put_pattern(request: Request, who: Place, fields: Fields) -> Response:
    """Say how the weeks look."""
    desk = desk_of(request)
    rota = _rota(fields)
    try:
        desk.office.put_duty_pattern(rota, _document(fields), deed=deed_of(request, who), scope=who.scope)
    except EntryError as error:
        return _pattern_page(request, who, rota, fields=fields, refused=error)
    return RedirectResponse(f"/duty/pattern?group={rota.group}" + (f"&point={rota.point}" if rota.point else ""), 303)


@router.post("/duty/fill")
def fill(request: Request, who: Place, fields: Fields) -> Response:
    """Fill days as the pattern says, or only tell what that would do."""
    desk = desk_of(request)
    rota, is_real = _rota(fields), fields.get("do") == "fill"
    try:
        first, last = (_day_of(fields, name) for name in ("first", "last"))
        if is_real:
            plan = desk.office.fill_duty(rota, first, last, deed=deed_of(request, who), scope=who.scope)
        else:
            plan = desk.view.duty_plan(rota, first, last, now_ms=desk.now_ms(), scope=who.scope)
    except EntryError as error:
        return _pattern_page(request, who, rota, days=fields, refused=error)
    return _pattern_page(request, who, rota, days=fields, plan=plan, is_real=is_real)


def _rota(fields: Mapping[str, str]) -> Rota:
    return Rota(group=fields.get("group", "").strip(), point=fields.get("point", "").strip())


def _document(fields: Mapping[str, str]) -> dict[str, Any]:
    """A pattern as the form says it; lines that are empty are left out."""
    lines = [
        {
            "days": fields.get(f"days-{at}", ""),
            "times": fields.get(f"times-{at}", ""),
            "kind": fields.get(f"kind-{at}", "primary"),
            "people": fields.get(f"people-{at}", "").replace(",", " ").split(),
            "turns": fields.get(f"turns-{at}", "day"),
        }
        for at in range(LINES_LIMIT)
        if any(fields.get(f"{name}-{at}", "").strip() for name in ("days", "times", "people"))
    ]
    return {"from_day": fields.get("from_day", ""), "calendar": fields.get("calendar", ""), "lines": lines}


def _day_of(fields: Mapping[str, str], name: str) -> date:
    try:
        return date.fromisoformat(fields.get(name, "").strip())
    except ValueError as error:
        raise _value(name, "this is no day") from error


def _pattern_page(
    request: Request,
    who: Who,
    rota: Rota,
    *,
    fields: Mapping[str, str] | None = None,
    days: Mapping[str, str] | None = None,
    plan: Plan | None = None,
    is_real: bool = False,
    refused: EntryError | None = None,
) -> Response:
    desk, saying = desk_of(request), saying_of(request)
    group = _group(desk, who, rota.group)
    points = _points(desk, saying, who, group)
    if rota.point and rota.point not in points:
        raise Problem(
            404,
            "no_point",
            what=f"there is no service point {rota.point[:63]}",
            where="query",
            expected="a service point of this monitoring centre",
            do="choose one of the list",
        )
    held = desk.view.duty_pattern(rota, scope=who.scope)
    today = local_day(desk.now_ms(), DEFAULT_ZONE)
    kept = _kept(saying, None if held is None else written(held.pattern), today)
    values = {**kept, **(fields or {})}
    count = min(LINES_LIMIT, max(LINES_SHOWN, 1 + _used(values)))
    names = {one.id: one.name for one in desk.view.persons()}
    marks = {} if refused is None else _marked(refused, fields or {})
    next_monday = today + timedelta(days=7 - today.weekday())
    span = {"first": next_monday.isoformat(), "last": (next_monday + timedelta(days=27)).isoformat()}
    shown = {
        "group": group,
        "groups": _groups(desk, saying, desk.view.duty_groups(who.scope)),
        "group_name": dict(_groups(desk, saying, [group])).get(group, group),
        "point": rota.point,
        "points": [("", saying(N_("the whole monitoring centre"))), *points.items()],
        "back": _at(group, today - timedelta(days=today.weekday())),
        "has_pattern": held is not None,
        "made_ms": None if held is None else held.made_ms,
        "made_by": "" if held is None else held.made_by,
        "values": values,
        "lines": range(count),
        "kinds": [(key, _one(saying, SHIFT_KINDS[key])) for key in ("primary", "backup")],
        "turns": [(key, saying(word)) for key, word in TURNS.items()],
        "calendars": [(one.id, _name(saying, one)) for one in desk.view.entries("calendar", scope=who.scope)],
        "people": [(one.id, one.name) for one in desk.view.duty_people(group)],
        "may_write": bool(group) and who.may("place"),
        "days": {**span, **{name: (days or {})[name] for name in span if name in (days or {})}},
        "plan": None if plan is None else _plan(saying, plan, names),
        "is_real": is_real,
        "wrong": {name: _words(saying, refused) for name in marks} if refused is not None else {},
        "is_refused": refused is not None,
    }
    status = 200 if refused is None else 409 if isinstance(refused, RotaRefused) else 422
    return page(request, who, "duty_pattern.html", shown, status=status)


def _kept(saying: Saying, document: Mapping[str, Any] | None, today: date) -> dict[str, str]:
    """A pattern as fields of the form."""
    if document is None:
        monday = today + timedelta(days=7 - today.weekday())
        return {"from_day": monday.isoformat(), "calendar": USUAL_CALENDAR}
    fields = {"from_day": document["from_day"], "calendar": document["calendar"]}
    for at, line in enumerate(document["lines"]):
        fields |= {f"{name}-{at}": str(line[name]) for name in ("times", "kind", "turns")}
        fields[f"days-{at}"] = _days_told(saying, line["days"])
        fields[f"people-{at}"] = " ".join(line["people"])
    return fields


def _days_told(saying: Saying, text: str) -> str:
    """Days of a line as the reader writes them: `1-5, holidays` is 周一至周五、节假日; both are read."""
    if saying.language != "zh":
        return text
    words = {str(number): f"周{word}" for number, word in enumerate("一二三四五六日", 1)} | {"holidays": "节假日"}
    return "、".join("至".join(words[end] for end in piece.split("-")) for piece in text.split(", "))


def _used(values: Mapping[str, str]) -> int:
    """How many lines of the form say something: up to the last that does."""
    used = [at for at in range(LINES_LIMIT) if values.get(f"days-{at}") or values.get(f"people-{at}")]
    return max(used, default=-1) + 1


def _marked(refused: EntryError, fields: Mapping[str, str]) -> list[str]:
    """The field of the form that is wrong: `lines.1.days` is the second line that says something."""
    parts = refused.field.split(".")
    if len(parts) != 3 or not parts[1].isdigit():
        return [_field(refused)]
    said = [
        at
        for at in range(LINES_LIMIT)
        if any(fields.get(f"{name}-{at}", "").strip() for name in ("days", "times", "people"))
    ]
    at = int(parts[1])
    return [f"{parts[2]}-{said[at] if at < len(said) else at}"]


def _plan(saying: Saying, plan: Plan, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "added": len(plan.add),
        "taken_back": len(plan.void),
        "same": plan.same,
        "left_out_count": len(plan.left_out),
        "left_out": [
            {
                "name": names.get(one.turn.person, one.turn.person),
                "when": _in_full(saying, one.turn.from_ms, one.turn.to_ms),
                "kind_word": _one(saying, SHIFT_KINDS[one.turn.kind]),
                "why": _one(saying, WHYS[one.why]),
                "shift": None if one.beside is None else one.beside.id,
            }
            for one in plan.left_out[:LEFT_OUT_SHOWN]
        ],
    }


# --- words and days --------------------------------------------------------------------------------------------------


def _words(saying: Saying, refused: EntryError) -> str:
    """What was refused, in the reader's language."""
    if isinstance(refused, RotaRefused):
        state = refused.facts.get("state", "")
        word = next((_one(saying, SWAP_STATES[one]) for one in SWAP_STATES if one == state), "")
        return saying(REFUSED[refused.code], **refused.facts, state_word=word)
    return saying(WRONG.get(_field(refused), N_("This cannot be used.")))


def _field(refused: EntryError) -> str:
    return refused.field.rpartition(".")[2]


def _value(field: str, what: str) -> EntryError:
    return EntryError(what=what, where=field, expected=WRONG[field], do="mend it", field=field)


def _monday(desk: Desk, week: str) -> date:
    """The Monday of the week that was asked for, else of this one."""
    try:
        day = date.fromisoformat(week) if week else local_day(desk.now_ms(), DEFAULT_ZONE)
    except ValueError as error:
        raise Problem(
            422,
            "bad_parameter",
            what="this is no day",
            where="week",
            expected="a day such as 2026-11-23",
            do="mend the address",
        ) from error
    return min(max(day, FIRST_MONDAY), LAST_MONDAY) - timedelta(days=min(max(day, FIRST_MONDAY), LAST_MONDAY).weekday())


def _monday_of(at_ms: int) -> date:
    day = local_day(at_ms, DEFAULT_ZONE)
    return day - timedelta(days=day.weekday())


def _begin(day: date) -> int:
    return instant(day, 0, zone(DEFAULT_ZONE))


def _next_hour(now_ms: int) -> int:
    return (now_ms // HOUR_MS + 1) * HOUR_MS


def _at(group: str, monday: date) -> str:
    return f"/duty?group={group}&week={monday}" if group else f"/duty?week={monday}"


def _name(saying: Saying, one: Version) -> str:
    return str(one.fields["name_zh" if saying.language == "zh" else "name_en"])


def _person(saying: Saying, name: str, login: str) -> str:
    return name if name == login else f"{name}{saying.aside(login)}"


def _one(saying: Saying, words: tuple[str, str]) -> str:
    return words[saying.language != "zh"]
