"""The shape of a file of rule tests, and its text read into it: `rule_tests_from(text, source="paper.yaml")`. Pure.

A file says which rules it tests, which devices there are, and tests: signals on a timeline, and what is expected of
them (docs/how-to/test-rules.md). Times are durations since the start of the test. All that is wrong is told at once, a
line for each: the file, the line, the test, the key, what was expected.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from roundsman_collector.core.calendar import zone
from roundsman_collector.core.hours import kept
from roundsman_collector.core.overlay import REASONS
from roundsman_collector.rules.durations import LONGEST_MS, milliseconds
from roundsman_collector.rules.series import Slot, slots
from roundsman_collector.rules.shape import RulesError, Strict, document_of
from roundsman_collector.wording import got, key, nearest, wanted
from roundsman_wire.topics import ID_PATTERN

MINUTE_MS = 60_000
BUILT_IN = "built-in"


def _duration(said: object) -> int:
    if isinstance(said, bool) or not isinstance(said, str | int | float):
        raise ValueError("a duration such as 90s, 5m, 1h30m, or seconds as a number")
    return milliseconds(said)


def _series(said: object) -> list[Slot]:
    if isinstance(said, bool) or not isinstance(said, str | int | float):
        raise ValueError("a series such as 10x5 95x10 _ - 40+5x6 (words that YAML takes for true or false in quotes)")
    return slots(str(said))


def _moment(said: str) -> str:
    if datetime.fromisoformat(said).tzinfo is not None:
        raise ValueError("a local time such as 2026-03-02 08:00, without an offset: time_zone says it")
    return said


def _zone(said: str) -> str:
    zone(said)
    return said


def _reason(said: str) -> str:
    if said not in REASONS:
        raise ValueError(f"one of {', '.join(REASONS)}")
    return said


Duration = Annotated[int, BeforeValidator(_duration)]
"""Milliseconds, written as people do."""
Id = Annotated[str, Field(pattern=ID_PATTERN)]
Subject = Annotated[str, Field(pattern=f"^@?(?:{ID_PATTERN.removeprefix('^').removesuffix('$')})$")]
"""A device, or `@` and an agent."""
Series = Annotated[list[Any], BeforeValidator(_series)]
Text = Annotated[str, Field(min_length=1, max_length=160)]
Count = Annotated[int, Field(ge=0)]
Percent = Annotated[float, Field(ge=0, le=100)]


class Behind(Strict):
    """What a device stands behind."""

    power: Id | None = None
    uplink: Id | None = None


class Device(Strict):
    """What a device is."""

    kind: Text | None = None
    model: Text | None = None
    site: Text | None = None
    agent: Id | None = Field(
        default=None, description="the agent that polls it; its own, on the device itself, if not given"
    )
    arrive_by: Duration | None = Field(default=None, description="by when it reports; that of the file if not given")
    behind: Behind = Behind()


class Trouble(Strict):
    """What befalls an agent: exactly one of the first five."""

    power_off: Id | None = Field(default=None, description="its machine is off; at the end it boots")
    reboot: Id | None = Field(default=None, description="its machine boots anew, at once")
    stopped: Id | None = Field(default=None, description="the agent does not run; the machine does")
    line: Id | None = Field(default=None, description="nothing gets through; what was recorded arrives later")
    lost: Id | None = Field(default=None, description="what was recorded is gone, and the agent says so")
    from_: Duration | None = Field(default=None, alias="from")
    to: Duration | None = None
    at: Duration | None = Field(default=None, description="when it reboots")
    arrives: Duration | Literal["never"] | None = Field(
        default=None, description="when what was recorded arrives; at the end if not given"
    )

    @model_validator(mode="after")
    def _is_one(self) -> "Trouble":
        said = [name for name in TROUBLES if getattr(self, name) is not None]
        if len(said) != 1:
            raise ValueError(f"exactly one of {', '.join(TROUBLES)}")
        if (self.reboot is None) == (self.from_ is None) or (self.reboot is None) != (self.at is None):
            raise ValueError("a reboot with `at`, the others with `from` (and `to`; it goes on without)")
        if self.from_ is not None and self.to is not None and self.to <= self.from_:
            raise ValueError("`to` after `from`")
        if self.arrives is not None and (self.line is None or self.to is None):
            raise ValueError("`arrives` only of a line that is there again (`to`)")
        if isinstance(self.arrives, int) and self.to is not None and self.arrives < self.to:
            raise ValueError("`arrives` not before the line is there again (`to`)")
        return self

    @property
    def what(self) -> str:
        """Which of them it is."""
        return next(name for name in TROUBLES if getattr(self, name) is not None)

    @property
    def agent(self) -> str:
        """Whom it befalls."""
        return str(getattr(self, self.what))

    @property
    def span(self) -> tuple[int, int]:
        """From when to when."""
        if self.at is not None:
            return self.at, self.at
        return self.from_ or 0, LONGEST_MS if self.to is None else self.to


TROUBLES = ("power_off", "reboot", "stopped", "line", "lost")


class LaidOver(Strict):
    """What somebody says of a device: exactly one of the first three, each naming the device."""

    maintenance: Id | None = None
    exclusion: Id | None = None
    correction: Id | None = None
    state: Literal["up", "down", "unknown"] | None = Field(default=None, description="what a correction says")
    reason: Annotated[str, AfterValidator(_reason)] = "other"
    from_: Duration = Field(alias="from")
    to: Duration | None = None
    counts: Duration = Field(default=0, description="since when it counts: when it was approved")

    @model_validator(mode="after")
    def _is_one(self) -> "LaidOver":
        if sum(getattr(self, name) is not None for name in LAID) != 1:
            raise ValueError(f"exactly one of {', '.join(LAID)}")
        if (self.correction is None) != (self.state is None):
            raise ValueError("a correction with `state`, the others without")
        if self.to is not None and self.to < self.from_:
            raise ValueError("`to` not before `from`")
        return self

    @property
    def what(self) -> Literal["maintenance", "exclusion", "correction"]:
        """Which of the three it is."""
        return next(name for name in LAID if getattr(self, name) is not None)

    @property
    def device(self) -> str:
        """Whom it is said of."""
        return str(getattr(self, self.what))


LAID: tuple[Literal["maintenance", "exclusion", "correction"], ...] = ("maintenance", "exclusion", "correction")


class ConditionWanted(Strict):
    """A fault that is known: what is said is compared, the rest may be anything. `to: null`: it holds."""

    device: Subject | None = None
    component: Text | None = None
    code: Text
    from_: Duration | None = Field(default=None, alias="from")
    to: Duration | None = None
    effect: Literal["", "degraded", "down"] | None = None
    function: str | None = None
    flapping: bool | None = None


class TicketWanted(Strict):
    """A ticket that was opened: what is said is compared."""

    device: Subject | None = None
    component: Text | None = None
    code: Text
    status: Literal["open", "joined", "resolved", "voided"] | None = None
    cause: Text | None = Field(default=None, description="of a joined one: the fault that explains it, DEVICE CODE")
    explains: list[Text] | None = Field(default=None, description="the faults it stands for, each DEVICE CODE, sorted")
    outcome: str | None = None
    fault_from: Duration | None = None
    fault_to: Duration | None = None
    opened: Duration | None = None
    closed: Duration | None = None


class StretchWanted(Strict):
    """A stretch of a ledger: what is said is compared."""

    state: Literal["up", "down", "unknown", "excluded"]
    cause: str | None = None
    fault: str | None = None
    from_: Duration | None = Field(default=None, alias="from")
    to: Duration | None = None
    by: str | None = Field(
        default=None, description='what decided it: "", cause:DEVICE, correction, maintenance, exclusion'
    )


class FigureWanted(Strict):
    """Time by state, as durations, and percentages to four decimals; what is said is compared."""

    up: Duration | None = None
    down: Duration | None = None
    unknown: Duration | None = None
    excluded: Duration | None = None
    degraded: Duration | None = None
    outages: Count | None = None
    percent: Percent | None = None
    coverage: Percent | None = None


class Expectation(Strict):
    """What is known `at` a time; ledger and availability of the window from `from` to then."""

    at: Duration
    from_: Duration = Field(default=0, alias="from")
    device: Subject | None = Field(default=None, description="of this device (or @agent) alone; of all if not given")
    function: Text | None = Field(default=None, description="ledger and availability of a function of the device")
    conditions: list[ConditionWanted] | None = Field(
        default=None, description="all that are known, over or not; in any order"
    )
    tickets: list[TicketWanted] | None = Field(default=None, description="all that were opened; in any order")
    ledger: list[StretchWanted] | None = Field(default=None, description="all stretches, in order")
    availability: FigureWanted | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "Expectation":
        if not {"conditions", "tickets", "ledger", "availability"} & self.model_fields_set:
            raise ValueError("some of conditions, tickets, ledger, availability")
        if (self.ledger is not None or self.availability is not None) and (
            self.device is None or self.device.startswith("@")
        ):
            raise ValueError("`device` with ledger and availability: they are those of one device")
        if self.from_ > self.at:
            raise ValueError("`from` not after `at`")
        return self


class RuleTest(Strict):
    """Signals on a timeline, and what is expected of them."""

    name: Text
    devices: dict[Id, Device] = Field(default={}, description="devices of this test alone")
    signals: dict[Id, dict[Text, Series]] = Field(
        description="per device: reading -> series; `failed.PROBE` -> the codes of a failing probe"
    )
    trouble: list[Trouble] = Field(default=[], description="what befalls agents")
    laid_over: list[LaidOver] = Field(default=[], description="what people say: maintenance, exclusions, corrections")
    expect: Annotated[list[Expectation], Field(min_length=1)]


class RuleTests(Strict):
    """A file of rule tests."""

    rules: Text = Field(
        default=BUILT_IN, description="the fault catalogue, a file beside this one; the built-in one without"
    )
    overrides: list[Text] = Field(default=[], description="files laid over it, beside this one")
    start: Annotated[str, AfterValidator(_moment)] = Field(
        default="2026-03-02 00:00", description="what 0 is, local time"
    )
    time_zone: Annotated[str, AfterValidator(_zone)] = "Asia/Shanghai"
    service_hours: str | None = Field(
        default=None, description="as in the register, `1-5 09:00-18:00`; always if not given"
    )
    every: Annotated[Duration, Field(ge=1000)] = MINUTE_MS
    valid: Duration | None = Field(default=None, description="how long a sample speaks; one and a half of `every`")
    arrive_by: Duration | None = Field(default=None, description="by when a device reports; three of `every`")
    devices: dict[Id, Device] = Field(default={}, description="the devices of all tests")
    tests: Annotated[list[RuleTest], Field(min_length=1)]

    @model_validator(mode="after")
    def _has_hours(self) -> "RuleTests":
        if self.service_hours is not None:
            kept(self.service_hours)
        return self

    @property
    def valid_ms(self) -> int:
        """How long a sample speaks."""
        return self.every * 3 // 2 if self.valid is None else self.valid

    @property
    def arrive_by_ms(self) -> int:
        """By when a device reports that says nothing of it."""
        return 3 * self.every if self.arrive_by is None else self.arrive_by


class Read(NamedTuple):
    """A file, and where its parts stand."""

    file: RuleTests
    source: str
    root: yaml.Node | None

    def line(self, *path: str | int) -> int:
        """The line of a part, such as `("tests", 0, "expect", 2)`; of the nearest that there is."""
        return _line(self.root, path)


def is_rule_tests(document: object) -> bool:
    """Whether a document, read from YAML or JSON, means to be one of rule tests."""
    return isinstance(document, Mapping) and "tests" in document


def rule_tests_from(text: str, *, source: str) -> Read:
    """The file's content; RulesError says everything that is wrong with it."""
    document = document_of(text, source)
    root = _tree(text)
    try:
        file = RuleTests.model_validate_json(json.dumps(document))
    except ValidationError as error:
        errors = error.errors(include_url=False, include_context=False)
        raise RulesError([*dict.fromkeys(_problem(each, document, root, source) for each in errors)]) from None
    return Read(file, source, root)


