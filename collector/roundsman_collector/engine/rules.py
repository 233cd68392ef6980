"""The rules that the engine judges by: put in force at start, changed by people, over what devices were when.

    begin(store, rules, now_ms)             the files' rules are in force from now on, if they are not already
    promise(store, levels, now_ms)          the same for service levels
    book(store)                             all rules that ever were, as the engine takes them
    change(engine, command, now_ms)         the command `rules`: an override of the console is put, or taken away
    moved(engine, command, now_ms)          the command `moved`: devices stand elsewhere, from a time on

Rules begin when they are put in force, never earlier. A rulebook is swapped whole; who is ahead of it in event time is
told anew (Engine.judge_by).
"""

import json
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

import structlog

from roundsman_collector.core.rulebook import Dated, Rulebook, RuleSet
from roundsman_collector.rules.kept import Kept, body_of, in_force, kept_from, rule_set_of
from roundsman_collector.rules.levels import LevelFile, digest, file_from
from roundsman_collector.rules.levels import body_of as level_body
from roundsman_collector.rules.shape import CHANGE, RulesError
from roundsman_collector.store.commands import CommandRow
from roundsman_collector.store.door import Store
from roundsman_collector.store.rules import RuleSetRow

if TYPE_CHECKING:
    from roundsman_collector.engine.engine import Engine

log = structlog.get_logger(__name__)

RECENT = 50_000
"""Devices of which it is remembered what they were before the newest rules: a fleet that comes back with a backlog."""


def begin(store: Store, rules: RuleSet, now_ms: int) -> None:
    """Let the files' rules be in force from now on, with what the console changed, if they are not already."""
    newest = store.newest_rules()
    kept = Kept(base=rules) if newest is None else _on_files(newest, rules)
    body = body_of(kept)
    set_ = in_force(kept)
    if newest is not None and newest.hash == set_.hash:
        return
    from_ms = now_ms
    if newest is not None and newest.valid_from_ms >= now_ms:
        from_ms = newest.valid_from_ms + 1
        log.error("the rules in force begin in the future; was the clock wrong?", begin_ms=newest.valid_from_ms)
    store.put_rules(set_.hash, body, from_ms)
    log.info("rules are in force", hash=set_.hash, faults=len(set_.rules), overrides=len(set_.overrides))


def promise(store: Store, files: Mapping[str, LevelFile], now_ms: int) -> None:
    """Let the files' service levels be in force from now on, if they are not already. Tickets keep the versions that
    they were opened under."""
    bodies = {name: level_body(one) for name, one in files.items()}
    new = store.put_levels({name: (digest(body), body) for name, body in bodies.items()}, now_ms)
    if new:
        log.info("service levels are in force", new=new, all=len(bodies))


def _on_files(newest: RuleSetRow, rules: RuleSet) -> Kept:
    """The files' rules with the console's overrides of the newest row; what no longer fits is told and left out."""
    try:
        kept, problems = kept_from(newest.body, source=f"rule set {newest.hash}").on(rules)
    except RulesError as error:
        kept, problems = Kept(base=rules), error.problems
    for problem in problems:
        log.error("an override of the console no longer fits the rules, and is left out", problem=problem)
    return kept


def book(store: Store) -> Rulebook:
    """All rules that were ever in force, over what devices were when."""
    return Rulebook(_sets(store), _traits(store))


def _sets(store: Store) -> list[RuleSet]:
    found = []
    for row in store.rule_sets():
        try:
            found.append(rule_set_of(row.body, hash_=row.hash, valid_from_ms=row.valid_from_ms))
        except (
            RulesError
        ) as error:  # written by another version: what it judged stands, late evidence meets its neighbour
            log.error("rules of the past cannot be read", hash=row.hash, problem=str(error))
    return found


def _traits(store: Store) -> "_Traits":
    return _Traits(store.all_traits(), store.traits)


