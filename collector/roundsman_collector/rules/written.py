"""Rules as the rows of a file: what catalogue.py reads, written again. Pure.

written(rules) -> {"faults": [...], "functions": [...], "overrides": [...], "kinds": [...]}
"""

from collections.abc import Mapping
from typing import Any

from roundsman_collector.core.policy import Above, Below, Builtin, Fails, Is, Restarts, Rule, When
from roundsman_collector.core.rulebook import Function, Override, RuleSet
from roundsman_collector.rules.flaws import KINDS
from roundsman_collector.rules.shape import NOTHING
from roundsman_wire.catalogue import POINTS

Json = dict[str, Any]
_SECONDS = {"for_ms": "for_s", "clear_for_ms": "clear_for_s", "flap_ms": "flap_s"}


def shape_of(reading: str) -> str:
    """`disk[].used_percent`, as the wire's catalogue names it, -> `disk.used_percent`, as the core's rules hold it."""
    return reading.replace("[]", "")


_FULL_NAMES = {shape_of(name): name for name in POINTS}


def full_name(shape: str) -> str:
    """`disk.used_percent`, as the core's rules hold it, -> `disk[].used_percent`, as the wire's catalogue names it."""
    return _FULL_NAMES.get(shape, shape)


def written(rules: RuleSet) -> Json:
    """A rule set as the content of a catalogue; what is empty is left out."""
    whole = {
        "kinds": _own_kinds(rules),
        "functions": [_function(one) for one in rules.functions],
        "faults": [_fault(rule) for rule in rules.rules],
        "overrides": [override_written(one, {rule.code: rule for rule in rules.rules}) for one in rules.overrides],
    }
    return {name: rows for name, rows in whole.items() if rows}


def when_written(when: When) -> Json:
    """A condition as a row says it."""
    match when:
        case Builtin(what=what):
            return {what: True}
        case Fails(probe=probe, component=component, codes=codes):
            return {"probe": probe, "fails": True, "component": component, "codes": list(codes)}
        case Restarts(count=count, within_ms=within_ms):
            return {"restarts": {"count": count, "within_s": within_ms / 1000}}
        case Is(reading=reading, words=words):
            return {"reading": full_name(reading), "is": list(words)}
        case Above(reading=reading, limit=limit, clear=clear, per=per):
            return {"reading": full_name(reading), "above": limit, "clear_below": clear} | _per(per)
        case Below(reading=reading, limit=limit, clear=clear, per=per):
            return {"reading": full_name(reading), "below": limit, "clear_above": clear} | _per(per)


def override_written(one: Override, rules: Mapping[str, Rule]) -> Json:
    """An override as a row says it."""
    of: Json = {"for": {one.where: one.which}}
    if one.function:
        return of | {"function": one.function, "critical": one.critical}
    row: Json = of | {"code": one.code}
    for name, value in one.fields.items():
        if name in _SECONDS:
            row[_SECONDS[name]] = value / 1000
        elif name == "function":
            row["takes_down"] = value or NOTHING
        elif name == "limit":
            row["when"] = _limits(rules[one.code].when, value, one.fields["clear"])
        elif name != "clear":
            row[name] = value
    return row


def _limits(when: When, limit: float, clear: float) -> Json:
    if isinstance(when, Above):
        return {"above": limit, "clear_below": clear}
    return {"below": limit, "clear_above": clear}


def _per(reading: str) -> Json:
    return {"per": full_name(reading)} if reading else {}


def _fault(rule: Rule) -> Json:
    row: Json = {
        name: getattr(rule, name) for name in ("code", "zh", "en", "severity", "service_class", "category", "ticket")
    }
    row |= {name: getattr(rule, of) / 1000 for of, name in _SECONDS.items()}
    row |= {"when": when_written(rule.when), "takes_down": rule.function or NOTHING}
    if rule.only_while is not None:
        row["only_while"] = when_written(rule.only_while)
    if rule.explains:
        row["explains"] = rule.explains
    if rule.explained_by:
        row["explained_by"] = list(rule.explained_by)
    if rule.rests:
        row["rests"] = True
    return row


def _function(one: Function) -> Json:
    return {"name": one.name, "zh": one.zh, "en": one.en, "kinds": list(one.kinds), "critical": one.critical}


def _own_kinds(rules: RuleSet) -> list[str]:
    """The kinds that are spoken of and that Roundsman does not know by itself."""
    said = {kind for one in rules.functions for kind in one.kinds}
    said |= {one.which for one in rules.overrides if one.where == "kind"}
    return sorted(said - set(KINDS))
