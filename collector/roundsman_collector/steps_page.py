"""docs/tickets.md and docs/tasks.md: the states and steps of a ticket and of an inspection's task as people read them,
made from the tables and the shapes. Pure.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from roundsman_collector.api import task_steps
from roundsman_collector.api.ticket_steps import SHAPES
from roundsman_collector.core import tasks
from roundsman_collector.core.lifecycle import (
    ASKED,
    CAUSES,
    CONTACTS,
    DELAYS,
    ENDINGS,
    EXAMINATIONS,
    LIVE,
    MENDED,
    MODES,
    OVER,
    SERVICES,
    STATES,
    STEPS,
    TO_MEND,
    UNSENT,
    WAITING,
)

ROBOT_DATA: Mapping[str, str] = {
    "open": "`source`, of one that people reported `caller`, `customer_priority`, `wish`; the records it stands on; "
    "`transferred_from` and what goes along from there: `carried`, `caller`, `words`, `wish`, `customer_priority`, "
    "`calls`, `is_examined`, `awaits_part`, `consents`, `overrides`, `arrival_ms`, `spares`, `in_hand`, `loans`, "
    "`taken_away`; the old number's `transfer` has `to` and the last four",
    "promise": "`level`, `level_id`, `hash`, `site`, `place`, `customer`, `contract`, `zone`, `time_zone`, `category`",
    "amend": "the records that tell it better, `fault_from_was_ms`",
    "recover": "the records of its end; `never`: it never was",
    "recur": "the records of its new beginning",
    "merge": "`was`, `opened_ms`, `acknowledged_ms`, `ran_ms`: what its clock had run",
    "join": "`count`, `merged`",
    "release": "`count`",
    "warn": "`clock`, `percent`, `due_ms`, `start_ms`, `tell`: who is told by the service level's chain",
    "breach": "`clock`, `due_ms`, `start_ms`, `tell`",
    "call_back": "`from_ms`, `to_ms`, `up_ms`, `down_ms`, `unknown_ms`: what the readings say of the time between",
    "doubt": "the same, where the fault was reported by people",
}
TASK_ROBOT_DATA: Mapping[str, str] = {
    "plan": "nothing: its plan, site, period and days stand in its row",
    "move": "`opens_on`, `due_on`: its new days",
    "fulfil": "`round` that was its work, `begun_ms`, `at_ms`: from when to when",
    "warn": "`about`: agreement, work or report, `mark`: coming, open or danger, `due_ms`, `tell`: who is told",
    "breach": "`about`, `due_ms`, `tell`: what is overdue",
    "ticket": "`number`, `ticket`: the id and the number of the ticket that its danger opened",
}
GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("to mend", TO_MEND),
    ("mended", MENDED),
    ("over", OVER),
)
HEAD = """\
# Tickets: states and steps 工单状态与步骤

Made from the code by `python -m roundsman_collector.schemas`; changes made here are lost. How to work with tickets:
[how-to/tickets.md](how-to/tickets.md). What is promised for them: [service-levels.md](service-levels.md).

A ticket is its log; a line is (when it became known, who, step, words, data). State, clocks and forms are read off it
([decision 25](decisions/0025-tickets-with-clocks.md)). A person takes a step with
`POST /api/v1/tickets/{number}/{step}` and a body `{"text": "...", "data": {...}}`.

"""


TASK_GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("ahead", tasks.AHEAD),
    ("under way", ("under_way",)),
    ("the work is done", tasks.FINISHED),
    ("over", tasks.OVER),
)
TASK_HEAD = """\
# Inspections: states and steps of a task 巡检流程

Made from the code by `python -m roundsman_collector.schemas`; changes made here are lost. What a task is, what does its
work and what is told of it: [plans.md](plans.md).

A task is its log. A person takes a step with `POST /api/v1/tasks/{number}/{step}` and a body `{"text": "...", "data":
{...}}`. `done` is over where neither report nor acceptance is wanted, `reported` where no acceptance is.

"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Life:
    """What has states and steps. `drawn_from`: the states from which a step is drawn, of all that it starts from."""

    states: Mapping[str, tuple[str, str]]
    steps: Mapping[str, Any]
    shapes: Mapping[str, Any]
    groups: tuple[tuple[str, tuple[str, ...]], ...]
    begins: str
    ends: tuple[str, ...]
    robot_data: Mapping[str, str]
    named: Mapping[tuple[str, ...], str]
    """What several states together are called."""
    drawn_from: Callable[[tuple[str, ...]], tuple[str, ...]] = lambda states: states


def page() -> str:
    """The page of tickets."""
    return "\n".join(
        (
            HEAD + _drawing(TICKET),
            _states(TICKET),
            _steps(TICKET, "Steps of people", True),
            _steps(TICKET, "Steps of the engine", False),
            "## What steps say\n",
            *_shapes(TICKET),
            _words("Why a ticket waits 等待原因", WAITING),
            _words("Why a visit ends unfixed 延时原因", DELAYS),
            _words("What had caused it 故障原因", CAUSES),
            _words("Ways to mend it 服务方式", MODES),
            _words("Kinds of service 服务类型", SERVICES),
            _words("Who is asked whether a report is right 核实对象", ASKED),
            _words("How it ended without a visit 解决方式", ENDINGS),
            _words("How it was looked into from afar 诊断方式", EXAMINATIONS),
            _words("What came of trying to speak with the customer 联系结果", CONTACTS),
        )
    )


