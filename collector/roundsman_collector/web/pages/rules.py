"""The fault rules: the catalogue in force, one fault or function with its overrides, and the forms that change them.

/rules?category=printer&q=paper&own=1      the list, narrowed; own: those that something is different about
/rules/printer.paper_end                   a fault: how it is seen, what it means, what to do, what it was before
/rules/functions/receipts                  a function of some kinds of devices, and where it is critical

Whoever signed in may look; administrators change. A change is an override, in force from now on (api/rules.py).
"""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import RedirectResponse, Response

from roundsman_collector.api import rules as told_by_api
from roundsman_collector.api.access import See, System
from roundsman_collector.api.desk import desk_of
from roundsman_collector.api.problem import Problem
from roundsman_collector.api.rules import Code, InForce, function_or_404, now_in_force, rule_or_404
from roundsman_collector.core.policy import WHOLE, Above, Below, Rule
from roundsman_collector.roles import Who
from roundsman_collector.rules.flaws import KINDS
from roundsman_collector.rules.shape import CATEGORIES, NOTHING
from roundsman_collector.web.forms import form
from roundsman_collector.web.page import page, saying_of
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.words import N_

SEVERITY_WORDS = {1: "urgent", 2: "major", 3: "minor"}
WHERE_WORDS: Mapping[str, str] = {
    "": N_("all devices"),
    "kind": N_("devices of the kind"),
    "model": N_("devices of the model"),
    "site": N_("devices of the site"),
    "device": N_("the device"),
}
FIELD_WORDS: Mapping[str, str] = {
    "for_s": N_("must last (seconds)"),
    "clear_for_s": N_("must be over (seconds)"),
    "flap_s": N_("held as one if it turns faster (seconds)"),
    "severity": N_("Severity"),
    "service_class": N_("Service class"),
    "takes_down": N_("Takes down"),
    "ticket": N_("Opens a ticket"),
    "when": N_("Limits"),
    "critical": N_("Critical"),
}
SECONDS = ("for_s", "clear_for_s", "flap_s")
ROOT_WORDS: Mapping[str, str] = {"power": N_("power failures"), "uplink": N_("broken uplinks")}
WRONG: Mapping[str, str] = {
    "which": N_("Say for which kind, model, site or device."),
    "number": N_("Write a number of seconds from 0 to 2,592,000."),
    "limit": N_("Write a number."),
    "nothing": N_("Say at least one thing that is different."),
    "limits": N_("These limits do not fit: it would always hold, never hold, or never be over."),
    "kind": N_("There is no such kind of devices. One of your own is named in a file of rules first."),
    "other": N_("This does not fit the rules in force."),
    "gone": N_("Somebody was faster: look at the rules as they are now."),
}
WARNED = N_("Saved. Nobody like this is in the register yet: it will count once there is.")
SAVED = N_("Saved. It is in force from now on; what was before is judged as before.")
ASKED = N_("Asked; the collector has not answered yet.")
Fields = Annotated[dict[str, str], Depends(form)]
Name = Annotated[str, Path(description="A function's name.", min_length=1, max_length=40)]

router = APIRouter()


