"""The fault catalogue: YAML -> the Policy that the core judges with. Pure; whoever calls this has read the file.

    policy = policy_from(text, source="faults.yaml")
    policy = overridden(policy, text, source="demo.yaml")        a second file changes fields of rows by their code
    advice = advice_from(text, source="faults.yaml")             probable causes and remedies, for people
    text_of(policy)                                              the same rules as text, for the rules in force

A row says what can be wrong, how it is seen, for how long it must be so, and how bad it is:

    - code: host.cpu_high
      zh: CPU 持续过高
      en: CPU busy for long
      when: {reading: host.cpu_percent, above: 90, clear_below: 80}
      for_s: 300
      severity: 3
      service_class: maintenance
      down: false

`when` is one of: a reading that is one of some words (`is`), beyond a limit with its hysteresis (`above`/`clear_below`,
`below`/`clear_above`), a probe that fails (`probe`, `fails`, `component`), or what the core observes itself
(`unanswered`, `silent`). Readings are named as the wire's catalogue names them, `disk[].used_percent`.

All that is wrong with a file is told at once, a line for each: the file, the row, the key, what was expected.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from roundsman_collector.core.policy import SILENT, UNREACHABLE, Above, Below, Builtin, Fails, Is, Policy, Rule, When
from roundsman_collector.rules.shape import (
    Both,
    Change,
    Faults,
    NewLimits,
    Overrides,
    ProbeFails,
    ReadingAbove,
    ReadingBelow,
    ReadingIs,
    Row,
    RulesError,
    Silent,
    Unanswered,
    read,
)
from roundsman_collector.wording import nearest
from roundsman_wire.catalogue import FAILURES, POINTS, Label, Point
from roundsman_wire.codec import canonical

BUILTIN_CODES = {"unanswered": UNREACHABLE, "silent": SILENT}
"""What the core observes itself, and the code under which it looks for the rule."""
COMPONENTS = sorted({name.partition(".")[0].removesuffix("[]") for name in POINTS})
HASH_DIGITS = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Advice:
    """What a person reads on a ticket beside the fault: what it may come from, and what to do."""

    causes: tuple[Label, ...]
    remedy: Label | None


# --- text -> policy --------------------------------------------------------------------------------------------------


def policy_from(text: str, *, source: str, valid_from_ms: int = 0) -> Policy:
    """The policy in a fault catalogue; RulesError tells everything that is wrong with it. `source` names the file."""
    rows = read(text, Faults, source=source).faults
    problems = [*_twice([row.code for row in rows], source)]
    rules = []
    for row in rows:
        flaws = _flaws(row)
        problems += [f"{source}, fault {row.code}, {flaw}" for flaw in flaws]
        if not flaws:
            rules.append(_rule(row))
    if problems:
        raise RulesError(problems)
    return _policy(rules, valid_from_ms)


def overridden(policy: Policy, text: str, *, source: str) -> Policy:
    """The policy with the changes of an overrides file; RulesError where one does not fit."""
    changes = read(text, Overrides, source=source).overrides
    problems = [*_twice([change.code for change in changes], source)]
    rules = {rule.code: rule for rule in policy.rules}
    for change in changes:
        where = f"{source}, fault {change.code}"
        rule = rules.get(change.code)
        if rule is None:
            problems.append(f"{where}: the catalogue has no such fault{nearest(change.code, rules)}")
            continue
        try:
            rules[change.code] = _changed(rule, change)
        except ValueError as error:
            problems.append(f"{where}, {error}")
    if problems:
        raise RulesError(problems)
    return _policy(rules.values(), policy.valid_from_ms)


def advice_from(text: str, *, source: str) -> Mapping[str, Advice]:
    """Probable causes and remedy of each fault in a catalogue, by code."""
    return MappingProxyType(
        {
            row.code: Advice(causes=tuple(map(_label, row.causes)), remedy=_label(row.remedy) if row.remedy else None)
            for row in read(text, Faults, source=source).faults
        }
    )


def text_of(policy: Policy) -> str:
    """The rules as a fault catalogue in canonical JSON, which is YAML too: equal rules give equal texts."""
    return canonical({"faults": [_written(rule) for rule in policy.rules]}).decode()


def _policy(rules: Iterable[Rule], valid_from_ms: int) -> Policy:
    plain = Policy(rules=tuple(rules))
    digest = hashlib.sha256(text_of(plain).encode()).hexdigest()
    return Policy(rules=plain.rules, hash=digest[:HASH_DIGITS], valid_from_ms=valid_from_ms)


def _label(both: Both) -> Label:
    return Label(zh=both.zh, en=both.en)


def _rule(row: Row) -> Rule:
    return Rule(
        code=row.code,
        zh=row.zh,
        en=row.en,
        when=_when(row.when),
        for_ms=round(row.for_s * 1000),
        clear_for_ms=round(row.clear_for_s * 1000),
        severity=row.severity,
        service_class=row.service_class,
        down=row.down,
        ticket=row.ticket,
    )


def _when(when: Any) -> When:
    match when:
        case Unanswered():
            return Builtin(what="unanswered")
        case Silent():
            return Builtin(what="silent")
        case ProbeFails(probe=probe, component=component, codes=codes):
            return Fails(probe=probe, component=component, codes=tuple(codes))
        case ReadingIs(reading=reading, words=words):
            return Is(reading=_shape(reading), words=tuple(words), others=_others(reading, words))
        case ReadingAbove(reading=reading, above=limit, clear_below=clear):
            return Above(reading=_shape(reading), limit=limit, clear=limit if clear is None else clear)
        case ReadingBelow(reading=reading, below=limit, clear_above=clear):
            return Below(reading=_shape(reading), limit=limit, clear=limit if clear is None else clear)
    raise TypeError(f"{when!r} is no condition")


def _written(rule: Rule) -> dict[str, Any]:
    """A rule as a row of the file."""
    row = {name: getattr(rule, name) for name in ("code", "zh", "en", "severity", "service_class", "down", "ticket")}
    return {
        **row,
        "for_s": rule.for_ms / 1000,
        "clear_for_s": rule.clear_for_ms / 1000,
        "when": _when_written(rule.when),
    }


def _when_written(when: When) -> dict[str, Any]:
    match when:
        case Builtin(what=what):
            return {what: True}
        case Fails(probe=probe, component=component, codes=codes):
            return {"probe": probe, "fails": True, "component": component, "codes": list(codes)}
        case Is(reading=reading, words=words):
            return {"reading": full_name(reading), "is": list(words)}
        case Above(reading=reading, limit=limit, clear=clear):
            return {"reading": full_name(reading), "above": limit, "clear_below": clear}
        case Below(reading=reading, limit=limit, clear=clear):
            return {"reading": full_name(reading), "below": limit, "clear_above": clear}


def _changed(rule: Rule, change: Change) -> Rule:
    given: dict[str, Any] = {
        name: value for name in ("severity", "down", "ticket") if (value := getattr(change, name)) is not None
    }
    if change.for_s is not None:
        given["for_ms"] = round(change.for_s * 1000)
    if change.clear_for_s is not None:
        given["clear_for_ms"] = round(change.clear_for_s * 1000)
    if change.when is not None:
        given["when"] = _limited(rule.when, change.when)
    return replace(rule, **given)


def _limited(when: When, new: NewLimits) -> When:
    """The condition with other limits; a new limit without its hysteresis clears at itself."""
    given = {key: value for key, value in new.model_dump().items() if value is not None}
    if not isinstance(when, Above | Below):
        raise ValueError("when: this fault has no limits that could be set")
    limit_key, clear_key = ("above", "clear_below") if isinstance(when, Above) else ("below", "clear_above")
    strange = [key for key in given if key not in (limit_key, clear_key)]
    if strange:
        raise ValueError(f"when: expected {limit_key} and {clear_key}, got {', '.join(strange)}")
    limit = given.get(limit_key, when.limit)
    clear = given.get(clear_key, limit if limit_key in given else when.clear)
    limited = replace(when, limit=limit, clear=clear)
    flaw = _hysteresis(limited)
    if flaw:
        raise ValueError(flaw)
    return limited


# --- what the shape alone does not tell ------------------------------------------------------------------------------


def _others(reading: str, words: Iterable[str]) -> tuple[str, ...]:
    """The words of the catalogue's point that a rule does not name."""
    point = POINTS.get(reading)
    return () if point is None else tuple(word for word in point.words if word not in {*words, "unknown"})


