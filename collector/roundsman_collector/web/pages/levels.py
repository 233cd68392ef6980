"""Service levels: what is promised for tickets, clock by clock, for which contracts, and since when.

    /levels            all of them, and how many contracts name each
    /levels/kiosk      one: its clocks in words, its rules, who has it, what it was before; its text, to be changed

A version that is put in force here counts for tickets that open from then on; those that are open keep what they were
promised. Whoever has not the right `system` sees the same without the form.
"""

from typing import Annotated, Any

import yaml
from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from roundsman_collector.api import levels
from roundsman_collector.api.access import See, System
from roundsman_collector.api.desk import desk_of
from roundsman_collector.api.levels import HISTORY, LevelName, contracts_of, level_or_404, parsed
from roundsman_collector.api.problem import Problem
from roundsman_collector.core.level import CLOCKS, MARKS, ClockRow
from roundsman_collector.core.lifecycle import MODES, WAITING
from roundsman_collector.roles import Who
from roundsman_collector.rules.levels import ALWAYS, LevelFile, level_of
from roundsman_collector.rules.shape import CATEGORIES
from roundsman_collector.store.entry_kinds import ZONES
from roundsman_collector.web.forms import form
from roundsman_collector.web.page import page, saying_of
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.words import N_

router = APIRouter()

TEXT_LIMIT = 100_000
RULES: dict[str, str] = {
    "both_signatures": N_("A visit is closed only with both signatures."),
    "report": N_("A visit is closed with its service report alone."),
    "follow_up": N_("A visit is closed after a follow-up alone."),
    "delay_analysis": N_("A visit that ends unfixed needs the delay analysis."),
    "loan_unit": N_("Who takes something away brings a loan unit first."),
    "consent": N_("What is done remotely needs the customer's consent."),
    "arrival_promised": N_("Who replies that somebody comes, or sends somebody, tells the customer when they arrive."),
    "examined_first": N_("Nobody is sent before it was looked into by readings, by phone or remotely."),
    "sent_at_once": N_("For the worst faults somebody is sent at once, while others work on them remotely."),
    "spare_along": N_("Nobody leaves without the spare that the solution takes."),
    "take_away_agreed": N_("Nothing is taken along without the customer's consent."),
    "transfer_agreed": N_("Both sides agree before another ticket goes on."),
    "hand_over_agreed": N_("What was handed over is closed when the customer agrees with what came of it."),
    "review": N_("What people worked on is closed after a review alone."),
    "auto_close": N_("A fault that is over closes a ticket that nobody was sent for."),
}
"""Rules that hold, or do not."""


@router.get("/levels")
def levels_page(request: Request, who: See) -> Response:
    """All service levels."""
    desk, saying = desk_of(request), saying_of(request)
    rows = [
        {**levels.told(desk, who, row), "name": _name(saying, levels.read(row))}
        for row in desk.view.newest_levels().values()
    ]
    return page(request, who, "levels.html", {"levels": rows})


@router.get("/levels/{level}")
def level_page(request: Request, who: See, level: LevelName) -> Response:
    """One service level."""
    return _page(request, who, level)


@router.post("/levels/{level}")
def change(
    request: Request, who: System, level: LevelName, fields: Annotated[dict[str, str], Depends(form)]
) -> Response:
    """Put another version in force."""
    desk = desk_of(request)
    text = fields.get("text", "")
    try:
        answer = levels.put(desk, who, level, parsed(text))
    except Problem as problem:
        return _page(request, who, level, written=text, wrong=problem.what, status=problem.status)
    waiting = "?waiting=true" if answer.state == "new" else ""
    return RedirectResponse(f"/levels/{level}{waiting}", 303)


def _page(
    request: Request, who: Who, name: str, *, written: str | None = None, wrong: str = "", status: int = 200
) -> Response:
    desk, saying = desk_of(request), saying_of(request)
    row = level_or_404(desk, name)
    file = levels.read(row)
    level = level_of(file)
    shown = {
        "told": levels.told(desk, who, row),
        "name": _name(saying, file),
        "clocks": [_clock(saying, one) for one in level.clocks],
        "calendars": [(key, week) for key, week in file.calendars.items()],
        "rules": [(saying(words), getattr(level, rule)) for rule, words in RULES.items()],
        "level": level,
        "contracts": [(one.id, one.fields["name"]) for one in contracts_of(desk, who, name)],
        "history": [levels.version(who, one) for one in desk.view.level_history(name, HISTORY)],
        "text": _text(file) if written is None else written,
        "wrong": wrong,
        "limit": TEXT_LIMIT,
        "waiting": "waiting" in request.query_params,
    }
    return page(request, who, "level.html", shown, status=status)


def _name(saying: Saying, file: LevelFile) -> str:
    return file.zh if saying.language == "zh" else file.en


def _text(file: LevelFile) -> str:
    """The service level as a file says it."""
    said = file.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return yaml.safe_dump(said, allow_unicode=True, sort_keys=False, default_flow_style=None, width=120)


def _clock(saying: Saying, row: ClockRow) -> dict[str, Any]:
    """A row of a clock in words."""
    at = saying.language != "zh"
    return {
        "name": CLOCKS[row.clock][at],
        "from": MARKS[row.from_][at],
        "until": MARKS[row.until][at],
        "target": _target(saying, row),
        "promised": "" if row.promised_ms is None else saying.span(row.promised_ms),
        "calendar": "" if row.calendar == ALWAYS else row.calendar,
        "is_mean": row.kind == "mean",
        "only": "; ".join(_fact(saying, fact, sorted(words)) for fact, words in row.only.items()),
        "pauses": saying.listed([WAITING[one][at] for one in sorted(row.pauses)]),
        "source": row.source,
    }


def _target(saying: Saying, row: ClockRow) -> str:
    if row.target_ms is not None:
        return saying.span(row.target_ms)
    if row.working_days is not None:
        return saying.plural("%(num)s working day", "%(num)s working days", row.working_days)
    return saying(N_("the appointment"))


def _fact(saying: Saying, fact: str, words: list[str]) -> str:
    at = saying.language != "zh"
    match fact:
        case "zone":
            shown = [ZONES[one][at] for one in words]
        case "service_class":
            shown = [saying.word("class", one) for one in words]
        case "severity" | "priority":
            shown = [saying.word("severity", one) for one in words]
        case "mode":
            shown = [MODES[one][at] for one in words]
        case _:
            shown = [CATEGORIES[one].of(saying.language) if one in CATEGORIES else one for one in words]
    return saying.listed(shown)
