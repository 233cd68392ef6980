"""The steps that a ticket's page offers: the form that is open, and what all forms of this ticket can be filled with.

    steps(found, "dispatch", given, wrong)      the open form with what was written in it, and the other steps
    ground_of(found) -> Ground                  people, parts, spares, loans … to choose from

Without a verb the likeliest step (next_step.py) is open.
"""

import secrets
from collections.abc import Mapping
from typing import Any

from roundsman_collector.api.tickets import asked_for
from roundsman_collector.reports.forms import sheets
from roundsman_collector.reports.forms.intake import unknown
from roundsman_collector.store.loans import BECAME
from roundsman_collector.store.openings import TEXT_LIMIT
from roundsman_collector.web import step_forms
from roundsman_collector.web.next_step import likeliest
from roundsman_collector.web.pages.engineers import suggestion_rows
from roundsman_collector.web.pages.forms import ACCEPTED, KINDS, OFFERED
from roundsman_collector.web.shown import component_name
from roundsman_collector.web.step_forms import WITH_FILE, Ground
from roundsman_collector.web.ticket_found import Found
from roundsman_collector.web.ticket_log import RULES, SIDES
from roundsman_collector.web.ticket_spares import choices
from roundsman_collector.web.words import SEVERITIES

SENDING = ("dispatch", "check")
"""Steps beside which stands what a ticket does not say of what somebody who is sent has to know."""


def steps(found: Found, verb: str, given: Mapping[str, str], wrong: Mapping[str, str]) -> dict[str, Any]:
    """The form that is open, and the other steps that are offered."""
    if not found.who.may("act"):
        return {"form": None, "others": []}
    offered = [one["verb"] for one in found.told["steps"] if one["verb"] in step_forms.FORMS]
    order = likeliest(found.standing, offered, asked_for(found.desk, found.row))
    is_kept = bool(given) and verb in step_forms.FORMS
    chosen = verb if verb in order or is_kept else (order[0] if order else "note")
    ground = ground_of(found)
    values = dict(given) if given else _usual(found, chosen, ground)
    return {
        "form": {
            "verb": chosen,
            "fields": step_forms.shown(chosen, ground, values, wrong),
            "path": "send" if chosen in WITH_FILE else "act",
            "accepted": "image/png,image/jpeg" if chosen == "sign" else ACCEPTED,
            "key": secrets.token_urlsafe(16),
            "seen": found.told["version"],
        },
        "others": [(one, found.saying.word("step", one)) for one in order if one != chosen],
        "unknown": [one.of(found.saying.language) for one in unknown(found.dossier)] if chosen in SENDING else [],
        "suggested": suggestion_rows(found.desk, found.saying, found.row) if chosen == "dispatch" else [],
        "limit": TEXT_LIMIT,
    }


def _usual(found: Found, verb: str, ground: Ground) -> dict[str, str]:
    """What a form holds before anybody wrote in it."""
    if verb == "dispatch":
        best = [one["login"] for one in suggestion_rows(found.desk, found.saying, found.row) if one["is_best"]]
        return {"engineer": best[0]} if best else {}
    if verb == "sign" and ground.options("sides")[0][0] == "service":
        return {"name": found.who.name}
    if verb == "plan":
        return {"mode": "visit"}
    if verb == "check":
        return {"asked": "customer" if any(one.verb == "check" for one in found.log) else "desk"}
    if verb == "loan_back":
        return {"became": "returned"}
    if verb == "follow_up":
        return {"reached": "yes"}
    if verb in ("part", "take_away"):
        return {"component": found.row.component, "quantity": "1"}
    return {}


def ground_of(found: Found) -> Ground:
    """What the forms of this ticket offer."""
    desk, saying, row, standing = found.desk, found.saying, found.row, found.standing
    people = [(one["login"], _named(one)) for one in suggestion_rows(desk, saying, row)]
    known = {login for login, _ in people}
    others = [
        (one.person.id, one.person.name)
        for one in desk.view.engineers(scope=found.who.scope)
        if one.person.id not in known
    ]
    _, _, loans = desk.view.spares_of_ticket(row.id)
    units = [(one.id, f"{one.name or one.unit or one.item or ''} {one.serial}".strip()) for one in loans if one.is_out]
    return Ground(
        saying=saying,
        zone=found.zone,
        lists={
            "engineers": [*people, *others],
            "people": [*people, *others],
            "components": found.components,
            "taken": [(name, component_name(saying, name)) for name in sorted(standing.taken_away)],
            "loans_here": [(str(key), name) for key, name in units if key in standing.loans],
            "spares": choices(found),
            "sheets": [(one.id, one.title.of(saying.language)) for one in sheets(found.dossier) if one.is_due],
            "sides": [(side, saying(SIDES[side])) for side in sorted(SIDES, key=lambda one: one in standing.signed)],
            "kinds": [(kind, saying(KINDS[kind])) for kind in OFFERED],
            "became": [(key, saying.pair(said)) for key, said in BECAME.items() if key],
            "ratings": [(str(one), "★" * one) for one in range(5, 0, -1)],
            "severities": [(name, saying.word("severity", name)) for name in SEVERITIES],
            "rules": [(rule, saying(word)) for rule, word in RULES.items()],
        },
    )


def _named(one: Mapping[str, Any]) -> str:
    """Somebody in a list of choices: the name, and what speaks for and against them."""
    reasons = " · ".join(part for part in (one["reasons"], one["warnings"]) if part)
    return f"{one['name']} · {reasons}" if reasons else str(one["name"])
