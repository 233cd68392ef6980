"""The fault catalogue: YAML -> the RuleSet that the core judges with. Pure; whoever calls this has read the file.

    rules = rule_set_from(text, source="faults.yaml")
    rules = overridden(rules, text, source="demo.yaml")       a second file: other fields, functions and faults
    advice = advice_from(text, source="faults.yaml")          probable causes, remedies and parts, for people
    text_of(rules)                                            the same rules as text, for the rules in force

A row says what can be wrong, how it is seen, for how long it must be so, and how bad it is:

    - code: host.cpu_high
      zh: CPU 持续过高
      en: CPU busy for long
      when: {reading: host.cpu_percent, above: 90, clear_below: 80}
      for_s: 300
      severity: 3
      service_class: maintenance

An override changes some fields of a row for all devices, or for those of a kind, a model, a site, or for one:

    - {code: host.cpu_high, for: {kind: nvr}, for_s: 900}
    - {function: receipts, for: {site: old-town}, critical: false}

All that is wrong with a file is told at once, a line for each: the file, the row, the key, what was expected.
flaws.py knows what can be wrong beyond the shape; written.py writes rules as rows again.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, cast

from roundsman_collector.core.policy import WHOLE, Above, Below, Builtin, Fails, Is, Reads, Restarts, Rule, When
from roundsman_collector.core.rulebook import Function, Override, RuleChangeError, RuleSet, Where, changed
from roundsman_collector.rules.flaws import KINDS, limits_flaw, row_flaws, twice, unknown_function, unknown_kind
from roundsman_collector.rules.shape import (
    NOTHING,
    Both,
    Catalogue,
    Change,
    FunctionRow,
    NewLimits,
    Overlay,
    ProbeFails,
    ReadingAbove,
    ReadingBelow,
    ReadingIs,
    RestartsOften,
    Row,
    RulesError,
    Silent,
    Unanswered,
    read,
)
from roundsman_collector.rules.written import shape_of, written
from roundsman_collector.wording import nearest
from roundsman_wire.catalogue import POINTS, Label
from roundsman_wire.codec import canonical

HASH_DIGITS = 16
RULES_OF_NOBODY = RuleSet(rules=())
"""What a catalogue is laid over."""
_SECONDS = {"for_s": "for_ms", "clear_for_s": "clear_for_ms", "flap_s": "flap_ms"}
_PLAIN = ("severity", "service_class", "ticket")
_CHANGES = (*_SECONDS, *_PLAIN, "takes_down", "when")
"""What an override may change of a fault."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Advice:
    """What a person reads on a ticket beside the fault: what it may come from, what to do, what to take along."""

    causes: tuple[Label, ...]
    remedy: Label | None
    parts: tuple[Label, ...] = ()


# --- text -> rules ---------------------------------------------------------------------------------------------------


def rule_set_from(text: str, *, source: str, valid_from_ms: int = 0) -> RuleSet:
    """The rules in a fault catalogue; RulesError tells everything that is wrong with it. `source` names the file."""
    found = laid_over(RULES_OF_NOBODY, read(text, Catalogue, source=source), source)
    return hashed(replace(found, valid_from_ms=valid_from_ms))


def overridden(rules: RuleSet, text: str, *, source: str) -> RuleSet:
    """The rules with what a second file changes; RulesError where it does not fit."""
    return hashed(laid_over(rules, read(text, Overlay, source=source), source))


def advice_from(text: str, *, source: str) -> Mapping[str, Advice]:
    """Probable causes, remedy and parts of each fault in a file, by code."""
    return MappingProxyType({row.code: _advice(row) for row in read(text, Overlay, source=source).faults})


def text_of(rules: RuleSet) -> str:
    """The rules as a fault catalogue in canonical JSON, which is YAML too: equal rules give equal texts."""
    return canonical(written(rules)).decode()


def digest(text: str) -> str:
    """The name of a rule set: equal texts have equal ones."""
    return hashlib.sha256(text.encode()).hexdigest()[:HASH_DIGITS]


def hashed(rules: RuleSet) -> RuleSet:
    """The rules under the name of their text."""
    return replace(rules, hash=digest(text_of(rules)))


