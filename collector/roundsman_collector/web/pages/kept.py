"""履约: how promises were kept by the tickets of a period; each number leads to its tickets.

    /kept?period=month&by=contract                 a table of figures, then the clocks of each group
    /kept?period=month&by=clock&engineer=li.na     all together, of one engineer
    /kept/tickets?period=month&clock=repair&stands=missed      the tickets of a number, with their clock
    /kept.csv?…                                    the clocks as a file; &table=figures: the figures

Periods are days, months … of Beijing time; a ticket belongs to the one that it was opened in.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from roundsman_collector.api.access import See
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.kept import (
    Answer,
    Grouping,
    Row,
    asked_of,
    behind_of,
    counted,
    names_of,
    query,
    tickets_behind,
)
from roundsman_collector.api.moments import Window
from roundsman_collector.core.availability import percent_text
from roundsman_collector.core.kept import COUNTS, FIGURES, STANDS, Kept, figure
from roundsman_collector.core.level import CLOCKS
from roundsman_collector.core.lifecycle import STATES
from roundsman_collector.roles import Who
from roundsman_collector.store import ZONES
from roundsman_collector.store.kept import NONE, Behind, KeptAsked
from roundsman_collector.store.ticket_clocks import ClockRow
from roundsman_collector.web.page import page, saying_of
from roundsman_collector.web.pages.availability import PERIODS, window_of
from roundsman_collector.web.pages.availability import Wanted as Period
from roundsman_collector.web.pages.fleet import line
from roundsman_collector.web.pages.tickets import rows_of
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.words import N_

ROWS = 50
FILE_ROWS = 100_000
CHOICES = 500
PAGE = 50
BY_WORDS: Mapping[Grouping, str] = {
    "clock": N_("all together"),
    "contract": N_("Contract"),
    "engineer": N_("Engineer"),
    "zone": N_("Zone"),
    "source": N_("Reported by way of"),
}
NOBODY: Mapping[str, str] = {
    "contract": N_("without a contract"),
    "engineer": N_("nobody was sent"),
    "zone": N_("of no known zone"),
}
SHORT: tuple[str, ...] = ("10m", "1h")
"""Periods that are too short for tickets."""
SHOWN = ("met", "missed", "breached", "running", "counted", "cancelled", "recorded")
COLUMNS = (
    N_("Key"),
    N_("Name"),
    N_("Clock"),
    N_("Tickets"),
    N_("In time"),
    N_("Late"),
    N_("Late, still running"),
    N_("Running"),
    N_("In the mean"),
    N_("Not needed"),
    N_("Breach on record"),
    N_("In time, %%"),
    N_("Mean, s"),
    N_("Mean wanted, s"),
)
FIGURE_COLUMNS = (N_("Key"), N_("Name"), N_("Figures"), N_("Numerator"), N_("Denominator"), N_("Share, %%"))
AIMS: Mapping[str, str] = {"": "", "none": N_("aim 0"), "all": N_("aim 100%%")}

router = APIRouter()


class Wanted(BaseModel):
    """What the page is asked for."""

    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True)

    by: Grouping = "clock"
    period: str = Field("month", max_length=20)
    begin: str = Field("", max_length=10)
    end: str = Field("", max_length=10)
    contract: str = Field("", max_length=80)
    engineer: str = Field("", max_length=80)
    zone: str = Field("", max_length=80)
    source: str = Field("", max_length=80)

    @property
    def narrowed(self) -> dict[str, str]:
        """The tickets that are meant."""
        return {"contract": self.contract, "engineer": self.engineer, "zone": self.zone, "source": self.source}

    def when(self) -> dict[str, str]:
        """The period, as part of an address."""
        return {"period": self.period, "begin": self.begin, "end": self.end}


class WantedTickets(Wanted):
    """Of which number the tickets are wanted."""

    clock: str = Field("", max_length=40)
    stands: Literal["", "met", "missed", "breached", "running", "counted", "cancelled", "recorded"] = ""
    count: Literal[
        "",
        "tickets",
        "unsolved",
        "unfollowed",
        "followed_up",
        "satisfied",
        "dissatisfied",
        "called_again",
        "mended",
        "mended_again",
        "solved",
        "solved_remotely",
        "appointments_kept",
        "appointments_missed",
        "spares_there",
        "spares_missing",
    ] = ""
    left_out: Literal["", "void", "merged", "transferred"] = ""
    before: int | None = Field(default=None, ge=1, le=2**62)


@router.get("/kept")
def kept_page(request: Request, who: See, wanted: Annotated[Wanted, Query()]) -> Response:
    """How promises were kept."""
    return page(request, who, "kept.html", _kept(desk_of(request), saying_of(request), who, wanted))


@router.get("/kept.csv")
def kept_file(
    request: Request, who: See, wanted: Annotated[Wanted, Query()], table: Literal["clocks", "figures"] = "clocks"
) -> Response:
    """A table of the page as a file that spreadsheets open."""
    desk, saying = desk_of(request), saying_of(request)
    answer = counted(desk, _asked(who, wanted, saying), limit=FILE_ROWS)
    groups = _groups(desk, saying, wanted, answer)
    return StreamingResponse(
        _clock_lines(saying, groups) if table == "clocks" else _figure_lines(saying, groups),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="kept-{table}.csv"'},
    )


@router.get("/kept/tickets")
def kept_tickets_page(request: Request, who: See, wanted: Annotated[WantedTickets, Query()]) -> Response:
    """The tickets behind a number."""
    return page(request, who, "kept_tickets.html", _tickets(desk_of(request), saying_of(request), who, wanted))


# --- many ------------------------------------------------------------------------------------------------------------


def _window(wanted: Wanted, now_ms: int) -> Window:
    return window_of(Period.model_validate(wanted.when()), now_ms)


def _asked(who: Who, wanted: Wanted, saying: Saying) -> KeptAsked:
    return asked_of(
        who.scope,
        _window(wanted, saying.now_ms),
        by=wanted.by,
        contract=wanted.contract,
        engineer=wanted.engineer,
        zone=wanted.zone,
        source=wanted.source,
    )


def _kept(desk: Desk, saying: Saying, who: Who, wanted: Wanted) -> dict[str, Any]:
    window = _window(wanted, saying.now_ms)
    answer = counted(desk, _asked(who, wanted, saying), limit=ROWS)
    groups = _groups(desk, saying, wanted, answer)
    told = query({**wanted.when(), **wanted.narrowed}, by=wanted.by)
    return {
        "wanted": wanted,
        "window": window,
        "bys": [(key, saying(word)) for key, word in BY_WORDS.items()],
        "by_word": saying(BY_WORDS[wanted.by]),
        "periods": [(key, saying(word)) for key, word in PERIODS.items() if key not in SHORT],
        "contracts": _contracts(desk, who),
        "engineers": _engineers(desk, who),
        "zones": [(key, saying.pair(said)) for key, said in ZONES.items()],
        "nobody": {name: saying(word) for name, word in NOBODY.items()},
        "tickets": answer.total.counts.get("tickets", 0),
        "groups": [_group(saying, wanted, key, name, row) for key, name, row in groups],
        "figures": [saying.pair((one.zh, one.en)) for one in FIGURES.values()],
        "stands": [saying(COLUMNS[4 + place]) for place in range(len(SHOWN))],
        "found": answer.found,
        "is_cut": answer.found > len(answer.rows),
        "left_out": [
            {
                "word": saying.pair(STATES[one.state]),
                "tickets": one.tickets,
                "breached": one.breached,
                "link": _link(wanted, None, left_out=one.state),
            }
            for one in answer.left_out
        ],
        "file": f"/kept.csv?{told}",
        "figures_file": f"/kept.csv?{told}&table=figures",
        "json": f"/api/v1/kept?{window.query()}&{query(wanted.narrowed, by=wanted.by)}",
    }


def _groups(desk: Desk, saying: Saying, wanted: Wanted, answer: Answer) -> list[tuple[str, str, Row]]:
    """All together, then each group: its key ("" of all), its name, its figures."""
    told = names_of(desk, wanted.by, [row.key for row in answer.rows])
    rows = [
        (
            row.key or NONE,
            told[row.key][f"name_{saying.language}"]
            if row.key in told
            else row.key or saying(NOBODY.get(wanted.by, N_("not said"))),
            row,
        )
        for row in answer.rows
    ]
    return [("", saying(N_("All")), answer.total), *rows]


def _contracts(desk: Desk, who: Who) -> list[tuple[str, str]]:
    rows = desk.view.entries("contract", scope=who.scope, limit=CHOICES)
    return [(one.id, str(one.fields["name"] or one.id)) for one in rows]


def _engineers(desk: Desk, who: Who) -> list[tuple[str, str]]:
    """Who can be chosen: those that one has a group or customer in common with."""
    return [(one.person.id, one.person.name) for one in desk.view.engineers(scope=who.scope)]


def _link(wanted: Wanted, key: str | None, **number: str) -> str:
    """Where the tickets of a number are; `key`: of which group."""
    group: dict[str, str] = {wanted.by: key} if key and wanted.by != "clock" else {}
    return f"/kept/tickets?{query({**wanted.when(), **wanted.narrowed, **group}, **number)}"


def _group(saying: Saying, wanted: Wanted, key: str, name: str, row: Row) -> dict[str, Any]:
    return {
        "key": "" if key == NONE else key,
        "name": name,
        "tickets": row.counts.get("tickets", 0),
        "link": _link(wanted, key, count="tickets"),
        "figures": [_figure(saying, wanted, key, figure_name, row) for figure_name in FIGURES],
        "clocks": [_clock(saying, wanted, key, one) for one in row.clocks],
    }


def _figure(saying: Saying, wanted: Wanted, key: str, name: str, row: Row) -> dict[str, Any]:
    measure, found = FIGURES[name], figure(name, row.counts)
    is_missed = found.count > 0 if measure.aim == "none" else measure.aim == "all" and found.count < found.of
    return {
        "name": saying.pair((measure.zh, measure.en)),
        "share": "" if not measure.of else saying.percent(found.share, 1),
        "count": found.count,
        "of": found.of if measure.of else None,
        "aim": saying(AIMS[measure.aim]) if measure.aim else "",
        "is_missed": is_missed,
        "link": _link(wanted, key, count=measure.count),
        "of_link": _link(wanted, key, count=measure.of[0]) if len(measure.of) == 1 else "",
        "rest": [
            {
                "name": saying.pair(COUNTS[other]),
                "count": row.counts.get(other, 0),
                "link": _link(wanted, key, count=other),
            }
            for other in measure.of
            if len(measure.of) > 1 and other != measure.count
        ],
    }


def _clock(saying: Saying, wanted: Wanted, key: str, one: Kept) -> dict[str, Any]:
    return {
        "name": saying.word("clock", one.clock),
        "tickets": one.tickets,
        "stands": [(name, one.stands.get(name, 0), _link(wanted, key, clock=one.clock, stands=name)) for name in SHOWN],
        "share": saying.percent(one.share_met, 1),
        "is_missed": one.share_met is not None and one.share_met < 1,
        "mean": "" if one.mean_ms is None else saying.span(int(one.mean_ms)),
        "means": [
            {
                "is_met": mean.is_met,
                "text": saying(
                    N_("%(mean)s of %(target)s"),
                    mean=saying.span(int(mean.mean_ms)),
                    target=saying.span(mean.target_ms),
                ),
            }
            for mean in one.means
        ],
    }


# --- files -----------------------------------------------------------------------------------------------------------


def _clock_lines(saying: Saying, groups: Sequence[tuple[str, str, Row]]) -> Iterator[str]:
    yield "\ufeff" + line([saying(column) for column in COLUMNS])
    for key, name, row in groups:
        for one in row.clocks:
            yield line(
                [
                    "" if key == NONE else key,
                    name,
                    saying.word("clock", one.clock),
                    str(one.tickets),
                    *(str(one.stands.get(stands, 0)) for stands in SHOWN),
                    percent_text(one.share_met, 4, nothing=""),
                    "" if one.mean_ms is None else f"{float(one.mean_ms) / 1000:.3f}",
                    " / ".join(f"{mean.target_ms / 1000:.3f}" for mean in one.means),
                ]
            )


def _figure_lines(saying: Saying, groups: Sequence[tuple[str, str, Row]]) -> Iterator[str]:
    yield "\ufeff" + line([saying(column) for column in FIGURE_COLUMNS])
    for key, name, row in groups:
        for figure_name, measure in FIGURES.items():
            found = figure(figure_name, row.counts)
            share = percent_text(found.share, 4, nothing="")
            word = saying.pair((measure.zh, measure.en))
            yield line(["" if key == NONE else key, name, word, str(found.count), str(found.of), share])


# --- the tickets behind a number -------------------------------------------------------------------------------------


def _tickets(desk: Desk, saying: Saying, who: Who, wanted: WantedTickets) -> dict[str, Any]:
    asked = replace(_asked(who, wanted, saying), by="")
    number = behind_of(wanted.clock, wanted.stands, wanted.count, wanted.left_out)
    rows, older = tickets_behind(desk, asked, number, wanted.before, PAGE)
    clocks = desk.view.ticket_clocks([row.id for row in rows]) if number.clock else {}
    return {
        "wanted": wanted,
        "window": _window(wanted, saying.now_ms),
        "what": _what(saying, number),
        "of": [_chip(desk, saying, name, said) for name, said in wanted.narrowed.items() if said],
        "clock": saying.word("clock", number.clock) if number.clock else "",
        "tickets": [
            {**told, "opened_ms": row.opened_ms, "of": _of_clock(saying, number, clocks.get(row.id, ()))}
            for row, told in zip(rows, rows_of(desk, saying, rows), strict=True)
        ],
        "next_before": older,
        "back": f"/kept?{query({**wanted.when(), **wanted.narrowed}, by=wanted.by)}",
    }


def _what(saying: Saying, number: Behind) -> str:
    """The number in words."""
    if number.clock:
        return f"{saying.pair(CLOCKS[number.clock])} · {saying.pair(STANDS[number.stands])}"
    return saying.pair(COUNTS[number.count] if number.count else STATES[number.left_out])


def _chip(desk: Desk, saying: Saying, name: str, said: str) -> str:
    """What the list is narrowed to."""
    grouping: Grouping = next(one for one in BY_WORDS if one == name)
    told = names_of(desk, grouping, [said]).get(said, {})
    word = saying(NOBODY[name]) if said == NONE else told.get(f"name_{saying.language}", said)
    return f"{saying(BY_WORDS[grouping])}: {word}"


def _of_clock(saying: Saying, number: Behind, clocks: Sequence[ClockRow]) -> dict[str, Any] | None:
    """How the clock of this ticket stood when it was looked at last."""
    one = next((each for each in clocks if each.clock == number.clock), None)
    if one is None:
        return None
    return {
        "start_ms": one.start_ms,
        "due_ms": one.due_ms,
        "ended_ms": one.ended_ms,
        "elapsed": saying.span(one.elapsed_ms) if one.ended_ms is not None else "",
    }