def task_page() -> str:
    """The page of inspections: of their tasks."""
    return "\n".join(
        (
            TASK_HEAD + _drawing(TASK),
            _states(TASK),
            _steps(TASK, "Steps of people", True),
            _steps(TASK, "Steps of the engine", False),
            "## What steps say\n",
            *_shapes(TASK),
        )
    )


def _drawing(life: Life) -> str:
    lines = ["```mermaid", "stateDiagram-v2"]
    lines += [f'  state "{zh} {en}" as {state}' for state, (zh, en) in life.states.items()]
    lines.append(f"  [*] --> {life.begins}")
    for verb, step in life.steps.items():
        if step.to is None or (step.to == life.begins and not any(step.from_)):
            continue
        for state in life.drawn_from(step.from_):
            if state != step.to:
                lines.append(f"  {state} --> {step.to}: {step.zh} {verb}")
    lines += [f"  {state} --> [*]" for state in life.ends]
    return "\n".join([*lines, "```\n"])


def _folded(states: Iterable[str]) -> tuple[str, ...]:
    """The states a step starts from; void and merge, which start everywhere, are drawn from where tickets begin."""
    found = tuple(states)
    return ("open",) if len(found) > len(UNSENT) + 1 and set(UNSENT) <= set(found) else found


def _states(life: Life) -> str:
    lines = ["## States\n", "| state | 中文 | English | |", "|---|---|---|---|"]
    for name, states in life.groups:
        lines += [f"| `{state}` | {life.states[state][0]} | {life.states[state][1]} | {name} |" for state in states]
    return "\n".join([*lines, ""])


def _steps(life: Life, title: str, is_persons: bool) -> str:
    last = "needs" if is_persons else "data"
    lines = [f"## {title}\n", f"| step | 中文 | English | from | to | {last} |", "|---|---|---|---|---|---|"]
    for verb, step in life.steps.items():
        if step.is_persons == is_persons:
            more = "; ".join(" ".join((guard.__doc__ or "").split()) for guard in step.guards)
            right = f"right `{step.right}`; " if step.right != "act" else ""
            last_cell = f"{right}{more}" if is_persons else life.robot_data[verb]
            to = "stays" if step.to is None else f"`{step.to}`"
            from_ = life.named.get(step.from_) or ", ".join(f"`{one}`" for one in step.from_ if one)
            lines.append(f"| `{verb}` | {step.zh} | {step.en} | {from_ or '–'} | {to} | {last_cell or '–'} |")
    return "\n".join([*lines, ""])


TICKET = Life(
    states=STATES,
    steps=STEPS,
    shapes=SHAPES,
    groups=GROUPS,
    begins="open",
    ends=("closed", "void", "merged", "transferred"),
    robot_data=ROBOT_DATA,
    named={LIVE: "all that are not over", tuple(STATES): "any", TO_MEND: "all that are to mend"},
    drawn_from=_folded,
)
TASK = Life(
    states=tasks.STATES,
    steps=tasks.STEPS,
    shapes=task_steps.SHAPES,
    groups=TASK_GROUPS,
    begins="planned",
    ends=(*tasks.FINISHED, *tasks.OVER),
    robot_data=TASK_ROBOT_DATA,
    named={tasks.LIVE: "all that are not over"},
)


def _shapes(life: Life) -> tuple[str, ...]:
    return tuple(_data(life, verb) for verb in life.steps if verb in life.shapes)


def _data(life: Life, verb: str) -> str:
    shape = life.shapes[verb]
    title = f"### {verb} {life.steps[verb].zh}\n\n{' '.join((shape.__doc__ or '').split())}\n"
    lines = [title, "| field | holds | |", "|---|---|---|"]
    schema: Mapping[str, Any] = shape.model_json_schema()
    needed = set(schema.get("required", ()))
    for name, said in schema.get("properties", {}).items():
        must = "needed" if name in needed else ""
        lines.append(f"| `{name}` | {_kind(said)} | {' '.join(filter(None, (must, said.get('description', ''))))} |")
    return "\n".join([*lines, ""])


def _kind(said: Mapping[str, Any]) -> str:
    if "anyOf" in said:
        return _kind(next(one for one in said["anyOf"] if one.get("type") != "null"))
    if "enum" in said:
        return ", ".join(f"`{one}`" if one else "nothing" for one in said["enum"])
    if "const" in said:
        return f"`{said['const']}`"
    limits = [str(said[key]) for key in ("minimum", "maximum") if key in said and abs(said[key]) < 2**50]
    return f"{said.get('type', 'object')}{' ' + ' to '.join(limits) if len(limits) == 2 else ''}"


def _words(title: str, words: Mapping[str, tuple[str, str]]) -> str:
    lines = [f"## {title}\n", "| word | 中文 | English |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| `{word}` | {zh} | {en} |" for word, (zh, en) in words.items()), ""])