def laid_over(rules: RuleSet, overlay: Overlay, source: str, *, is_kept: bool = False) -> RuleSet:
    """The rules with an overlay's functions, faults and overrides; the hash is left for who is done.

    `is_kept`: the text is our own. It may hold what the console said, and its faults were found well when it was kept.
    """
    problems = _strange(rules, overlay, source)
    functions = {one.name: one for one in rules.functions} | {one.name: _function(one) for one in overlay.functions}
    by_code = {rule.code: rule for rule in rules.rules}
    for row in overlay.faults:
        flaws = [] if is_kept else row_flaws(row, functions)
        problems += [f"{source}, fault {row.code}, {flaw}" for flaw in flaws]
        if not flaws:
            by_code[row.code] = _rule(row)
    if problems and {row.code for row in overlay.faults} - set(by_code):
        raise RulesError(problems)  # an override of a row that could not be read would only be told wrong
    kept = _Overriding(by_code, functions, list(rules.overrides), _kinds(rules, overlay), is_kept)
    for change in overlay.overrides:
        problems += [f"{source}, {flaw}" for flaw in kept.take(change)]
    if problems:
        raise RulesError(problems)
    return replace(
        rules,
        rules=tuple(kept.rules.values()),
        functions=tuple(kept.functions.values()),
        overrides=tuple(kept.overrides),
    )


def _strange(rules: RuleSet, overlay: Overlay, source: str) -> list[str]:
    """What stands twice, and functions of kinds that nobody knows."""
    known = _kinds(rules, overlay)
    return [
        *(f"{source}, fault {told}" for told in twice(row.code for row in overlay.faults)),
        *(f"{source}, function {told}" for told in twice(one.name for one in overlay.functions)),
        *(f"{source}, override {told}" for told in twice(map(about, overlay.overrides))),
        *(
            f"{source}, function {one.name}, {flaw}"
            for one in overlay.functions
            for flaw in [
                *(unknown_kind("kinds", kind, known) for kind in one.kinds if kind not in known),
                *(
                    [f"name: {one.name} is a word of its own; call it otherwise"]
                    if one.name in (NOTHING, WHOLE)
                    else []
                ),
            ]
        ),
    ]


def _kinds(rules: RuleSet, overlay: Overlay) -> set[str]:
    return {
        *KINDS,
        *overlay.kinds,
        *(kind for one in rules.functions for kind in one.kinds),
        *(one.which for one in rules.overrides if one.where == "kind"),
    }


def about(change: Change) -> str:
    """What an override is of, and for whom: two of the same would be one too many."""
    of = change.code or f"of function {change.function}"
    return of if change.for_ is None else f"{of} for {change.for_.where} {change.for_.which}"


def _advice(row: Row) -> Advice:
    return Advice(
        causes=tuple(map(_label, row.causes)),
        remedy=_label(row.remedy) if row.remedy else None,
        parts=tuple(map(_label, row.parts)),
    )


def _label(both: Both) -> Label:
    return Label(zh=both.zh, en=both.en)


def _function(row: FunctionRow) -> Function:
    return Function(name=row.name, zh=row.zh, en=row.en, kinds=tuple(row.kinds), critical=row.critical)


def _rule(row: Row) -> Rule:
    return Rule(
        code=row.code,
        zh=row.zh,
        en=row.en,
        when=when_from(row.when),
        for_ms=round(row.for_s * 1000),
        clear_for_ms=round(row.clear_for_s * 1000),
        severity=row.severity,
        service_class=row.service_class,
        category=row.category,
        function=_taken(row.takes_down),
        ticket=row.ticket,
        only_while=None if row.only_while is None else cast(Reads, when_from(row.only_while)),
        flap_ms=round(row.flap_s * 1000),
        explains=row.explains or "",
        explained_by=tuple(dict.fromkeys(row.explained_by)),
        rests=row.rests,
    )


def _taken(takes_down: str) -> str:
    return "" if takes_down == NOTHING else takes_down


def when_from(when: Any) -> When:
    """A condition of a row as the core holds it."""
    match when:
        case Unanswered():
            return Builtin(what="unanswered")
        case Silent():
            return Builtin(what="silent")
        case ProbeFails(probe=probe, component=component, codes=codes):
            return Fails(probe=probe, component=component, codes=tuple(codes))
        case RestartsOften(restarts=often):
            return Restarts(count=often.count, within_ms=round(often.within_s * 1000))
        case ReadingIs(reading=reading, words=words):
            return Is(reading=shape_of(reading), words=tuple(words), others=_others(reading, words))
        case ReadingAbove(reading=reading, above=limit, clear_below=clear, per=per):
            clear = limit if clear is None else clear
            return Above(reading=shape_of(reading), limit=limit, clear=clear, per=shape_of(per or ""))
        case ReadingBelow(reading=reading, below=limit, clear_above=clear, per=per):
            clear = limit if clear is None else clear
            return Below(reading=shape_of(reading), limit=limit, clear=clear, per=shape_of(per or ""))
    raise TypeError(f"{when!r} is no condition")


def _others(reading: str, words: Iterable[str]) -> tuple[str, ...]:
    """The words of the catalogue's point that a rule does not name."""
    point = POINTS.get(reading)
    return () if point is None else tuple(word for word in point.words if word not in {*words, "unknown"})


