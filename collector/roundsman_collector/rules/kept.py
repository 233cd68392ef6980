"""Rules as they are kept in force: what the files say, and on top of it what people changed in the console. Pure.

    kept = kept_from(body, source="rule_set 7")       a row of the table, as text
    kept = kept.on(base)                              other files: what the console said stays, where it still fits
    kept = kept.put(change), kept.without(change)     another override of the console, or one less
    body_of(kept), in_force(kept)                     the text again, and the rules that the core judges by

A body is a fault catalogue in canonical JSON. Overrides of the console are marked in it with `origin: console`, who
said so (`by`) and when (`at_ms`); they come after those of the files, so that for the same devices they win. One for
all devices stays an override there, too, and can be taken away.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from roundsman_collector.core.rulebook import RuleSet
from roundsman_collector.rules.catalogue import RULES_OF_NOBODY, about, digest, hashed, laid_over
from roundsman_collector.rules.shape import Catalogue, Change, Overlay, RulesError, read
from roundsman_collector.rules.written import written
from roundsman_wire.codec import canonical

CONSOLE = "console"
MOST = 2000
"""Overrides that the console may hold: they are written anew with each change."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """What the files say, and the console's overrides, the oldest first."""

    base: RuleSet
    console: tuple[Change, ...] = ()

    def on(self, base: RuleSet) -> tuple["Kept", tuple[str, ...]]:
        """The console's overrides on other files; those that no longer fit are left out, and it is told why."""
        held: list[Change] = []
        problems: list[str] = []
        for one in self.console:
            try:
                laid_over(base, overlay_of([*held, one]), CONSOLE, is_kept=True)
            except RulesError as error:
                problems += error.problems
            else:
                held.append(one)
        return Kept(base=base, console=tuple(held)), tuple(problems)

    def put(self, change: Change) -> "Kept":
        """With this override of the console, in place of its like for the same devices. RulesError: it is wrong."""
        others = tuple(one for one in self.console if about(one) != about(change))
        if len(others) >= MOST:
            raise RulesError(
                [f"{CONSOLE}: there are {MOST} overrides already; put them into a file of [policy] overrides"]
            )
        kept = replace(self, console=(*others, change))
        in_force(kept)
        return kept

    def without(self, change: Change) -> "Kept":
        """Without the console's override of the same for the same devices; RulesError: there is none."""
        others = tuple(one for one in self.console if about(one) != about(change))
        if len(others) == len(self.console):
            raise RulesError([f"{CONSOLE}, override {about(change)}: there is none; only what the console made can go"])
        return replace(self, console=others)


def overlay_of(changes: Sequence[Change]) -> Overlay:
    """A file that holds these overrides and nothing else."""
    return Overlay(kinds=[], functions=[], faults=[], overrides=[*changes])


def kept_from(body: str, *, source: str) -> Kept:
    """What a row of the table holds."""
    whole = read(body, Catalogue, source=source)
    console = tuple(one for one in whole.overrides if one.origin == CONSOLE)
    files = whole.model_copy(update={"overrides": [one for one in whole.overrides if one.origin != CONSOLE]})
    return Kept(base=hashed(laid_over(RULES_OF_NOBODY, files, source, is_kept=True)), console=console)


def body_of(kept: Kept) -> str:
    """The row again: equal rules of the same origin give equal texts."""
    whole = written(kept.base)
    if kept.console:
        whole["overrides"] = [*whole.get("overrides", []), *map(change_written, kept.console)]
    return canonical(whole).decode()


def change_written(change: Change) -> dict[str, Any]:
    """An override as a row says it, with who said it."""
    row: dict[str, Any] = change.model_dump(by_alias=True, exclude_none=True, exclude_defaults=True)
    return row


def in_force(kept: Kept, *, hash_: str = "", valid_from_ms: int = 0) -> RuleSet:
    """What the core judges by; without a `hash_`, it is named by its text."""
    rules = laid_over(kept.base, overlay_of(kept.console), CONSOLE, is_kept=True)
    return replace(rules, hash=hash_ or digest(body_of(kept)), valid_from_ms=valid_from_ms)


def rule_set_of(body: str, *, hash_: str, valid_from_ms: int) -> RuleSet:
    """The rules in a row of the table."""
    return in_force(kept_from(body, source=f"rule set {hash_}"), hash_=hash_, valid_from_ms=valid_from_ms)