class _Wrong(Exception):
    """A form that cannot be used: which field, and what is said of it."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(f"{field}: {text}")
        self.field = field
        self.text = text


@router.get("/rules")
def rules_page(
    request: Request,
    who: See,
    category: Annotated[str, Query(max_length=40)] = "",
    q: Annotated[str, Query(max_length=80)] = "",
    own: Annotated[str, Query(max_length=4)] = "",
) -> Response:
    """The catalogue in force."""
    desk, saying = desk_of(request), saying_of(request)
    found = now_in_force(desk)
    faults = [told_by_api.fault(desk, who, found, rule) for rule in found.rules.rules]
    listed = [one for one in faults if _is_wanted(one, category, q.strip().lower(), own)]
    there = {one["category"] for one in faults}
    shown = {
        "rows": [_row(saying, one) for one in listed],
        "count": len(faults),
        "categories": [(name, label.of(saying.language)) for name, label in CATEGORIES.items() if name in there],
        "category": category,
        "q": q,
        "own": own,
        "functions": [
            _function(saying, told_by_api.function_told(desk, who, found, one)) for one in found.rules.functions
        ],
        "set": told_by_api.rule_set(who, found.row),
        "sets": [told_by_api.rule_set(who, row) for row in desk.view.rule_rows(20)],
    }
    return page(request, who, "rules.html", shown)


@router.get("/rules/functions/{name}")
def function_page(request: Request, who: See, name: Name, done: str = "") -> Response:
    """One function."""
    return _function_page(request, who, name, done=done)


@router.post("/rules/functions/{name}")
def change_function(request: Request, who: System, name: Name, fields: Fields) -> Response:
    """Let a function be critical, or not, for some devices from now on."""
    return _changed(request, who, {"function": name, "critical": fields.get("critical") == "yes"}, fields, name)


@router.post("/rules/functions/{name}/remove")
def remove_from_function(request: Request, who: System, name: Name, fields: Fields) -> Response:
    """Take an override of the console away."""
    return _removed(request, who, {"function": name}, fields, name)


@router.get("/rules/{code}")
def rule_page(request: Request, who: See, code: Code, done: str = "") -> Response:
    """One fault."""
    return _rule_page(request, who, code, done=done)


@router.post("/rules/{code}")
def change_rule(request: Request, who: System, code: Code, fields: Fields) -> Response:
    """Let a fault be different for some devices from now on."""
    rule = rule_or_404(now_in_force(desk_of(request)), code)
    try:
        said = {"code": code} | _said(rule, fields)
    except _Wrong as wrong:
        return _rule_page(request, who, code, written=fields, wrong=wrong, status=422)
    return _changed(request, who, said, fields, code)


@router.post("/rules/{code}/remove")
def remove_from_rule(request: Request, who: System, code: Code, fields: Fields) -> Response:
    """Take an override of the console away."""
    return _removed(request, who, {"code": code}, fields, code)


# --- forms -----------------------------------------------------------------------------------------------------------


def _said(rule: Rule, fields: Mapping[str, str]) -> dict[str, Any]:
    """What a form says is different, as a file of overrides would."""
    said: dict[str, Any] = {}
    for name in SECONDS:
        if fields.get(name, "").strip():
            said[name] = _number(fields, name, "number")
    if fields.get("severity", "") in ("1", "2", "3"):
        said["severity"] = int(fields["severity"])
    for name in ("service_class", "takes_down"):
        if fields.get(name):
            said[name] = fields[name]
    if fields.get("ticket", "") in ("yes", "no"):
        said["ticket"] = fields["ticket"] == "yes"
    limits = _limits(rule, fields)
    if limits:
        said["when"] = limits
    if not said:
        raise _Wrong("form", WRONG["nothing"])
    return said


def _limits(rule: Rule, fields: Mapping[str, str]) -> dict[str, float]:
    keys = ("above", "clear_below") if isinstance(rule.when, Above) else ("below", "clear_above")
    told = zip(("limit", "clear"), keys, strict=True)
    return {key: _number(fields, name, "limit") for name, key in told if fields.get(name, "").strip()}


def _number(fields: Mapping[str, str], name: str, wrong: str) -> float:
    try:
        return float(fields[name].strip())
    except ValueError as error:
        raise _Wrong(name, WRONG[wrong]) from error


def _for(fields: Mapping[str, str]) -> dict[str, Any]:
    where, which = fields.get("where", ""), fields.get("which", "").strip()
    if where and not which:
        raise _Wrong("which", WRONG["which"])
    return {"for": {where: which}} if where in WHERE_WORDS and where else {}


def _changed(request: Request, who: Who, said: dict[str, Any], fields: Mapping[str, str], name: str) -> Response:
    desk = desk_of(request)
    show = _rule_page if "code" in said else _function_page
    path = f"/rules/{name}" if "code" in said else f"/rules/functions/{name}"
    try:
        change = told_by_api.change_of(said | _for(fields))
        answer, warnings = told_by_api.put(desk, who, change)
    except _Wrong as wrong:
        return show(request, who, name, written=fields, wrong=wrong, status=422)
    except Problem as problem:
        if problem.status not in (409, 422):
            raise
        return show(request, who, name, written=fields, wrong=_wrong_of(problem), status=problem.status)
    done = "asked" if answer.state == "new" else "warned" if warnings else "saved"
    return RedirectResponse(f"{path}?done={done}", 303)


def _wrong_of(problem: Problem) -> _Wrong:
    """Which field it is about, and how to say so."""
    if "for.kind" in problem.what:
        return _Wrong("which", WRONG["kind"])
    if " when." in problem.what or " when:" in problem.what:
        return _Wrong("limit", WRONG["limits"])
    named = next((name for name in SECONDS if f" {name}:" in problem.what), "")
    return _Wrong(named, WRONG["number"]) if named else _Wrong("form", WRONG["other"])


def _removed(request: Request, who: Who, said: dict[str, Any], fields: Mapping[str, str], name: str) -> Response:
    show = _rule_page if "code" in said else _function_page
    path = f"/rules/{name}" if "code" in said else f"/rules/functions/{name}"
    try:
        answer = told_by_api.remove(desk_of(request), who, told_by_api.change_of(said | _for(fields)))
    except _Wrong as wrong:
        return show(request, who, name, wrong=wrong, status=422)
    except Problem as problem:
        if problem.status not in (409, 422):
            raise
        return show(request, who, name, wrong=_Wrong("form", WRONG["gone"]), status=409)
    return RedirectResponse(f"{path}?done={'asked' if answer.state == 'new' else 'saved'}", 303)


# --- what the templates show -----------------------------------------------------------------------------------------


def _is_wanted(one: Mapping[str, Any], category: str, q: str, own: str) -> bool:
    text = " ".join((one["code"], one["zh"], one["en"])).lower()
    return (not category or one["category"] == category) and q in text and (not own or bool(one["overrides"]))


def _row(saying: Saying, one: Mapping[str, Any]) -> dict[str, Any]:
    language = saying.language
    return {
        "code": one["code"],
        "name": one[language],
        "seen": one[f"seen_{language}"],
        "lasting": saying.span(round(one["for_s"] * 1000)) if one["for_s"] else "",
        "severity": SEVERITY_WORDS[one["severity"]],
        "takes_down": one[f"takes_down_{language}"],
        "ticket": one["ticket"],
        "overrides": len(one["overrides"]),
    }


def _function(saying: Saying, one: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": one["name"],
        "title": one[saying.language],
        "kinds": saying.listed(saying.word("kind", kind) for kind in one["kinds"]),
        "critical": one["critical"],
        "overrides": [_override(saying, {}, row) for row in one["overrides"]],
    }


def _override(saying: Saying, functions: Mapping[str, str], row: Mapping[str, Any]) -> dict[str, Any]:
    """An override as a line: for whom, what is different, who said so."""
    where, which = next(iter((row.get("for") or {"": ""}).items()))
    return {
        "where": where,
        "which": which,
        "for": f"{saying(WHERE_WORDS[where])} {saying.word('kind', which) if where == 'kind' else which}".strip(),
        "changes": [
            (saying(FIELD_WORDS[name]), _said_value(saying, functions, name, value))
            for name, value in row.items()
            if name in FIELD_WORDS
        ],
        "is_ours": row["origin"] == "console",
        "by": row.get("by", ""),
        "at_ms": row.get("at_ms"),
    }


def _said_value(saying: Saying, functions: Mapping[str, str], name: str, value: Any) -> str:
    if name == "severity":
        return saying.word("severity", SEVERITY_WORDS[value])
    if name == "service_class":
        return saying.word("class", value)
    if name == "takes_down":
        return functions.get(value, value)
    if name == "when":
        return " / ".join(f"{limit:g}" for limit in value.values())
    if isinstance(value, bool):
        return saying(N_("yes")) if value else saying(N_("no"))
    return f"{value:g}"


def _names(saying: Saying, found: InForce) -> dict[str, str]:
    """What a fault may take down, by its word."""
    own = {one.name: one.zh if saying.language == "zh" else one.en for one in found.rules.functions}
    return {WHOLE: saying(N_("the whole device")), **own, NOTHING: saying(N_("nothing"))}


def _rule_page(
    request: Request,
    who: Who,
    code: str,
    *,
    done: str = "",
    written: Mapping[str, str] | None = None,
    wrong: _Wrong | None = None,
    status: int = 200,
) -> Response:
    desk, saying = desk_of(request), saying_of(request)
    found = now_in_force(desk)
    rule = rule_or_404(found, code)
    told = told_by_api.fault(desk, who, found, rule)
    names, language = _names(saying, found), saying.language
    shown = {
        **_around(saying, done, written, wrong),
        "told": told,
        "row": _row(saying, told),
        "category": told[f"category_{language}"],
        "service_class": told["service_class"],
        "clearing": saying.span(round(told["clear_for_s"] * 1000)) if told["clear_for_s"] else "",
        "flapping": saying.span(round(told["flap_s"] * 1000)) if told["flap_s"] else "",
        "explains": saying(ROOT_WORDS[told["explains"]]) if told["explains"] else "",
        "explained_by": saying.listed(saying(ROOT_WORDS[one]) for one in told["explained_by"]),
        "causes": [one[language] for one in told["causes"]],
        "remedy": told["remedy"][language] if told["remedy"] else "",
        "parts": [one[language] for one in told["parts"]],
        "overrides": [_override(saying, names, row) for row in told["overrides"]],
        "history": [_past(saying, names, one) for one in told_by_api.past(desk, who, code)],
        "takes_down_options": [("", saying(N_("as it is"))), *names.items()],
        "has_limits": isinstance(rule.when, Above | Below),
    }
    return page(request, who, "rule.html", shown, status=status)


def _past(saying: Saying, names: Mapping[str, str], one: Mapping[str, Any]) -> dict[str, Any]:
    fault = one["fault"]
    return {
        "from_ms": one["valid_from_ms"],
        "by": one["made_by"],
        "hash": one["hash"],
        "row": None if fault is None else _row(saying, fault),
        "overrides": [] if fault is None else [_override(saying, names, row) for row in fault["overrides"]],
    }


def _function_page(
    request: Request,
    who: Who,
    name: str,
    *,
    done: str = "",
    written: Mapping[str, str] | None = None,
    wrong: _Wrong | None = None,
    status: int = 200,
) -> Response:
    desk, saying = desk_of(request), saying_of(request)
    found = now_in_force(desk)
    one = told_by_api.function_told(desk, who, found, function_or_404(found, name))
    shown = {
        **_around(saying, done, written, wrong),
        "function": _function(saying, one),
        "faults": [
            _row(saying, told_by_api.fault(desk, who, found, rule))
            for rule in found.rules.rules
            if rule.function == name
        ],
    }
    return page(request, who, "rule_function.html", shown, status=status)


def _around(saying: Saying, done: str, written: Mapping[str, str] | None, wrong: _Wrong | None) -> dict[str, Any]:
    """What both pages need for their form."""
    said = written or {}
    names = (
        *SECONDS,
        "where",
        "which",
        "severity",
        "service_class",
        "takes_down",
        "ticket",
        "limit",
        "clear",
        "critical",
    )
    return {
        "written": {name: said.get(name, "") for name in names},
        "errors": {name: saying(wrong.text) if wrong and wrong.field == name else "" for name in (*names, "form")},
        "done": saying({"saved": SAVED, "warned": WARNED, "asked": ASKED}[done]) if done in _DONE else "",
        "where_options": [(key, saying(word)) for key, word in WHERE_WORDS.items()],
        "kinds": saying.listed(KINDS),
        "severity_options": [
            ("", saying(N_("as it is"))),
            *((str(number), saying.word("severity", word)) for number, word in SEVERITY_WORDS.items()),
        ],
        "class_options": [
            ("", saying(N_("as it is"))),
            *((key, saying.word("class", key)) for key in ("clerk", "maintenance", "replacement")),
        ],
        "yes_no": [("", saying(N_("as it is"))), ("yes", saying(N_("yes"))), ("no", saying(N_("no")))],
    }


_DONE = ("saved", "warned", "asked")