# --- overrides -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Overriding:
    """Rules while overrides are laid over them: one for all devices changes the row, others are kept beside."""

    rules: dict[str, Rule]
    functions: dict[str, Function]
    overrides: list[Override]
    kinds: set[str]
    is_kept: bool = False

    def take(self, change: Change) -> list[str]:
        """Lay one change over the rules, or say what is wrong with it."""
        flaws = self._flaws(change)
        if flaws:
            return [f"override {about(change)}, {flaw}" for flaw in flaws]
        if change.code is not None:
            return [f"override {about(change)}, {flaw}" for flaw in self._fault(change, change.code)]
        assert change.function is not None and change.critical is not None
        if change.for_ is None:
            self.functions[change.function] = replace(self.functions[change.function], critical=change.critical)
        else:
            where = cast(Where, change.for_.where)
            self._keep(
                Override(where=where, which=change.for_.which, function=change.function, critical=change.critical)
            )
        return []

    def _flaws(self, change: Change) -> list[str]:
        if (change.code is None) == (change.function is None):
            return ["expected either code (of a fault) or function"]
        if change.origin == "console" and not self.is_kept:
            return ["origin: the console alone writes this"]
        said = [name for name in _CHANGES if getattr(change, name) is not None]
        flaws = []
        if change.function is not None:
            if change.function not in self.functions:
                flaws.append(unknown_function("function", change.function, self.functions))
            if change.critical is None or said:
                flaws.append(f"expected critical and nothing else, got {', '.join(said) or 'nothing'}")
        elif change.code not in self.rules:
            flaws.append(f"code: the catalogue has no such fault{nearest(change.code or '', self.rules)}")
        if change.code is not None and change.critical is not None:
            flaws.append("critical: that is said of a function, not of a fault")
        if change.takes_down is not None and change.takes_down not in (WHOLE, NOTHING, *self.functions):
            flaws.append(unknown_function("takes_down", change.takes_down, self.functions))
        if change.for_ is not None and change.for_.where == "kind" and change.for_.which not in self.kinds:
            flaws.append(unknown_kind("for.kind", change.for_.which, self.kinds))
        return flaws

    def _fault(self, change: Change, code: str) -> list[str]:
        rule = self.rules[code]
        try:
            fields = _fields(rule, change)
            new = changed(rule, fields)
        except (ValueError, RuleChangeError) as error:
            return [str(error)]
        if change.for_ is None:
            self.rules[code] = new
        elif fields:
            where = cast(Where, change.for_.where)
            self._keep(Override(where=where, which=change.for_.which, code=code, fields=MappingProxyType(fields)))
        return []

    def _keep(self, new: Override) -> None:
        """Beside the others; one of the same for the same devices is replaced field by field."""
        for place, one in enumerate(self.overrides):
            if (one.where, one.which, one.code, one.function) == (new.where, new.which, new.code, new.function):
                self.overrides[place] = replace(new, fields=MappingProxyType({**one.fields, **new.fields}))
                return
        self.overrides.append(new)


def _fields(rule: Rule, change: Change) -> dict[str, Any]:
    """The changes as the core takes them. Limits always come as a pair: what is not said is as in the row."""
    given = {name: value for name in _PLAIN if (value := getattr(change, name)) is not None}
    for name, into in _SECONDS.items():
        seconds = getattr(change, name)
        if seconds is not None:
            given[into] = round(seconds * 1000)
    if change.takes_down is not None:
        given["function"] = _taken(change.takes_down)
    if change.when is not None:
        given |= _limits(rule.when, change.when)
    return given


def _limits(when: When, new: NewLimits) -> dict[str, float]:
    """The two limits; a new limit without its hysteresis clears at itself."""
    given = {key: value for key, value in new.model_dump().items() if value is not None}
    if not isinstance(when, Above | Below):
        raise ValueError("when: this fault has no limits that could be set")
    limit_key, clear_key = ("above", "clear_below") if isinstance(when, Above) else ("below", "clear_above")
    strange = [key for key in given if key not in (limit_key, clear_key)]
    if strange:
        raise ValueError(f"when: expected {limit_key} and {clear_key}, got {', '.join(strange)}")
    limit = given.get(limit_key, when.limit)
    clear = given.get(clear_key, limit if limit_key in given else when.clear)
    flaw = limits_flaw(replace(when, limit=limit, clear=clear))
    if flaw:
        raise ValueError(flaw)
    return {"limit": limit, "clear": clear} if given else {}


def names_of(rules: Sequence[Rule]) -> Mapping[str, Label]:
    """What faults are called, by code."""
    return MappingProxyType({rule.code: Label(zh=rule.zh, en=rule.en) for rule in rules})
