"""The shape of the rules' files, and their texts read into it: `read(text, Faults, source=\"faults.yaml\")`.

Two kinds of files: a fault catalogue (`faults:`) and changes to one (`overrides:`). Strict: no key that is not known,
no text where a number belongs. All that is wrong is told at once.
"""

import json
from collections.abc import Hashable, Mapping
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from roundsman_collector.wording import got, key, nearest, wanted


class RulesError(ValueError):
    """A rules file that cannot be used; the message has a line for each thing that is wrong."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class Strict(BaseModel):
    """Takes what its fields say and nothing else."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


Seconds = Annotated[float, Field(ge=0, le=30 * 86_400)]
Sentence = Annotated[str, Field(min_length=1, max_length=400)]
Bound = Annotated[float, Field(ge=-1e15, le=1e15)]
Name = Annotated[str, Field(min_length=1, max_length=160)]


class Unanswered(Strict):
    """The device does not answer though its road is well. The core sees it by itself."""

    unanswered: Literal[True]


class Silent(Strict):
    """Nothing came from the agent within the time it promised. The core sees it by itself."""

    silent: Literal[True]


class ProbeFails(Strict):
    """A probe gets no answer while the device has other readings."""

    probe: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*(#[0-9]+)?$")]
    fails: Literal[True]
    component: Name = Field(description="the component that the probe looks at")
    codes: list[str] = Field(
        default=[], description="the failures that count, as the wire's catalogue names them; all if not given"
    )


class ReadingIs(Strict):
    """A reading is one of these words."""

    reading: Name
    words: Annotated[list[str], Field(alias="is", min_length=1)]


class ReadingAbove(Strict):
    """A reading is above a limit; once so, until it is at or below `clear_below`, which is the limit if not given."""

    reading: Name
    above: Bound
    clear_below: Bound | None = None


class ReadingBelow(Strict):
    """A reading is below a limit; once so, until it is at or above `clear_above`, which is the limit if not given."""

    reading: Name
    below: Bound
    clear_above: Bound | None = None


_FORMS: Mapping[str, type[Strict]] = {
    "unanswered": Unanswered,
    "silent": Silent,
    "probe": ProbeFails,
    "is": ReadingIs,
    "above": ReadingAbove,
    "below": ReadingBelow,
}
"""The key that tells which `when` it is."""


def _form(when: Any) -> str | None:
    return next((key for key in _FORMS if key in when), None) if isinstance(when, dict) else None


AnyWhen = Annotated[
    Annotated[Unanswered, Tag("unanswered")]
    | Annotated[Silent, Tag("silent")]
    | Annotated[ProbeFails, Tag("probe")]
    | Annotated[ReadingIs, Tag("is")]
    | Annotated[ReadingAbove, Tag("above")]
    | Annotated[ReadingBelow, Tag("below")],
    Discriminator(_form, custom_error_type="when", custom_error_message=f"one of the keys {', '.join(_FORMS)}"),
]


class Both(Strict):
    """A text in both languages."""

    zh: Sentence
    en: Sentence


Code = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$", max_length=80)]
Severity = Literal[1, 2, 3]


class Row(Strict):
    """A fault: what can be wrong, how it is seen, how bad it is."""

    code: Code = Field(description="the fault's name, for ever: group.name")
    zh: Sentence
    en: Sentence
    when: AnyWhen
    for_s: Seconds = Field(
        description="seconds of event time that it must be so before it counts, from its first sample"
    )
    clear_for_s: Seconds = Field(0, description="seconds that it must be over before it counts as over")
    severity: Severity = Field(description="1 紧急 (out of use), 2 严重, 3 一般")
    service_class: Literal["clerk", "maintenance", "replacement"] = Field(
        description="who mends it: 营业员处理类, 维护类, 更换类"
    )
    down: bool = Field(description="whether the device counts as down meanwhile")
    ticket: bool = Field(True, description="whether it opens a ticket; without one it is recorded all the same")
    causes: list[Both] = Field([], description="what it may come from, the likeliest first")
    remedy: Both | None = Field(None, description="what to do, in a sentence")


class Faults(Strict):
    """A fault catalogue."""

    faults: Annotated[list[Row], Field(min_length=1)]


class NewLimits(Strict):
    """Other limits for a reading."""

    above: Bound | None = None
    clear_below: Bound | None = None
    below: Bound | None = None
    clear_above: Bound | None = None


class Change(Strict):
    """What is different about a fault of the catalogue."""

    code: Code
    for_s: Seconds | None = None
    clear_for_s: Seconds | None = None
    severity: Severity | None = None
    down: bool | None = None
    ticket: bool | None = None
    when: NewLimits | None = None


class Overrides(Strict):
    """Changes to a fault catalogue, by code."""

    overrides: list[Change]


SCHEMAS: Mapping[str, TypeAdapter[Any]] = {"faults": TypeAdapter(Faults), "overrides": TypeAdapter(Overrides)}
"""The two kinds of files, for docs/schemas."""


# --- text -> model, and errors in words ------------------------------------------------------------------------------

Model = TypeVar("Model", bound=BaseModel)


def read(text: str, model: type[Model], *, source: str) -> Model:
    """The file's content; RulesError says what is wrong, where and what was expected. `source` names the file."""
    document = _document(text, source)
    try:
        return model.model_validate_json(json.dumps(document))
    except ValidationError as error:
        errors = error.errors(include_url=False, include_context=False)
        problems = dict.fromkeys(_problem(each, document, model, source) for each in errors)
        raise RulesError([*problems]) from None


def _document(text: str, source: str) -> Any:
    try:
        if text.startswith("{"):  # as text_of writes it: YAML would read 1e-05 as a word
            return json.loads(text)
        document = yaml.load(text, Loader=_Loader)
        json.dumps(document)
        return document
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise RulesError([f"{source}{place}: {error.problem or error.context}"]) from None
    except (yaml.YAMLError, TypeError, ValueError, RecursionError) as error:
        # Dates, sets, loops and depths that JSON does not know are none of ours.
        raise RulesError(
            [f"{source}: expected plain lists, keys, texts and numbers: {str(error).splitlines()[0]}"]
        ) from None


class _Loader(yaml.SafeLoader):
    """Does not let the second of two equal keys win in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [key_node.value for key_node, _ in node.value]
        for at, (key_node, _) in enumerate(node.value):
            if isinstance(key_node.value, str) and key_node.value in keys[:at]:
                problem = f"key {key_node.value} stands twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
        return super().construct_mapping(node, deep)


def _problem(error: ErrorDetails, document: Any, model: type[BaseModel], source: str) -> str:
    section, *steps = error["loc"] or ("",)
    if not steps or not isinstance(steps[0], int):
        known = list(model.model_fields)
        return f"{source}: {_told(error, key(section) if section else '', known)}"
    row = document[section][steps[0]]
    code = row.get("code") if isinstance(row, dict) else None
    path = steps[1:]
    known = _known(model, path)
    if model is Faults and path[:1] == ["when"]:
        del path[1:2]  # pydantic names the form that it chose
    where = f"fault {key(code)}" if isinstance(code, str) else f"{section}[{steps[0]}]"
    return f"{source}, {where}{', ' if path else ': '}{_told(error, _path(path), known)}"


def _told(error: ErrorDetails, path: str, known: list[str]) -> str:
    if error["type"] == "extra_forbidden":
        return f"{path}: unknown key; expected one of {', '.join(known)}{nearest(error['loc'][-1], known)}"
    quote = "; YAML reads an unquoted yes, no, on, off as true or false: put the word in quotes"
    hint = quote if error["type"] == "string_type" and isinstance(error["input"], bool) else ""
    return f"{path + ': ' if path else ''}expected {wanted(error)}, got {got(error)}{hint}"


def _known(model: type[BaseModel], path: list[Any]) -> list[str]:
    """The keys that may stand where the last step of a path stands."""
    row: type[BaseModel] = Row if model is Faults else Change
    match path:
        case ["when", form, _] if model is Faults:
            row = _FORMS[form]
        case ["when", _]:
            row = NewLimits
        case ["remedy", _] | ["causes", _, _]:
            row = Both
    return [field.alias or name for name, field in row.model_fields.items()]


def _path(steps: list[Any]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{key(step)}" for step in steps).removeprefix(".")
