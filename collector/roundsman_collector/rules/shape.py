"""The shape of the rules' files, and their texts read into it: `read(text, Catalogue, source=\"faults.yaml\")`.

A file says `kinds`, `functions`, `faults` and `overrides`; a fault catalogue at least some faults, a file that is laid
over one whatever it wants to be different. Strict: no key that is not known, no text where a number belongs. All that
is wrong is told at once.
"""

import json
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, TypeAdapter, ValidationError, model_validator
from pydantic_core import ErrorDetails

from roundsman_collector.wording import got, key, nearest, wanted
from roundsman_wire.catalogue import Label

NOTHING = "nothing"
"""The word for `takes_down` that says: the device can do all that it is there for."""
CATEGORIES: Mapping[str, Label] = {
    "reach": Label(zh="通信", en="communication"),
    "power": Label(zh="供电", en="power"),
    "network": Label(zh="网络", en="network"),
    "host": Label(zh="主机", en="computer"),
    "storage": Label(zh="存储", en="storage"),
    "clock": Label(zh="时钟", en="clock"),
    "application": Label(zh="业务程序", en="application"),
    "screen": Label(zh="显示与触摸", en="screen and touch"),
    "printer": Label(zh="打印", en="printing"),
    "cash": Label(zh="现金", en="cash"),
    "reader": Label(zh="读卡与识读", en="cards and readers"),
    "video": Label(zh="视频", en="video"),
    "recording": Label(zh="录像", en="recording"),
    "positioning": Label(zh="定位", en="positioning"),
    "vehicle": Label(zh="车辆", en="vehicle"),
    "environment": Label(zh="环境", en="environment"),
    "security": Label(zh="安防", en="security"),
    "other": Label(zh="其他", en="other"),
}
"""What a fault is about, in the order in which people are shown it."""


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
Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]


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


class OftenStarted(Strict):
    """Starts within a window of time."""

    count: Annotated[int, Field(ge=1, le=1000)]
    within_s: Annotated[float, Field(gt=0, le=30 * 86_400)]


class RestartsOften(Strict):
    """The device started so often within a time that rolls. The core counts the starts itself."""

    restarts: OftenStarted


class ReadingIs(Strict):
    """A reading is one of these words."""

    reading: Name
    words: Annotated[list[str], Field(alias="is", min_length=1)]


class ReadingAbove(Strict):
    """A reading is above a limit; once so, until it is at or below `clear_below`, which is the limit if not given."""

    reading: Name
    above: Bound
    clear_below: Bound | None = None
    per: Name | None = Field(
        None, description="another reading of the same sample and component: judged is their ratio"
    )


class ReadingBelow(Strict):
    """A reading is below a limit; once so, until it is at or above `clear_above`, which is the limit if not given."""

    reading: Name
    below: Bound
    clear_above: Bound | None = None
    per: Name | None = Field(
        None, description="another reading of the same sample and component: judged is their ratio"
    )


_FORMS: Mapping[str, type[Strict]] = {
    "unanswered": Unanswered,
    "silent": Silent,
    "probe": ProbeFails,
    "restarts": RestartsOften,
    "is": ReadingIs,
    "above": ReadingAbove,
    "below": ReadingBelow,
}
"""The key that tells which `when` it is."""
_READS = ("is", "above", "below")
"""Those that look at a reading."""


def _form(when: Any) -> str | None:
    return next((key for key in _FORMS if key in when), None) if isinstance(when, dict) else None


AnyWhen = Annotated[
    Annotated[Unanswered, Tag("unanswered")]
    | Annotated[Silent, Tag("silent")]
    | Annotated[ProbeFails, Tag("probe")]
    | Annotated[RestartsOften, Tag("restarts")]
    | Annotated[ReadingIs, Tag("is")]
    | Annotated[ReadingAbove, Tag("above")]
    | Annotated[ReadingBelow, Tag("below")],
    Discriminator(_form, custom_error_type="when", custom_error_message=f"one of the keys {', '.join(_FORMS)}"),
]


def _read_form(when: Any) -> str | None:
    found = _form(when)
    return found if found in _READS else None


ReadsWhen = Annotated[
    Annotated[ReadingIs, Tag("is")] | Annotated[ReadingAbove, Tag("above")] | Annotated[ReadingBelow, Tag("below")],
    Discriminator(
        _read_form, custom_error_type="when", custom_error_message=f"a reading and one of the keys {', '.join(_READS)}"
    ),
]


class Both(Strict):
    """A text in both languages."""

    zh: Sentence
    en: Sentence


Code = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$", max_length=80)]
Severity = Literal[1, 2, 3]
ServiceClass = Literal["clerk", "maintenance", "replacement"]
Root = Literal["power", "uplink"]
Category = Annotated[str, Field(json_schema_extra={"enum": list(CATEGORIES)})]


