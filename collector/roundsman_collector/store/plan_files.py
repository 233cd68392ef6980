"""The kinds of plans there are (rules/plans), and a kind as one plan has it.

kinds() -> {"kiosk-phone": PlanFile, ...}       every kind, and the file that says what it is
kind_of("kiosk-phone", {"report": {"by": 3}}) -> PlanKind; RulesError
terms_of(kind, changes) -> text                 what a task keeps of its kind: whatever becomes of plan and program
kind_from(text) -> PlanKind                     the same again
"""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from roundsman_collector.config import built_in
from roundsman_collector.core.plan_kinds import PlanKind
from roundsman_collector.rules.plans import PRESETS, PlanFile, changed, file_from, kind_of_text, text_of
from roundsman_collector.rules.shape import RulesError


@cache
def files() -> tuple[PlanFile, ...]:
    """The files that travel with the program."""
    return tuple(file_from(built_in(f"plans/{name}.yaml"), source=f"{name}.yaml") for name in PRESETS)


@cache
def kinds() -> Mapping[str, PlanFile]:
    """Every kind of plan, and its file."""
    return {entry.kind: file for file in files() for entry in file.kinds}


def kind_of(kind: str, changes: Mapping[str, Any]) -> PlanKind:
    """A kind as a plan has it; RulesError where there is none, or the changes do not fit."""
    return changed(_file(kind), kind, changes, source=f"plan of kind {kind}")


def terms_of(kind: str, changes: Mapping[str, Any]) -> str:
    """The text of a kind as a plan has it; kind_from() reads it. RulesError."""
    return text_of(_file(kind), kind, changes, source=f"plan of kind {kind}")


@cache
def kind_from(text: str) -> PlanKind:
    """The kind that a task was made by."""
    return kind_of_text(text, source="terms of a task")


def changes_from(text: str | None) -> dict[str, Any]:
    """What a plan changes of its kind, as it is kept; ValueError for what is no object of JSON."""
    said = json.loads(text) if text else {}
    if not isinstance(said, dict):
        raise ValueError
    return said


def _file(kind: str) -> PlanFile:
    file = kinds().get(kind)
    if file is None:
        raise RulesError([f"there is no kind of plan {kind!r}; expected one of {', '.join(kinds())}"])
    return file
