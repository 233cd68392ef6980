"""Tickets as a file to take away: what a list shows, a line for each, the newest first.

    GET /tickets/export.csv?state=over&site=metro-a&lang=en          .xlsx: the same as a workbook
    answer(desk, who, asked, "csv", "zh") -> Response                for the console, which has the same filter

Times are on the clock of Beijing. Who may not act on tickets gets telephone numbers masked. Lines are read and sent a
few hundred at a time; a file that does not hold all says so in its last line.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from roundsman_collector.api import tables
from roundsman_collector.api.access import See
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.entries import DEFAULT_ZONE
from roundsman_collector.api.ticket_filter import Asked
from roundsman_collector.api.whole_numbers import note
from roundsman_collector.core.calendar import zone
from roundsman_collector.core.level import CLOCKS
from roundsman_collector.core.lifecycle import ENDINGS, SERVICES, STATES, WAITING
from roundsman_collector.core.ticket_log import reported
from roundsman_collector.reports.dossier import masked
from roundsman_collector.reports.words import SEVERITIES, SOURCES, step_word, word
from roundsman_collector.roles import Who
from roundsman_collector.store import ZONES, Card, TicketFilter, TicketRow, Version
from roundsman_collector.store.ticket_clocks import ClockRow
from roundsman_collector.store.ticket_lists import ON_THEIR_WAY, Line
from roundsman_wire.catalogue import Label

AT_ONCE = 500
MOST = 100_000
Language = Literal["zh", "en"]
TITLE = Label(zh="工单", en="Tickets")
MORE = Label(zh="还有更多，未列全，请缩小范围", en="there are more: narrow the list")
COLUMNS = (
    Label(zh="单号", en="Number"),
    Label(zh="状态", en="State"),
    Label(zh="等待原因", en="Waits"),
    Label(zh="来源", en="By way of"),
    Label(zh="紧急程度", en="Severity"),
    Label(zh="客户优先级", en="Customer's priority"),
    Label(zh="服务类型", en="Kind of service"),
    Label(zh="客户", en="Customer"),
    Label(zh="站点", en="Site"),
    Label(zh="点位", en="Place"),
    Label(zh="区域", en="Zone"),
    Label(zh="合同", en="Contract"),
    Label(zh="设备", en="Device"),
    Label(zh="设备名称", en="Device's name"),
    Label(zh="故障", en="Fault"),
    Label(zh="故障情况", en="What was reported"),
    Label(zh="用户要求", en="Customer wishes"),
    Label(zh="报修人", en="Reported by"),
    Label(zh="联系电话", en="Phone"),
    Label(zh="再次来电次数", en="Called again"),
    Label(zh="故障开始（北京时间）", en="Fault since (Beijing)"),
    Label(zh="报修时间（北京时间）", en="Reported (Beijing)"),
    Label(zh="受理时间（北京时间）", en="Taken (Beijing)"),
    Label(zh="受理人", en="Taken by"),
    Label(zh="服务工程师", en="Engineer"),
    Label(zh="约定到场（北京时间）", en="Arrival agreed (Beijing)"),
    Label(zh="下一时限", en="Next due"),
    Label(zh="应于（北京时间）", en="Due (Beijing)"),
    Label(zh="超时", en="Late"),
    Label(zh="故障结束（北京时间）", en="Fault over (Beijing)"),
    Label(zh="维修结果", en="Result"),
)
VERBS = ("open", "call", "check", "priority", "plan", "fix", "resolve")
"""Lines of the log that a file tells something of."""

router = APIRouter(prefix="/tickets", tags=["tickets"])


@router.get(
    "/export.{form}",
    response_class=Response,
    responses={200: {"content": {tables.CSV_TYPE: {}, tables.XLSX_TYPE: {}}}},
    summary="A list of tickets, as csv or xlsx",
)
def export(
    request: Request,
    who: See,
    form: Annotated[str, Path(description="csv or xlsx", max_length=8)],
    asked: Annotated[Asked, Query()],
    lang: Annotated[Language, Query(description="Of the words in it.")] = "zh",
) -> Response:
    """The tickets that the console's list shows under the same filter, all of them up to 100,000."""
    return answer(desk_of(request), who, asked, form, lang)


def answer(desk: Desk, who: Who, asked: Asked, form: str, language: Language) -> Response:
    """The file."""
    header = [one.of(language) for one in COLUMNS]
    if who.may("act"):
        note(desk, who, "tickets:export", "the numbers of its callers")
    rows = _lines(desk, who, asked.wanted(who, desk.now_ms()), language)
    return tables.answer(form, "tickets", TITLE.of(language), header, rows)


def _lines(desk: Desk, who: Who, wanted: TicketFilter, language: Language) -> Iterator[Sequence[tables.Cell]]:
    people, before, count = desk.view.people_names(), None, 0
    while rows := desk.view.tickets_page(who.scope, wanted, before_id=before, limit=AT_ONCE):
        if count >= MOST:
            yield [MORE.of(language)]
            return
        around = _Around(desk, who, language, rows, people)
        yield from (around.line(row) for row in rows)
        before, count = rows[-1].id, count + len(rows)