class FunctionRow(Strict):
    """Something that devices of some kinds are there for."""

    name: Word = Field(description="its name, as takes_down says it")
    zh: Sentence
    en: Sentence
    kinds: list[Name] = Field([], description="the kinds of devices that have it; every kind if not given")
    critical: bool = Field(True, description="whether a device without it is down; if not, it is degraded")


class Row(Strict):
    """A fault: what can be wrong, how it is seen, how bad it is."""

    code: Code = Field(description="the fault's name, for ever: group.name")
    zh: Sentence
    en: Sentence
    when: AnyWhen
    only_while: ReadsWhen | None = Field(
        None, description="another reading of the same sample that must hold too, or the fault does not"
    )
    for_s: Seconds = Field(
        description="seconds of event time that it must be so before it counts, from its first sample"
    )
    clear_for_s: Seconds = Field(0, description="seconds that it must be over before it counts as over")
    flap_s: Seconds = Field(
        0, description="one that comes and goes more often than once in this time is held as one fault; 0: never"
    )
    severity: Severity = Field(description="1 紧急 (out of use), 2 严重, 3 一般")
    service_class: ServiceClass = Field(description="who mends it: 营业员处理类, 维护类, 更换类")
    category: Category = Field("other", description="what it is about")
    takes_down: Word = Field(
        NOTHING, description="`device`, or the function that the device cannot do meanwhile, or `nothing`"
    )
    explains: Root | None = Field(None, description="what is explained by it for devices that stand behind this one")
    explained_by: list[Root] = Field([], description="what may explain it: it then opens no ticket of its own")
    ticket: bool = Field(True, description="whether it opens a ticket; without one it is recorded all the same")
    rests: bool = Field(
        False, description="no fault but a state: the device is out of use on purpose, its silence means nothing"
    )
    causes: list[Both] = Field([], description="what it may come from, the likeliest first")
    remedy: Both | None = Field(None, description="what to do, in a sentence")
    parts: list[Both] = Field([], description="what to take along to the site")


class NewLimits(Strict):
    """Other limits for a reading."""

    above: Bound | None = None
    clear_below: Bound | None = None
    below: Bound | None = None
    clear_above: Bound | None = None


class For(Strict):
    """The devices that an override is for: exactly one of these."""

    kind: Name | None = None
    model: Name | None = None
    site: Name | None = None
    device: Name | None = None

    @model_validator(mode="after")
    def _is_one(self) -> "For":
        if len(self.model_fields_set) != 1 or None in self.model_dump(include=self.model_fields_set).values():
            raise ValueError(f"exactly one of {', '.join(type(self).model_fields)}")
        return self

    @property
    def where(self) -> str:
        """Which of the four it is."""
        return next(iter(self.model_fields_set))

    @property
    def which(self) -> str:
        """The kind, the model, or the id."""
        return str(getattr(self, self.where))


class Change(Strict):
    """What is different about a fault of the catalogue, or whether a function is critical: everywhere, or for some."""

    code: Code | None = Field(None, description="the fault that is different")
    function: Word | None = Field(None, description="or the function of which `critical` is said")
    for_: For | None = Field(None, alias="for", description="for which devices; for all of them if not given")
    for_s: Seconds | None = None
    clear_for_s: Seconds | None = None
    flap_s: Seconds | None = None
    severity: Severity | None = None
    service_class: ServiceClass | None = None
    takes_down: Word | None = None
    ticket: bool | None = None
    when: NewLimits | None = None
    critical: bool | None = None
    origin: Literal["file", "console"] = Field("file", description="written by the console alone")
    by: Name | None = Field(None, description="who said so; written by the console")
    at_ms: int | None = Field(None, description="when; written by the console")


CHANGE: TypeAdapter[Change] = TypeAdapter(Change)
"""Reads an override as the console and the API say it."""


class Overlay(Strict):
    """What is laid over a fault catalogue: other kinds, functions and faults, and changes to those that are there."""

    kinds: list[Name] = Field([], description="kinds of devices beyond those that Roundsman knows")
    functions: list[FunctionRow] = Field([], description="what devices are there for; one of the same name is replaced")
    faults: list[Row] = Field([], description="faults; one of the same code is replaced")
    overrides: list[Change] = Field([], description="what is different about faults and functions, and for whom")


class Catalogue(Overlay):
    """A fault catalogue."""

    faults: Annotated[list[Row], Field(min_length=1)]


SCHEMAS: Mapping[str, TypeAdapter[Any]] = {"faults": TypeAdapter(Catalogue), "overrides": TypeAdapter(Overlay)}
"""The two kinds of files, for docs/schemas."""


# --- text -> model, and errors in words ------------------------------------------------------------------------------

Model = TypeVar("Model", bound=BaseModel)


