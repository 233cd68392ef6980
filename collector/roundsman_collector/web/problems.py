"""What went wrong, as a page says it: a heading and what to do, by code; else by status.

page_of(request, problem)   the page, for whoever asked
"""

from collections.abc import Mapping

from fastapi import Request
from fastapi.responses import Response

from roundsman_collector.api.access import who_of
from roundsman_collector.api.problem import Problem
from roundsman_collector.roles import Who
from roundsman_collector.store import StoreError
from roundsman_collector.web.page import page, saying_of
from roundsman_collector.web.pages.login import stranger
from roundsman_collector.web.words import N_

BY_CODE: Mapping[str, tuple[str, str]] = {
    "no_device": (N_("There is no such device"), N_("Look it up in the list: it may have been renamed or removed.")),
    "no_ticket": (N_("There is no such ticket"), N_("Look it up in the list of tickets.")),
    "no_such_label": (N_("There is no such label"), N_("Look it up in the list of labels.")),
    "no_public_url": (
        N_("Nobody has told yet where people reach this console"),
        N_("An administrator sets [api] public_url in the configuration; without it a label would lead nowhere."),
    ),
    "no_way": (N_("There is no such way of being told"), N_("Look it up in the list of who is told.")),
    "no_notice": (N_("There is no such notice"), N_("Notices are kept for 90 days. Look it up in the outbox.")),
    "not_yours": (N_("This is not for your role"), N_("Ask an administrator, who can change your role.")),
    "foreign_origin": (
        N_("This request did not come from our own page"),
        N_("Open the page again and repeat what you did."),
    ),
    "not_allowed": (
        N_("This cannot be done now"),
        N_("Somebody may have been faster. Look at the ticket as it stands now."),
    ),
    "window_too_long": (
        N_("So long a time cannot be shown at once"),
        N_("Ask for shorter windows one after the other."),
    ),
    "no_form": (N_("This ticket has no such form"), N_("Open the forms of the ticket, and choose one.")),
    "too_large": (N_("This file is too large"), N_("Send a smaller one: the largest sizes stand beside the form.")),
    "not_this_kind": (
        N_("This file is not what it is said to be"),
        N_("Photos are JPEG, PNG or WebP, documents PDF, videos MP4 or MOV, and their names say so."),
    ),
    "key_used": (N_("This was sent before, with another file"), N_("Open the page again and choose the file anew.")),
    "ticket_full": (N_("This ticket cannot take more files"), N_("Attach fewer or smaller ones.")),
    "files_full": (
        N_("There is no room for files any more"),
        N_("An administrator can raise the budget: [files] total_bytes of the configuration."),
    ),
    "no_room": (N_("There is no room for files any more"), N_("An administrator has to free space on the disk.")),
    "database_full": (
        N_("The disk is full: nothing was saved"),
        N_("An administrator has to free space on the disk of the database. Then send it again."),
    ),
    "letterhead": (
        N_("The letterhead cannot be used"),
        N_("An administrator mends the file and line that are named here; until then nothing is printed or issued."),
    ),
    "too_many_streams": (N_("Too many pages are open"), N_("Close some of them; this page works without being live.")),
}
BY_STATUS: Mapping[int, tuple[str, str]] = {
    401: (N_("Please sign in"), N_("Your session is over, or you have not signed in yet.")),
    403: (N_("This is not allowed"), N_("Ask an administrator, who can change your role.")),
    404: (N_("There is nothing here"), N_("Check the address, or begin at the list of devices.")),
    405: (N_("There is nothing here"), N_("Check the address, or begin at the list of devices.")),
    409: (N_("This cannot be done now"), N_("Look at it as it stands now, then try again.")),
    422: (N_("Something in this request cannot be used"), N_("Go back, mend what is marked, and try again.")),
    503: (
        N_("The database cannot be read now"),
        N_("Try again in a moment. If it stays like this, run roundsman doctor."),
    ),
}
OTHER = (N_("Something went wrong"), N_("Try again; if it happens again, tell an administrator the code below."))


def heading_of(problem: Problem) -> tuple[str, str]:
    """What to say, in English, and what to do."""
    return BY_CODE.get(problem.code) or BY_STATUS.get(problem.status) or OTHER


def page_of(request: Request, problem: Problem) -> Response:
    """The page that says it. A stranger is led to the login; what a script fetches makes the browser load it all."""
    if problem.status == 401 and request.method == "GET" and "hx-request" not in request.headers:
        return stranger(request)
    saying = saying_of(request)
    heading, advice = heading_of(problem)
    shown = {
        "problem": problem,
        "heading": saying(heading),
        "advice": saying(advice),
        "back": request.url.path.rpartition("/")[0] if request.method == "POST" else "/",
    }
    answer = page(request, _who(request), "problem.html", shown, status=problem.status)
    answer.headers.update(problem.headers)
    if problem.status == 401 and "hx-request" in request.headers:
        answer.headers["HX-Refresh"] = "true"
    return answer


def _who(request: Request) -> Who | None:
    try:
        return who_of(request)
    except (Problem, StoreError):
        return None
