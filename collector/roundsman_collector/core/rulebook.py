"""Which rules judge a device at a time: `Rulebook(sets).at(device, t) -> Policy`.

Late evidence meets the rules of its event time.

    set of 1 May    |-------------------|                        each with its overrides, effective from its time on
    set of 9 June                       |---------------- ...
    kiosk-7 is      kind kiosk, model K2, site old-town | site harbour ...
    kiosk-7 judged  |--- base + kiosk + K2 -------------|-+- harbour ...
                                                        ^ edges(kiosk-7, ...) tells these times

An override changes fields of one fault, or whether a function is critical, for a kind, a model, a site or one device;
the narrower one wins: kind, then model, then site, then device. Devices with the same overrides share one Policy.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

from roundsman_collector.core.policy import WHOLE, Above, Below, Effect, Policy, Rule

Where = Literal["kind", "model", "site", "device"]
WHERE: tuple[Where, ...] = ("kind", "model", "site", "device")
"""From the widest to the narrowest, which wins."""
LIMITS = ("limit", "clear")
"""Fields of a change that belong to the rule's `when`."""
ALWAYS = -(2**62)
"""From when on the first rules hold, and what a device was first: nothing is known of the time before."""


class RuleChangeError(ValueError):
    """A change that does not fit the rule."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Function:
    """What devices of some kinds are there for; `critical`: a device that cannot do it is down, not degraded."""

    name: str
    zh: str
    en: str
    kinds: tuple[str, ...] = ()
    critical: bool = True


@dataclass(frozen=True, kw_only=True)
class Override:
    """Other fields of the fault `code` for some devices; or, with `function`, whether that one is critical there.

    `fields` are those of Rule (for_ms, clear_for_ms, flap_ms, severity, service_class, function, ticket), and `limit`
    and `clear` of its condition.
    """

    where: Where
    which: str
    code: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    function: str = ""
    critical: bool = True


@dataclass(frozen=True, kw_only=True)
class RuleSet:
    """A fault catalogue with its overrides, in force from `valid_from_ms` until the next set; `hash` names its text."""

    rules: tuple[Rule, ...]
    functions: tuple[Function, ...] = ()
    overrides: tuple[Override, ...] = ()
    hash: str = ""
    valid_from_ms: int = 0


class Traits(NamedTuple):
    """What overrides may ask of a device; "" where nobody said."""

    kind: str = ""
    model: str = ""
    site: str = ""


NO_TRAITS = Traits()
Dated = tuple[tuple[int, Traits], ...]
"""Since when a device is what, ascending."""


def changed(rule: Rule, fields: Mapping[str, Any]) -> Rule:
    """The rule with other fields; RuleChangeError where it has no limits to set."""
    limits = {name: fields[name] for name in LIMITS if name in fields}
    others = {name: value for name, value in fields.items() if name not in LIMITS}
    if limits:
        if not isinstance(rule.when, Above | Below):
            raise RuleChangeError(f"{rule.code}: this fault has no limits that could be set")
        if "limit" in limits and "clear" not in limits:
            limits["clear"] = limits["limit"]
        others["when"] = replace(rule.when, **limits)
    return replace(rule, **others)


def resolved(rules: RuleSet, traits: Traits = NO_TRAITS, device: str = "") -> Policy:
    """The policy of a device with these traits under a rule set."""
    return _resolved(rules, _applying(rules, traits, device), traits.kind)


def _applying(rules: RuleSet, traits: Traits, device: str) -> tuple[int, ...]:
    """The places of the overrides that apply, the widest first."""
    said = {"kind": traits.kind, "model": traits.model, "site": traits.site, "device": device}
    places = [place for place, one in enumerate(rules.overrides) if one.which and said[one.where] == one.which]
    return tuple(sorted(places, key=lambda place: (WHERE.index(rules.overrides[place].where), place)))


def _resolved(rules: RuleSet, places: Sequence[int], kind: str) -> Policy:
    overrides = [rules.overrides[place] for place in places]
    critical = {one.name: one.critical for one in rules.functions if not one.kinds or kind in one.kinds}
    critical |= {one.function: one.critical for one in overrides if one.function}
    by_code = {rule.code: rule for rule in rules.rules}
    for one in overrides:
        if one.code in by_code:
            by_code[one.code] = changed(by_code[one.code], one.fields)
    effective = tuple(replace(rule, effect=_effect(rule, critical)) for rule in by_code.values())
    return Policy(rules=effective, hash=rules.hash, valid_from_ms=rules.valid_from_ms)


def _effect(rule: Rule, critical: Mapping[str, bool]) -> Effect:
    function = rule.function
    if rule.rests:
        return "rests"
    if function == WHOLE:
        return "down"
    if not function or function not in critical:
        return ""
    return "down" if critical[function] else "degraded"


class Rulebook:
    """All rule sets over time, and which devices were what when. Immutable but for its cache of policies.

    `traits(device)` is asked only where overrides or kinds of functions need it.
    """

    def __init__(self, sets: Sequence[RuleSet], traits: Callable[[str], Dated] | None = None) -> None:
        if not sets:
            raise ValueError("a rulebook needs at least one rule set")
        self.sets = tuple(sorted(sets, key=lambda one: one.valid_from_ms))
        self._traits = traits or (lambda device: ())
        self._from = self.sets[-1].valid_from_ms if len(self.sets) > 1 else ALWAYS
        self._policies: dict[tuple[int, tuple[int, ...], str], Policy] = {}
        self._kinds = frozenset(kind for one in self.sets for function in one.functions for kind in function.kinds)
        self._is_plain = not self._kinds and not any(one.overrides for one in self.sets)
        self._newest: Policy | None = resolved(self.sets[-1]) if self._is_plain else None
        self._now: dict[str, tuple[int, Policy]] = {}
        self._pairs: dict[tuple[int, int], tuple[int, Policy]] = {}
        """The values of `_now`, each once: a fleet is large, its kinds are few."""

    @property
    def traits(self) -> Callable[[str], Dated]:
        """What tells which devices were what when."""
        return self._traits

    def forget(self, devices: Iterable[str]) -> None:
        """Ask again for what these devices are: somebody entered them otherwise."""
        for device in devices:
            self._now.pop(device, None)

    @property
    def newest(self) -> RuleSet:
        """The set in force now."""
        return self.sets[-1]

    def at(self, device: str, t: int) -> Policy:
        """The policy that judges what `device` (or `@agent`) was like at `t`."""
        if self._newest is not None and t >= self._from:
            return self._newest
        known = self._now.get(device)
        if known is not None and t >= known[0]:
            return known[1]
        dated = self._dated(device)
        policy = self._policy(device, dated, t)
        since_ms = max(self._from, dated[-1][0] if len(dated) > 1 else ALWAYS)
        if t >= since_ms:
            self._now[device] = self._pairs.setdefault((since_ms, id(policy)), (since_ms, policy))
        return policy

    def edges(self, device: str, after_ms: int, to_ms: int) -> tuple[int, ...]:
        """When in (after, to] the device came under other rules."""
        if after_ms >= self._from and (self._is_plain or (device in self._now and after_ms >= self._now[device][0])):
            return ()
        times = {one.valid_from_ms for one in self.sets} | {from_ms for from_ms, _ in self._dated(device)}
        return tuple(
            at
            for at in sorted(times)
            if after_ms < at <= to_ms and self.at(device, at - 1).rules != self.at(device, at).rules
        )

    def _dated(self, device: str) -> Dated:
        return () if self._is_plain or device.startswith("@") else self._traits(device)

    def _policy(self, device: str, dated: Dated, t: int) -> Policy:
        place = max((at for at, one in enumerate(self.sets) if one.valid_from_ms <= t), default=0)
        traits = next((said for from_ms, said in reversed(dated) if from_ms <= t), dated[0][1] if dated else NO_TRAITS)
        rules = self.sets[place]
        applying = _applying(rules, traits, device)
        key = place, applying, traits.kind if traits.kind in self._kinds else ""
        found = self._policies.get(key)
        if found is None:
            found = self._policies[key] = _resolved(rules, applying, traits.kind)
        return found


def book_of(policy: Policy) -> Rulebook:
    """A rulebook with this one policy for all times, its effects as they are: for tests and single questions."""
    return _Single(policy)


class _Single(Rulebook):
    def __init__(self, policy: Policy) -> None:
        super().__init__([RuleSet(rules=policy.rules, hash=policy.hash, valid_from_ms=0)])
        self._newest, self._from = policy, ALWAYS
