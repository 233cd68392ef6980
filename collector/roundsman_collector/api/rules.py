"""/rules: the fault catalogue in force, as of a time; overrides that people make; the rule sets that there were.

    GET  /rules?at=…                                    functions, faults with their overrides, and which set it is
    GET  /rules/printer.paper_end                       one fault: also what it was in earlier sets
    GET  /rule-sets                                     all sets, the newest first: hash, since when, who
    POST /rules/overrides {"code": "printer.paper_end", "for": {"site": "old-town"}, "for_s": 600}
    POST /rules/overrides/remove {"code": "printer.paper_end", "for": {"site": "old-town"}}

An override is written as in a file of overrides (docs/policy.md) and begins now. Somebody whose scope is not everything
sees no override for a site or a device that they do not reach.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Body, Path, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict

from roundsman_collector.api import telling
from roundsman_collector.api.access import See, System
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.moments import EXPECTED, read, stamped
from roundsman_collector.api.problem import Problem
from roundsman_collector.api.tickets import awaited
from roundsman_collector.core.policy import Rule
from roundsman_collector.core.rulebook import Function, RuleSet
from roundsman_collector.roles import Who
from roundsman_collector.rules import shape
from roundsman_collector.rules.kept import Kept, change_written, in_force, kept_from
from roundsman_collector.rules.shape import CATEGORIES, NOTHING, Change, For, RulesError
from roundsman_collector.rules.told import seen_by
from roundsman_collector.rules.written import override_written, when_written
from roundsman_collector.store import CommandRow, RuleSetRow
from roundsman_collector.wording import nearest, short

HISTORY = 60
"""So many sets are looked at for what a fault was."""
AtQuery = Annotated[str | None, Query(alias="at", description=f"As they were in force then: {EXPECTED}.")]
Code = Annotated[str, Path(description="A fault's code.", min_length=1, max_length=80)]
Json = dict[str, Any]

router = APIRouter(tags=["rules"])


class FaultShape(BaseModel):
    """A fault. `when` as a file says it, `seen_zh` and `seen_en` in words; `overrides` are for some devices."""

    model_config = ConfigDict(extra="allow")

    code: str
    zh: str
    en: str
    category: str
    severity: int
    service_class: str
    takes_down: str
    ticket: bool
    for_s: float
    clear_for_s: float
    flap_s: float
    when: dict[str, Any]
    seen_zh: str
    seen_en: str
    overrides: list[dict[str, Any]]


class RulesShape(BaseModel):
    """The rules in force."""

    model_config = ConfigDict(extra="allow")

    hash: str
    valid_from_ms: int
    faults: list[FaultShape]
    functions: list[dict[str, Any]]


class PastShape(BaseModel):
    """What a fault was from a time on; `fault` null: it was not there."""

    model_config = ConfigDict(extra="allow")

    hash: str
    valid_from_ms: int
    fault: FaultShape | None


class FaultFullShape(FaultShape):
    """A fault with what it was before, the newest first: a line where something changed."""

    history: list[PastShape]


class RuleSetShape(BaseModel):
    """A rule set. `made_by` "": the files, at a start of the collector."""

    model_config = ConfigDict(extra="allow")

    hash: str
    valid_from_ms: int
    made_by: str


class RuleSetsShape(BaseModel):
    """All rule sets, the newest first."""

    rule_sets: list[RuleSetShape]


class DoneShape(BaseModel):
    """What became of an override; `state` new: the collector has not taken it yet. `warnings`: who is not there."""

    command: int
    state: str
    hash: str | None
    warnings: list[str]


class InForce(NamedTuple):
    """A rule set, read."""

    row: RuleSetRow
    kept: Kept
    rules: RuleSet


@lru_cache(maxsize=HISTORY + 4)
def _read(row: RuleSetRow) -> InForce:
    kept = kept_from(row.body, source=f"rule set {row.hash}")
    return InForce(row, kept, in_force(kept, hash_=row.hash, valid_from_ms=row.valid_from_ms))


def now_in_force(desk: Desk, at_ms: int | None = None) -> InForce:
    """The rules in force now, or at a time; Problem where there never were any."""
    row = desk.view.rules_at(at_ms)
    if row is None:
        raise Problem(
            404,
            "no_rules",
            what="no rules were ever in force",
            where="this database",
            expected="a collector that was started once",
            do="start the collector",
        )
    return _read(row)


# --- what is told ----------------------------------------------------------------------------------------------------


def fault(desk: Desk, who: Who, found: InForce, rule: Rule) -> Json:
    """A fault of a rule set."""
    advice = desk.advice.get(rule.code)
    category = CATEGORIES.get(rule.category, CATEGORIES["other"])
    function = next((one for one in found.rules.functions if one.name == rule.function), None)
    return {
        "code": rule.code,
        "zh": rule.zh,
        "en": rule.en,
        "category": rule.category,
        "category_zh": category.zh,
        "category_en": category.en,
        "severity": rule.severity,
        "service_class": rule.service_class,
        "takes_down": rule.function or NOTHING,
        "takes_down_zh": "整机" if rule.function == "device" else function.zh if function else "",
        "takes_down_en": "the whole device" if rule.function == "device" else function.en if function else "",
        "ticket": rule.ticket,
        "for_s": rule.for_ms / 1000,
        "clear_for_s": rule.clear_for_ms / 1000,
        "flap_s": rule.flap_ms / 1000,
        "when": when_written(rule.when),
        "only_while": None if rule.only_while is None else when_written(rule.only_while),
        "seen_zh": seen_by(rule, "zh"),
        "seen_en": seen_by(rule, "en"),
        "explains": rule.explains,
        "explained_by": list(rule.explained_by),
        "causes": [] if advice is None else [{"zh": one.zh, "en": one.en} for one in advice.causes],
        "remedy": None if advice is None or advice.remedy is None else {"zh": advice.remedy.zh, "en": advice.remedy.en},
        "parts": [] if advice is None else [{"zh": one.zh, "en": one.en} for one in advice.parts],
        "overrides": overrides_of(desk, who, found, code=rule.code),
        "links": {"self": f"{telling.ROOT}/rules/{rule.code}", "page": f"/rules/{rule.code}"},
    }


def function_told(desk: Desk, who: Who, found: InForce, one: Function) -> Json:
    """A function of a rule set."""
    return {
        "name": one.name,
        "zh": one.zh,
        "en": one.en,
        "kinds": list(one.kinds),
        "critical": one.critical,
        "overrides": overrides_of(desk, who, found, function=one.name),
    }


def overrides_of(desk: Desk, who: Who, found: InForce, *, code: str = "", function: str = "") -> list[Json]:
    """The overrides of a fault or of a function that somebody may know of: of the files, then of the console."""
    by_code = {rule.code: rule for rule in found.kept.base.rules}
    rows = [
        override_written(one, by_code) | {"origin": "file"}
        for one in found.kept.base.overrides
        if (one.code, one.function) == (code, function)
    ]
    rows += [
        change_written(one) | {"origin": "console", **stamped("at", one.at_ms)}
        for one in found.kept.console
        if (one.code or "", one.function or "") == (code, function)
    ]
    if who.scope.everything:
        return rows
    return [_without_author(row) for row in rows if _reaches(desk, who, row.get("for") or {})]


def _without_author(row: Json) -> Json:
    return {name: value for name, value in row.items() if name != "by"}


def _reaches(desk: Desk, who: Who, for_: Mapping[str, str]) -> bool:
    if "site" in for_:
        return desk.view.entry("site", for_["site"], scope=who.scope) is not None
    return "device" not in for_ or desk.view.reaches(who.scope, for_["device"])


def past(desk: Desk, who: Who, code: str) -> list[Json]:
    """What a fault was since when, the newest first: a line for each set in which it became otherwise."""
    lines: list[Json] = []
    before: Any = ()
    for row in reversed(desk.view.rule_rows(HISTORY)):
        found = _readable(row)
        if found is None:
            continue
        rule = next((one for one in found.rules.rules if one.code == code), None)
        overrides = [] if rule is None else overrides_of(desk, who, found, code=code)
        if (rule, overrides) != before:
            before = rule, overrides
            lines.append({**rule_set(who, row), "fault": None if rule is None else fault(desk, who, found, rule)})
    return lines[::-1]


def _readable(row: RuleSetRow) -> InForce | None:
    """A set of the past; None where another version wrote it in a way that this one cannot read."""
    try:
        return _read(row)
    except RulesError:
        return None


def rule_set(who: Who, row: RuleSetRow) -> Json:
    """A rule set without its rules."""
    made_by = row.made_by if who.scope.everything else ""
    return {"hash": row.hash, **stamped("valid_from", row.valid_from_ms), "made_by": made_by}


def rule_or_404(found: InForce, code: str) -> Rule:
    """A fault of a rule set."""
    rules = {rule.code: rule for rule in found.rules.rules}
    if code not in rules:
        raise Problem(
            404,
            "no_fault",
            what=f"the catalogue has no fault {short(code)}{nearest(code, rules)}",
            where="path",
            expected="a code of GET /api/v1/rules",
            do="look it up in the list",
        )
    return rules[code]


def function_or_404(found: InForce, name: str) -> Function:
    """A function of a rule set."""
    functions = {one.name: one for one in found.rules.functions}
    if name not in functions:
        raise Problem(
            404,
            "no_function",
            what=f"the catalogue has no function {short(name)}{nearest(name, functions)}",
            where="path",
            expected="a function of GET /api/v1/rules",
            do="look it up in the list",
        )
    return functions[name]


# --- what is done ----------------------------------------------------------------------------------------------------


def change_of(said: Mapping[str, Any]) -> Change:
    """An override that somebody wrote; Problem says everything that is wrong with its shape."""
    try:
        [change] = shape.read(json.dumps({"overrides": [dict(said)]}), shape.Overlay, source="body").overrides
    except (RulesError, ValueError) as error:
        raise _wrong(error) from error
    return change


def _wrong(error: Exception) -> Problem:
    problems = error.problems if isinstance(error, RulesError) else (str(error),)
    return Problem(
        422,
        "bad_rule",
        what="; ".join(problems)[:2000],
        where="body",
        expected="an override as in a file of overrides: docs/policy.md",
        do="mend it and send it again",
    )


def put(desk: Desk, who: Who, change: Change) -> tuple[CommandRow, list[str]]:
    """Ask the engine for an override; what it became, and a line for each site, model or device nobody knows."""
    try:
        now_in_force(desk).kept.put(change)
    except RulesError as error:
        raise _wrong(error) from error
    return _asked(desk, who, {"put": change_written(change)}), strangers(desk, change.for_)


def remove(desk: Desk, who: Who, change: Change) -> CommandRow:
    """Ask the engine to take an override of the console away."""
    bare = {
        "code": change.code,
        "function": change.function,
        "for": change.for_ and {change.for_.where: change.for_.which},
    }
    said = {name: value for name, value in bare.items() if value}
    try:
        now_in_force(desk).kept.without(change)
    except RulesError as error:
        raise Problem(
            409,
            "no_override",
            what="; ".join(error.problems),
            where="body",
            expected="an override that GET /api/v1/rules shows with origin console",
            do="look at the rules as they are now; what a file says is changed in the file",
        ) from error
    return _asked(desk, who, {"remove": said})


def _asked(desk: Desk, who: Who, args: Json) -> CommandRow:
    answer = awaited(desk, desk.view.ask(who=who.id, verb="rules", args=args, now_ms=desk.now_ms()))
    if answer.state == "failed":
        raise Problem(
            409,
            "not_allowed",
            what=str((answer.result or {}).get("error", "the engine said no")),
            where="rules",
            expected="an override that fits the rules in force",
            do="look at the rules as they are now",
        )
    return answer


def strangers(desk: Desk, for_: For | None) -> list[str]:
    """A warning where nobody has entered whom an override is for: the register may come later."""
    wanted = [] if for_ is None else [(for_.where, for_.which)]
    return [f"there is no {where} {short(which)} in the register yet" for where, which in desk.view.strangers(wanted)]


# --- addresses -------------------------------------------------------------------------------------------------------


@router.get("/rules", response_model=RulesShape, summary="The fault catalogue in force")
def rules(request: Request, who: See, at: AtQuery = None) -> Json:
    """Functions and faults with their overrides, now or as of a time."""
    desk = desk_of(request)
    found = now_in_force(desk, None if at is None else read(at, "at"))
    return {
        **rule_set(who, found.row),
        "functions": [function_told(desk, who, found, one) for one in found.rules.functions],
        "faults": [fault(desk, who, found, rule) for rule in found.rules.rules],
    }


@router.get("/rule-sets", response_model=RuleSetsShape, summary="All rule sets, the newest first")
def rule_sets(request: Request, who: See) -> Json:
    """Since when which rules are in force, and who put them there."""
    return {"rule_sets": [rule_set(who, row) for row in desk_of(request).view.rule_rows(1000)]}


@router.get("/rules/{code}", response_model=FaultFullShape, summary="One fault, and what it was before")
def one_fault(request: Request, who: See, code: Code) -> Json:
    """A fault of the catalogue in force."""
    desk = desk_of(request)
    found = now_in_force(desk)
    return {**fault(desk, who, found, rule_or_404(found, code)), "history": past(desk, who, code)}


ANSWERS: dict[int | str, dict[str, Any]] = {
    202: {"model": DoneShape, "description": "Asked; the collector's engine has not taken it yet."},
    409: {"description": "It does not fit the rules in force."},
}
Said = Annotated[
    dict[str, Any],
    Body(examples=[{"code": "printer.paper_end", "for": {"site": "old-town"}, "for_s": 600}]),
]


@router.post("/rules/overrides", response_model=DoneShape, responses=ANSWERS, summary="Override a fault or a function")
def put_override(request: Request, who: System, said: Said) -> Any:
    """From now on it is different, for all devices or for some. One of the same for the same devices is replaced."""
    answer, warnings = put(desk_of(request), who, change_of(said))
    return _done(answer, warnings)


@router.post(
    "/rules/overrides/remove", response_model=DoneShape, responses=ANSWERS, summary="Take an override away again"
)
def remove_override(request: Request, who: System, said: Said) -> Any:
    """From now on it is as the files say, for the devices named. Only what was made here can be taken away here."""
    return _done(remove(desk_of(request), who, change_of(said)), [])


def _done(answer: CommandRow, warnings: list[str]) -> Any:
    result = answer.result or {}
    told = {"command": answer.id, "state": answer.state, "hash": result.get("hash"), "warnings": warnings}
    return JSONResponse(told, 202) if answer.state == "new" else told
