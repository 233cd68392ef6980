"""What only a person can see: the open ticks of an inspection report, from YAML. Pure.

ticks = ticks_from(text, source="ticks.yaml");  for_kind(ticks, "kiosk") -> (Label, ...)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import yaml
from pydantic import Field, ValidationError

from roundsman_collector.rules.shape import Both, RulesError, Strict
from roundsman_collector.wording import got, wanted
from roundsman_wire.catalogue import Label


class Row(Both):
    """A tick; `kinds` empty: for devices of every kind."""

    kinds: tuple[Annotated[str, Field(min_length=1, max_length=160)], ...] = Field((), strict=False)


class File(Strict):
    """The whole file."""

    ticks: list[Row]


@dataclass(frozen=True, kw_only=True, slots=True)
class Tick:
    """Something to look at, for devices of these kinds; of every kind, if there are none."""

    kinds: frozenset[str]
    label: Label


def ticks_from(text: str, *, source: str) -> tuple[Tick, ...]:
    """The ticks in a file, in its order; RulesError tells everything that is wrong with it."""
    try:
        rows = File.model_validate(yaml.safe_load(text)).ticks
    except yaml.YAMLError as error:
        raise RulesError([f"{source}: is no YAML: {str(error).splitlines()[0]}"]) from error
    except ValidationError as error:
        raise RulesError(
            [
                f"{source}: {'.'.join(map(str, one['loc']))}: expected {wanted(one)}, got {got(one)}"
                for one in error.errors()
            ]
        ) from error
    return tuple(Tick(kinds=frozenset(row.kinds), label=Label(zh=row.zh, en=row.en)) for row in rows)


def for_kind(ticks: Sequence[Tick], kind: str) -> tuple[Label, ...]:
    """The ticks of a device of this kind."""
    return tuple(one.label for one in ticks if not one.kinds or kind in one.kinds)