Problem = Callable[[ErrorDetails, Any, str], str]
"""A line of words for an error in a document, whose source has this name."""


def read(text: str, model: type[Model], *, source: str, problem: Problem | None = None) -> Model:
    """The file's content; RulesError says what is wrong, where and what was expected. `source` names the file,
    `problem` words an error (None: as of a fault catalogue)."""
    document = document_of(text, source)

    def worded(error: ErrorDetails) -> str:
        return _problem(error, document, model, source) if problem is None else problem(error, document, source)

    try:
        return model.model_validate_json(json.dumps(document))
    except ValidationError as error:
        errors = error.errors(include_url=False, include_context=False)
        raise RulesError([*dict.fromkeys(map(worded, errors))]) from None


def document_of(text: str, source: str) -> Any:
    """What a YAML file says, as plain as JSON; RulesError says where it cannot be read."""
    try:
        # What begins with { is as text_of writes it: YAML would read 1e-05 as a word.
        return json.loads(text if text.startswith("{") else _plain(text))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise RulesError([f"{source}{place}: {error.problem or error.context}"]) from None
    except (yaml.YAMLError, TypeError, ValueError, RecursionError) as error:
        # Dates, sets, loops and depths that JSON does not know are none of ours.
        raise RulesError(
            [f"{source}: expected plain lists, keys, texts and numbers: {str(error).splitlines()[0]}"]
        ) from None


@lru_cache(maxsize=8)
def _plain(text: str) -> str:
    """YAML as JSON. To read the catalogue takes 0.2 s, and a start wants it for rules, advice and names."""
    return json.dumps(yaml.load(text, Loader=_Loader))


class _Loader(yaml.SafeLoader):
    """Does not let the second of two equal keys win in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [key_node.value for key_node, _ in node.value]
        for at, (key_node, _) in enumerate(node.value):
            if isinstance(key_node.value, str) and key_node.value in keys[:at]:
                problem = f"key {key_node.value} stands twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
        return super().construct_mapping(node, deep)


_ROWS: Mapping[str, type[BaseModel]] = {"functions": FunctionRow, "faults": Row, "overrides": Change}
_NAMES = {"functions": ("function", "name"), "faults": ("fault", "code"), "overrides": ("override", "code")}
"""What a row of a section is called, and by which key of it."""


def _problem(error: ErrorDetails, document: Any, model: type[BaseModel], source: str) -> str:
    section, *steps = error["loc"] or ("",)
    if section not in _ROWS or not steps or not isinstance(steps[0], int):
        known = list(model.model_fields)
        return f"{source}: {told(error, path_of([section, *steps]) if section else '', known)}"
    where = _where(str(section), steps[0], document[section][steps[0]])
    path = steps[1:]
    known = _known(_ROWS[str(section)], path)
    if section == "faults" and path[:1] in (["when"], ["only_while"]):
        del path[1:2]  # pydantic names the form that it chose
    return f"{source}, {where}{', ' if path else ': '}{told(error, path_of(path), known)}"


def _where(section: str, place: int, row: Any) -> str:
    noun, by = _NAMES[section]
    said = row.get(by) if isinstance(row, dict) else None
    if section == "overrides" and not isinstance(said, str) and isinstance(row, dict):
        noun, said = "override of function", row.get("function")
    return f"{noun} {key(said)}" if isinstance(said, str) else f"{section}[{place}]"


def told(error: ErrorDetails, path: str, known: Sequence[str]) -> str:
    """An error in words: where, what was expected, what is there. `known`: the keys that may stand there."""
    if error["type"] == "extra_forbidden":
        return f"{path}: unknown key; expected one of {', '.join(known)}{nearest(error['loc'][-1], list(known))}"
    quote = "; YAML reads an unquoted yes, no, on, off as true or false: put the word in quotes"
    hint = quote if error["type"] == "string_type" and isinstance(error["input"], bool) else ""
    return f"{path + ': ' if path else ''}expected {wanted(error)}, got {got(error)}{hint}"


def _known(row: type[BaseModel], path: list[Any]) -> list[str]:
    """The keys that may stand where the last step of a path stands."""
    match path:
        case ["when" | "only_while", form, "restarts", _]:
            row = OftenStarted
        case ["when" | "only_while", form, _]:
            row = _FORMS[form]
        case ["when", _]:
            row = NewLimits
        case ["for", _]:
            row = For
        case ["remedy", _] | ["causes" | "parts", _, _]:
            row = Both
    return [field.alias or name for name, field in row.model_fields.items() if name not in _OURS]


_OURS = ("origin", "by", "at_ms")
"""Keys that only the console writes: not for people to be told of."""


def path_of(steps: Sequence[Any]) -> str:
    """Where something stands in a document: `clocks[2].minutes`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{key(step)}" for step in steps).removeprefix(".")
