"""Our pages: a file for each, with its addresses and what its template shows.

How a page is added, for instance `rounds`:

1. pages/rounds.py with `router = APIRouter()`. Every address takes `who: See` (api/access.py: a name for each right),
   keeps to `who.scope`, and ends with `return page(request, who, "rounds.html", shown, live="...")`. A form is read by
   `fields: Annotated[dict[str, str], Depends(form)]` (web/forms.py); what it does ends with `RedirectResponse(…, 303)`.
2. templates/rounds.html: `{% extends "layout.html" %}`, `{% block title %}`, `{% block main %}` (static part) and
   `{% block live %}` (fetched again when something changes). parts.html has macros for what pages share.
3. A line in ROUTERS below, and one in web/menu.py if people should find it by the menu.
4. `make words`, and the Chinese into locale/zh_CN/LC_MESSAGES/roundsman.po.
5. A row in tests/browser/pages.py: then it is tried in both languages, at both widths, for accessibility and CSP.
"""

from fastapi import APIRouter

from roundsman_collector.web import live
from roundsman_collector.web.pages import (
    agents,
    agree,
    asset,
    audit,
    availability,
    calendars,
    card,
    changes,
    confirming,
    device,
    duty,
    engineers,
    fleet,
    forecasts,
    forms,
    health,
    importing,
    inbox,
    kept,
    labels,
    levels,
    login,
    mine,
    overlays,
    people,
    ratios,
    recurrence,
    reference,
    register,
    report,
    report_words,
    reports,
    round_work,
    rounds,
    rules,
    samples,
    scanned,
    slips,
    statistics,
    stock,
    stock_entries,
    stock_months,
    tasks,
    ticket,
    ticket_spares,
    tickets,
    ways,
)

ROUTERS: tuple[APIRouter, ...] = (
    fleet.router,
    device.router,
    samples.router,
    availability.router,
    tickets.router,
    report.router,  # before the page of a ticket, whose address would hold its own
    ticket.router,
    ticket_spares.router,
    mine.router,
    kept.router,
    round_work.router,
    rounds.router,
    report_words.router,  # before a report's id, which would take its name for one
    reports.router,
    confirming.router,
    tasks.router,
    agree.router,
    stock.router,
    stock_months.router,
    stock_entries.router,
    asset.router,
    forms.router,
    slips.router,
    agents.router,
    calendars.router,
    ratios.router,
    recurrence.router,
    statistics.router,
    forecasts.router,
    overlays.router,
    changes.router,
    duty.router,
    engineers.router,
    rules.router,
    levels.router,
    register.router,
    labels.router,
    scanned.router,
    card.router,
    importing.router,
    inbox.router,
    ways.router,
    health.router,
    audit.router,
    people.router,
    login.router,
    reference.router,
    live.router,
)