class _Traits:
    """What devices were when: of the whole fleet read at once, then one by one.

    Each is asked for when something is heard of it first, and remembered by the rulebook; so what was read is let go.
    Of the time before the newest rules the rulebook remembers nothing and asks sample by sample: the RECENT devices
    that were asked for last are kept, and of equal answers only one.
    """

    def __init__(self, ahead: dict[str, Dated], one: Callable[[str], Dated]) -> None:
        self._ahead = ahead
        self._one = one
        self._recent: dict[str, Dated] = {}
        self._alike: dict[Dated, Dated] = {}

    def __call__(self, device: str) -> Dated:
        found = self._recent.get(device)
        if found is None:
            found = self._ahead.pop(device, None)
            found = self._one(device) if found is None else found
            if len(self._recent) >= RECENT:
                self._recent.pop(next(iter(self._recent)))
            if len(self._alike) >= RECENT:
                self._alike.clear()
            self._recent[device] = found = self._alike.setdefault(found, found)
        return found

    def forget(self, devices: Collection[str]) -> None:
        """These are no longer what was read."""
        for device in devices:
            self._ahead.pop(device, None)
            self._recent.pop(device, None)


def change(engine: "Engine", command: CommandRow, now_ms: int) -> Mapping[str, Any]:
    """Put an override of the console, or take it away: args {put: {...}} or {remove: {code or function, for}}."""
    said = command.args
    newest = engine.store.newest_rules()
    if newest is None:
        raise ValueError("no rules are in force; start the collector once")
    kept = kept_from(newest.body, source=f"rule set {newest.hash}")
    from_ms = max(now_ms, newest.valid_from_ms + 1)  # many commands may be carried out at once
    if "put" in said:
        wanted = CHANGE.validate_json(json.dumps(said["put"]))
        kept = kept.put(wanted.model_copy(update={"origin": "console", "by": command.who, "at_ms": now_ms}))
    else:
        kept = kept.without(CHANGE.validate_json(json.dumps(said["remove"])))
    set_ = in_force(kept, valid_from_ms=from_ms)
    engine.store.put_rules(set_.hash, body_of(kept), from_ms, command.who)
    ahead = engine.judge_by(Rulebook([*engine.book.sets, set_], _traits(engine.store)), now_ms)
    log.info("rules are in force", hash=set_.hash, who=command.who, told_anew=ahead)
    return {"hash": set_.hash}


def put_level(engine: "Engine", command: CommandRow, now_ms: int) -> Mapping[str, Any]:
    """Put a version of a service level in force: args {level, body}. Tickets keep the one they were opened under."""
    name = str(command.args["level"])
    body = level_body(file_from(str(command.args["body"]), source=f"service level {name}"))
    engine.store.put_levels({name: (digest(body), body)}, now_ms, command.who)
    engine.promises.forget()
    log.info("a service level is in force", level=name, hash=digest(body), who=command.who)
    return {"hash": digest(body)}


def moved(engine: "Engine", command: CommandRow, now_ms: int) -> Mapping[str, Any]:
    """Devices stand elsewhere from a time on: args {devices, from_ms}."""
    devices = [str(one) for one in command.args["devices"]]
    forget(engine, devices)
    if not any(one.where == "site" for set_ in engine.book.sets for one in set_.overrides):
        return {"told_anew": 0}
    return {"told_anew": _tell_anew(engine, devices, int(command.args["from_ms"]), now_ms)}


def recast(engine: "Engine", devices: Collection[str], now_ms: int) -> None:
    """Devices are of another kind or model from now on; tell anew who is ahead of now."""
    forget(engine, devices)
    _tell_anew(engine, devices, now_ms, now_ms)


def forget(engine: "Engine", devices: Collection[str]) -> None:
    """Look again, when something is heard of them, which rules are for these devices."""
    engine.book.forget(devices)
    if isinstance(engine.book.traits, _Traits):
        engine.book.traits.forget(devices)


def _tell_anew(engine: "Engine", devices: Collection[str], from_ms: int, now_ms: int) -> int:
    """Of the units that speak for these devices, those that have said something of the time since then."""
    wanted = frozenset(devices)
    ahead = [
        unit for unit in engine.units.values() if unit.state.last_t >= from_ms and not wanted.isdisjoint(unit.devices)
    ]
    return engine.tell_anew(ahead, from_ms, now_ms)
