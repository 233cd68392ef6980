"""docs/tickets.md: the states and steps of a ticket as people read them, made from the table and the shapes. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from roundsman_collector.api.ticket_steps import SHAPES
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


def page() -> str:
    """The whole page."""
    return "\n".join(
        (
            HEAD + _drawing(),
            _states(),
            _steps("Steps of people", True),
            _steps("Steps of the engine", False),
            "## What steps say\n",
            *(_data(verb) for verb in STEPS if verb in SHAPES),
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


def _drawing() -> str:
    lines = ["```mermaid", "stateDiagram-v2"]
    lines += [f'  state "{STATES[state][0]} {STATES[state][1]}" as {state}' for state in STATES]
    lines.append("  [*] --> open")
    for verb, step in STEPS.items():
        if step.to is None or verb == "open":
            continue
        for state in _folded(step.from_):
            if state != step.to:
                lines.append(f"  {state} --> {step.to}: {step.zh} {verb}")
    lines += [f"  {state} --> [*]" for state in ("closed", "void", "merged", "transferred")]
    return "\n".join([*lines, "```\n"])


def _folded(states: Iterable[str]) -> tuple[str, ...]:
    """The states a step starts from; void and merge, which start everywhere, are drawn from where tickets begin."""
    found = tuple(states)
    return ("open",) if len(found) > len(UNSENT) + 1 and set(UNSENT) <= set(found) else found


def _states() -> str:
    lines = ["## States\n", "| state | 中文 | English | |", "|---|---|---|---|"]
    for name, states in GROUPS:
        lines += [f"| `{state}` | {STATES[state][0]} | {STATES[state][1]} | {name} |" for state in states]
    return "\n".join([*lines, ""])


def _steps(title: str, is_persons: bool) -> str:
    last = "needs" if is_persons else "data"
    lines = [f"## {title}\n", f"| step | 中文 | English | from | to | {last} |", "|---|---|---|---|---|---|"]
    for verb, step in STEPS.items():
        if step.is_persons == is_persons:
            more = "; ".join(" ".join((guard.__doc__ or "").split()) for guard in step.guards)
            right = f"right `{step.right}`; " if step.right != "act" else ""
            last_cell = f"{right}{more}" if is_persons else ROBOT_DATA[verb]
            to = "stays" if step.to is None else f"`{step.to}`"
            lines.append(f"| `{verb}` | {step.zh} | {step.en} | {_from(step.from_)} | {to} | {last_cell or '–'} |")
    return "\n".join([*lines, ""])


def _from(states: tuple[str, ...]) -> str:
    named = {LIVE: "all that are not over", tuple(STATES): "any", TO_MEND: "all that are to mend"}
    return named.get(states) or (", ".join(f"`{one}`" for one in states if one) or "–")


def _data(verb: str) -> str:
    shape = SHAPES[verb]
    title = f"### {verb} {STEPS[verb].zh}\n\n{' '.join((shape.__doc__ or '').split())}\n"
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