def _shape(reading: str) -> str:
    return reading.replace("[]", "")


_FULL_NAMES = {_shape(name): name for name in POINTS}


def full_name(shape: str) -> str:
    """`disk.used_percent`, as the core's rules hold it, -> `disk[].used_percent`, as the wire's catalogue names it."""
    return _FULL_NAMES.get(shape, shape)


def _flaws(row: Row) -> list[str]:
    """What is wrong with a row beyond its shape."""
    when: Any = row.when
    match when:
        case Unanswered() | Silent():
            what = "unanswered" if isinstance(when, Unanswered) else "silent"
            code = BUILTIN_CODES[what]
            return [] if row.code == code else [f"when: only {code} can be {what}; the core looks for it by that code"]
        case ProbeFails(component=component, codes=codes):
            return [
                *([] if component in COMPONENTS else [_unknown("component", component, COMPONENTS)]),
                *(_unknown("codes", code, FAILURES) for code in codes if code not in FAILURES),
            ]
    if row.code in BUILTIN_CODES.values():
        return [f"when: {row.code} is what the core observes itself; expected its own key"]
    point = POINTS.get(when.reading)
    if point is None:
        return [
            f"when.reading: expected a reading of the catalogue, got {when.reading!r}{nearest(when.reading, POINTS)}"
        ]
    if isinstance(when, ReadingIs):
        return _word_flaws(when, point)
    if point.words:
        return [f"when: {point.name} is a word ({', '.join(point.words)}), which is never above or below; use is"]
    flaw = _hysteresis(_when(when))
    return [flaw] if flaw else []


def _unknown(key: str, said: str, known: Iterable[str]) -> str:
    what = "a failure of the catalogue" if key == "codes" else "a component"
    return f"when.{key}: expected {what}, got {said!r}{nearest(said, known)}"


def _word_flaws(when: ReadingIs, point: Point) -> list[str]:
    if not point.words:
        return [f"when: {point.name} is a number in {point.unit}; use above or below"]
    known = [word for word in point.words if word != "unknown"]
    return [
        f"when.is: expected words of {point.name} ({', '.join(known)}), got {word!r}{nearest(word, known)}"
        for word in when.words
        if word not in known
    ]


def _hysteresis(when: When) -> str | None:
    match when:
        case Above(limit=limit, clear=clear) if clear > limit:
            return f"when.clear_below: expected at most the limit {limit:g}, got {clear:g}"
        case Below(limit=limit, clear=clear) if clear < limit:
            return f"when.clear_above: expected at least the limit {limit:g}, got {clear:g}"
    return None


def _twice(codes: list[str], source: str) -> list[str]:
    return [
        f"{source}, fault {code}: stands {codes.count(code)} times"
        for code in dict.fromkeys(codes)
        if codes.count(code) > 1
    ]