def _tree(text: str) -> yaml.Node | None:
    """The text as nodes that know their lines; None for JSON that is no YAML (tabs), or nested too deep."""
    try:
        root: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        return None
    return root


def _problem(error: ErrorDetails, document: Any, root: yaml.Node | None, source: str) -> str:
    path = [step for step in error["loc"] if not _is_of_pydantic(step)]
    where = f"{source}:{_line(root, path)}"
    if len(path) > 1 and path[0] == "tests" and isinstance(path[1], int):
        test = document["tests"][path[1]]
        named = test.get("name") if isinstance(test, dict) else None
        where += f" {key(named)!s}" if isinstance(named, str) else f" tests[{path[1]}]"
        path = path[2:]
    if error["type"] == "extra_forbidden":
        known = _known(error["loc"])
        return f"{where}: {_text(path)}: unknown key; expected one of {', '.join(known)}{nearest(path[-1], known)}"
    return f"{where}: {_text(path) + ': ' if path else ''}expected {wanted(error)}, got {got(error)}"


def _is_of_pydantic(step: str | int) -> bool:
    """Whether a step of an error's path names a form of the model and no key of the file."""
    return isinstance(step, str) and (step.startswith(("literal[", "function-")) or step in ("int", "constrained-int"))


def _known(path: tuple[str | int, ...]) -> list[str]:
    """The keys that may stand where the last step of a path stands."""
    model: type[BaseModel] = RuleTests
    for step in path[:-1]:
        model = _SHAPES.get((model, step), model)
    return [field.alias or name for name, field in model.model_fields.items()]


_SHAPES: Mapping[tuple[type[BaseModel], str | int], type[BaseModel]] = {
    (RuleTests, "devices"): Device,
    (RuleTests, "tests"): RuleTest,
    (RuleTest, "devices"): Device,
    (Device, "behind"): Behind,
    (RuleTest, "trouble"): Trouble,
    (RuleTest, "laid_over"): LaidOver,
    (RuleTest, "expect"): Expectation,
    (Expectation, "conditions"): ConditionWanted,
    (Expectation, "tickets"): TicketWanted,
    (Expectation, "ledger"): StretchWanted,
    (Expectation, "availability"): FigureWanted,
}


def _line(root: yaml.Node | None, path: Iterable[str | int]) -> int:
    node, found = root, 1 if root is None else root.start_mark.line + 1
    for step in path:
        if isinstance(node, yaml.MappingNode):
            entry = next(((k, v) for k, v in node.value if k.value == str(step)), None)
            if entry is None:
                break
            node, found = entry[1], entry[0].start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            found = node.start_mark.line + 1
        else:
            break
    return found


def _text(steps: list[str | int]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{key(step)}" for step in steps).removeprefix(".")
