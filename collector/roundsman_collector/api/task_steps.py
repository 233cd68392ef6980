"""What a step of a task may say beside its words: a shape for each verb of core/tasks.py.

said("agree", {"name": "钱女士"}) -> the same, checked; Problem names the field
"""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

from pydantic import Field, ValidationError

from roundsman_collector.api.problem import bad_parameter
from roundsman_collector.api.ticket_steps import Dated, Name, Said


class Assigned(Said):
    """Who goes, on which day: one of the two, or both."""

    engineer: Annotated[str, Field(max_length=200)] = Field(default="", description="a login name")
    day: date | None = Field(default=None, description="the day it is fixed for")


class Worded(Dated):
    """The customer's word, and whose it is."""

    name: Name


class Declined(Dated):
    """The customer declines; the words say why."""

    name: Annotated[str, Field(max_length=200)] = ""


class Reported(Dated):
    """The report was handed in."""

    report: Annotated[str, Field(max_length=200)] = Field(default="", description="its number")


SHAPES: Mapping[str, type[Said]] = {
    "assign": Assigned,
    "agree": Worded,
    "decline": Declined,
    "begin": Dated,
    "finish": Dated,
    "report": Reported,
    "accept": Worded,
}


def said(step: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """What a step says, checked; what was left open is left out."""
    try:
        shape = SHAPES.get(step, Said).model_validate(dict(data))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in ("body.data", *first["loc"]))
        raise bad_parameter(where, str(first["msg"]), f"what docs/tasks.md says of {step}") from error
    return {name: value for name, value in shape.model_dump(mode="json").items() if value not in (None, "")}
