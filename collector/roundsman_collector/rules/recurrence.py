"""When the same fault comes again and again: the rules of recurrence warnings, from YAML. Pure.

rules = recurrence_from(text, source="recurrence.yaml")      core.recurrence.Rules; RulesError tells all that is wrong
"""

from typing import Annotated

from pydantic import Field

from roundsman_collector.core.recurrence import Level, Of, Rule, Rules, Same
from roundsman_collector.rules.flaws import twice
from roundsman_collector.rules.shape import Code, RulesError, Strict, read

Many = Annotated[int, Field(ge=1, le=1_000_000)]
MONTHS = {"month": 1, "quarter": 3, "year": 12}
"""How many months a period of each level has."""


class Row(Strict):
    """A rule."""

    level: Level
    of: Of
    same: Same
    faults: Annotated[int, Field(ge=2, le=1_000_000)]
    devices: Many = 1
    months: Annotated[int, Field(ge=1, le=12)] = 1
    share_percent: Annotated[int, Field(ge=0, le=100)] = 0


class RecurrenceFile(Strict):
    """The whole file."""

    except_: list[Code] = Field(default_factory=list, alias="except")
    warnings: Annotated[list[Row], Field(min_length=1)]


def recurrence_from(text: str, *, source: str) -> Rules:
    """The rules in a file, in its order; RulesError tells everything that is wrong with it."""
    said = read(text, RecurrenceFile, source=source)
    flaws = [f"{source}: warnings.{place}: {flaw}" for place, row in enumerate(said.warnings) for flaw in _flaws(row)]
    names = [f"{row.level} of {row.of}, same {row.same}" for row in said.warnings]
    flaws += [f"{source}: warnings: {flaw}" for flaw in twice(names)]
    if flaws:
        raise RulesError(flaws)
    rules = tuple(Rule(**row.model_dump()) for row in said.warnings)
    return Rules(rules=rules, except_=frozenset(said.except_))


def _flaws(row: Row) -> list[str]:
    flaws = []
    if row.months > MONTHS[row.level]:
        flaws.append(f"months: expected at most {MONTHS[row.level]} in a {row.level}, got {row.months}")
    if row.share_percent and row.of != "model":
        flaws.append("share_percent: expected with of: model alone, it is a share of the model's devices")
    if row.devices > 1 and row.of == "device":
        flaws.append(f"devices: expected 1 where one device is looked at, got {row.devices}")
    return flaws