class _Around:
    """What stands around some tickets, read for all of them at once."""

    def __init__(
        self, desk: Desk, who: Who, language: Language, rows: Sequence[TicketRow], people: Mapping[str, str]
    ) -> None:
        ids = [row.id for row in rows]
        view = desk.view
        self.desk, self.who, self.language, self.people = desk, who, language, people
        self.cards = view.cards_named([row.subject for row in rows])
        self.log = view.ticket_lines(ids, VERBS)
        self.clocks = view.ticket_clocks(ids)
        self.customers = view.entries_named("customer", {row.customer for row in rows if row.customer})
        self.sites = view.entries_named("site", {row.site for row in rows if row.site})
        self.places = view.entries_named("place", {row.place for row in rows if row.place})
        self.contracts = view.entries_named("contract", {row.contract for row in rows if row.contract})

    def line(self, row: TicketRow) -> list[tables.Cell]:
        """A ticket's cells, in the order of COLUMNS."""
        card, log, clocks = self.cards.get(row.subject), self.log.get(row.id, ()), self.clocks.get(row.id, ())
        told = reported((one.verb, one.text, one.data) for one in log)
        phone = told.get("phone", "")
        due = _next(clocks)
        return [
            row.number,
            self._said(step_word(STATES, row.state)),
            self._said(step_word(WAITING, row.waiting)) if row.waiting else "",
            self._said(word(SOURCES, row.source)),
            self._said(word(SEVERITIES, row.severity)),
            self._said(word(SEVERITIES, _priority(log))),
            self._said(step_word(SERVICES, _last(log, "plan", "service"))),
            *self._where(row, card),
            row.subject,
            "" if card is None else self._either(card.name_zh, card.name_en),
            self.desk.fault_name(row.code, self.language),
            told.get("words", ""),
            told.get("wish", ""),
            told.get("name", ""),
            phone if self.who.may("act") else masked(phone),
            sum(one.verb == "call" for one in log),
            _when(row.fault_from_ms),
            _when(row.opened_ms),
            _when(row.acknowledged_ms),
            self._name(row.acknowledged_by),
            self._name(row.engineer),
            _when(row.arrival_ms),
            "" if due is None else self._clock(due),
            "" if due is None else _when(due.due_ms),
            " / ".join(self._clock(one) for one in clocks if one.is_breached or one.state in ("breached", "missed")),
            _when(row.fault_to_ms),
            self._result(log),
        ]

    def _where(self, row: TicketRow, card: Card | None) -> tuple[str, ...]:
        """Customer, site, place, zone, contract: the ticket's own; of one from before it kept them, its device's."""
        if not (row.customer or row.site or row.place) and card is not None:
            named = (
                self._either(card.customer_zh, card.customer_en),
                self._either(card.site_zh, card.site_en),
                self._either(card.place_zh, card.place_en),
            )
            return (*named, self._zone(card.zone), card.contract_name or "")
        return (
            self._entry(self.customers, row.customer),
            self._entry(self.sites, row.site),
            self._entry(self.places, row.place),
            self._zone(row.zone),
            self._entry(self.contracts, row.contract),
        )

    def _entry(self, found: Mapping[str, Version], entry: str | None) -> str:
        if entry is None or entry not in found:
            return entry or ""
        fields = found[entry].fields
        return str(fields.get("name") or "") or self._either(fields.get("name_zh"), fields.get("name_en"))

    def _zone(self, name: str | None) -> str:
        return self._said(step_word(ZONES, name)) if name else ""

    def _result(self, log: Sequence[Line]) -> str:
        """What was done, or how it ended without a visit."""
        if work := _last(log, "fix", "work"):
            return work
        return self._said(step_word(ENDINGS, _last(log, "resolve", "how")))

    def _clock(self, one: ClockRow) -> str:
        return self._said(step_word(CLOCKS, one.clock))

    def _name(self, login: str | None) -> str:
        return self.people.get(login or "", login or "")

    def _said(self, what: Label | str) -> str:
        return what if isinstance(what, str) else what.of(self.language)

    def _either(self, zh: str | None, en: str | None) -> str:
        return (zh or en or "") if self.language == "zh" else (en or zh or "")


def _last(log: Sequence[Line], verb: str, key: str) -> str:
    """What the last line of a verb says under a key."""
    found: Any = next((one.data.get(key) for one in reversed(log) if one.verb == verb), None)
    return "" if found is None else str(found)


def _priority(log: Sequence[Line]) -> str:
    """How urgent the customer calls it: said later, or at the beginning."""
    return _last(log, "priority", "priority") or next(
        (str(one.data.get("customer_priority") or "") for one in log if one.verb == "open"), ""
    )


def _next(clocks: Sequence[ClockRow]) -> ClockRow | None:
    """Of the clocks that have begun and not ended, the one that is due first."""
    running = [one for one in clocks if one.state in ON_THEIR_WAY and one.due_ms is not None]
    return min(running, key=lambda one: (one.state == "paused", one.due_ms or 0), default=None)


def _when(ms: int | None) -> str:
    if ms is None:
        return ""
    return datetime.fromtimestamp(ms / 1000, UTC).astimezone(zone(DEFAULT_ZONE)).strftime("%Y-%m-%d %H:%M:%S")
