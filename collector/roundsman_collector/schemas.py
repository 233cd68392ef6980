"""Reference pages made from code: `python -m roundsman_collector.schemas` writes them, `--check` tells if they lie.

    docs/schemas/*.json        JSON Schemas of every message and of a record, and of the rules' files
    docs/configuration.md      every setting of the collector
    docs/faults.md             the built-in fault catalogue
    docs/levels.md             the built-in service levels
    docs/tickets.md            states and steps of tickets (steps_page.py)
    docs/tasks.md              states and steps of inspections' tasks

The same code gives the same bytes. What stands in docs/schemas and is not made here is taken away.
"""

import argparse
import difflib
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from roundsman_collector import steps_page
from roundsman_collector.config import BUILT_IN, SECTIONS, Setting, built_in, settings
from roundsman_collector.core.calendar import MINUTE_MS
from roundsman_collector.core.hours import short
from roundsman_collector.core.level import CLOCKS, MARKS, ClockRow, ServiceLevel
from roundsman_collector.core.lifecycle import OWN_FAULTS
from roundsman_collector.core.policy import Rule
from roundsman_collector.core.rulebook import RuleSet
from roundsman_collector.rules.catalogue import Advice, advice_from, rule_set_from
from roundsman_collector.rules.durations import shown
from roundsman_collector.rules.levels import LEVEL, PRESETS, level_from
from roundsman_collector.rules.plans import PLANS
from roundsman_collector.rules.shape import CATEGORIES, NOTHING, SCHEMAS
from roundsman_collector.rules.told import seen_by
from roundsman_collector.wire_types import STRICT, typed
from roundsman_wire import VERSION
from roundsman_wire.catalogue import Label, Language
from roundsman_wire.report import MESSAGES, Record

DIALECT = "https://json-schema.org/draft/2020-12/schema"
RULE_FILES = {
    "faults": "A fault catalogue, YAML",
    "overrides": "Changes to a fault catalogue, YAML",
    "level": "A service level, YAML",
    "plans": "Kinds of plans, YAML",
}
DIFF_LINES = 12
SERVICE_CLASSES = {"clerk": "营业员处理类", "maintenance": "维护类", "replacement": "更换类"}


def pages() -> dict[str, str]:
    """Every generated page: its path below docs/ and its text."""
    return {
        **{f"schemas/{name}.json": text for name, text in _schemas()},
        "configuration.md": _configuration(),
        "faults.md": _faults(),
        "levels.md": _levels(),
        "tickets.md": steps_page.page(),
        "tasks.md": steps_page.task_page(),
    }


def _schemas() -> Iterator[tuple[str, str]]:
    for name, kind in MESSAGES.items():
        yield name, _schema(TypeAdapter(typed(kind)), f"Roundsman wire, version {VERSION}: {name}")
    record: TypeAdapter[Any] = TypeAdapter(typed(Record), config=STRICT)
    yield "record", _schema(record, f"Roundsman wire, version {VERSION}: record")
    for name, title in RULE_FILES.items():
        yield name, _schema({**SCHEMAS, "level": LEVEL, "plans": PLANS}[name], f"Roundsman rules: {title}")


def _schema(adapter: TypeAdapter[Any], title: str) -> str:
    body = {"$schema": DIALECT, **adapter.json_schema(), "title": title}
    return json.dumps(body, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


# --- docs/configuration.md -------------------------------------------------------------------------------------------

_CONFIGURATION = """\
# The collector's configuration

Made from the code by `python -m roundsman_collector.schemas`; changes made here are lost.

`roundsman up --config roundsman.toml` reads a TOML file; without one, everything is as below. Paths are relative to the
file. `roundsman doctor --config roundsman.toml` tells whether it can be used. Secrets never stand in it.

```toml
[data]
folder = "/var/lib/roundsman"

[broker]
mode = "external"
url = "mqtts://broker.example:8883"
user = "_collector"
password_file = "broker-password"

[policy]
overrides = ["our-own.yaml"]
```
"""


_HEAD = "| key | type | if not given | what it says |\n|---|---|---|---|"


def _configuration() -> str:
    lines = [_CONFIGURATION]
    every = list(settings())
    for section, model in SECTIONS.items():
        lines += [f"## [{section}]\n", f"{model.__doc__}\n", _HEAD]
        lines += [_line(one) for one in every if one.section == section]
        lines.append("")
    return "\n".join(lines)


def _line(one: Setting) -> str:
    default = f"`{one.default}`" if one.default else "–"
    return f"| `{one.name}` | {_cell(one.kind)} | {default} | {_cell(one.sentence)} |"


# --- docs/faults.md --------------------------------------------------------------------------------------------------

_FAULTS = """\
# The built-in fault catalogue 故障目录

Made from the code by `python -m roundsman_collector.schemas`; changes made here are lost. What the columns mean, and
how to change a row or the whole: [policy.md](policy.md).

A fault takes down the whole device, a function of it, or nothing. A device that cannot do something critical is down;
one that cannot do something else is degraded: up, with a mark.

"""
_FUNCTIONS_HEAD = """\
| function | 中文 | English | kinds | critical |
|---|---|---|---|---|
"""
_FAULTS_HEAD = """\
| code | 中文 | English | seen when | for | over after | severity | 处理类别 | takes down | explained by | ticket |
|---|---|---|---|---|---|---|---|---|---|---|
"""


_OWN_FAULTS = """\
Tickets of these codes are opened by people, or by Roundsman itself: `not_seen` for each agent that an inspection did
not reach, with the reason; it ends when a later inspection reaches the agent; `task_late` for a site where a task of a
plan may be late, or is (docs/plans.md).

| code | 中文 | English |
|---|---|---|"""


def _faults() -> str:
    source = f"{BUILT_IN} faults.yaml"
    rules = rule_set_from(built_in("faults.yaml"), source=source)
    advised = advice_from(built_in("faults.yaml"), source=source)
    lines = [_FAULTS, "## Functions 功能\n", _FUNCTIONS_HEAD.rstrip("\n")]
    lines += [
        f"| `{one.name}` | {one.zh} | {one.en} | {', '.join(one.kinds) or 'every kind'} | {_yes(one.critical)} |"
        for one in rules.functions
    ]
    lines += [f"\nFor some devices it is different: {_overrides(rules)}."]
    for name, label in CATEGORIES.items():
        some = [rule for rule in rules.rules if rule.category == name]
        if some:
            lines += [f"\n## {label.en[:1].upper()}{label.en[1:]} {label.zh}\n", _FAULTS_HEAD.rstrip("\n")]
            lines += map(_fault, some)
    lines += ["\n## What no rule sees 人工与巡检\n", _OWN_FAULTS]
    lines += [f"| `{code}` | {zh} | {en} |" for code, (zh, en) in OWN_FAULTS.items()]
    lines += ["\n## What it may come from, what to do, what to take along 原因、处置与备件\n"]
    lines += ["| code | 可能原因 | 处置 | 备件 | causes | remedy | parts |\n|---|---|---|---|---|---|---|"]
    lines += [_advised(code, one) for code, one in advised.items()]
    return "\n".join(lines) + "\n"


def _fault(rule: Rule) -> str:
    flaps = f"; held as one if it turns more often than once in {rule.flap_ms // 1000} s" if rule.flap_ms else ""
    explains = f"; explains {rule.explains} for others" if rule.explains else ""
    return (
        f"| `{rule.code}` | {_cell(rule.zh)} | {_cell(rule.en)} | {_cell(seen_by(rule, 'en') + flaps + explains)} "
        f"| {rule.for_ms // 1000} s | {rule.clear_for_ms // 1000} s | {rule.severity} "
        f"| {SERVICE_CLASSES[rule.service_class]} | {rule.function or NOTHING} | {', '.join(rule.explained_by) or '–'} "
        f"| {_yes(rule.ticket)} |"
    )


def _overrides(rules: RuleSet) -> str:
    return ", ".join(
        f"`{one.code or one.function}` for {one.where} {one.which}"
        + (f" is {'critical' if one.critical else 'not critical'}" if one.function else "")
        for one in rules.overrides
    )


def _advised(code: str, one: Advice) -> str:
    def told(language: Language) -> list[str]:
        remedy = "" if one.remedy is None else one.remedy.of(language)
        return [_joined(one.causes, language), remedy, _joined(one.parts, language)]

    return f"| `{code}` | " + " | ".join(_cell(text) for text in (*told("zh"), *told("en"))) + " |"


def _joined(labels: Iterable[Label], language: Language) -> str:
    return ("；" if language == "zh" else "; ").join(label.of(language) for label in labels)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"


# --- docs/levels.md --------------------------------------------------------------------------------------------------

_LEVELS = """\
# The built-in service levels 服务级别

Made from the code by `python -m roundsman_collector.schemas`; changes made here are lost. What the columns mean, and
how to write a level of one's own: [service-levels.md](service-levels.md).
"""
_LEVELS_HEAD = """\
| clock 时钟 | from 起 | until 止 | target | promised | hours | only for | stops for | source |
|---|---|---|---|---|---|---|---|---|
"""


def _levels() -> str:
    lines = [_LEVELS.rstrip("\n")]
    for name in PRESETS:
        level = level_from(built_in(f"levels/{name}.yaml"), source=f"{BUILT_IN} levels/{name}.yaml")
        lines += [f"\n## `{level.id}` {level.zh} · {level.en}\n", _LEVELS_HEAD.rstrip("\n")]
        lines += [_promise(level, row) for row in level.clocks]
        lines.append("\n" + _rules_of(level))
    return "\n".join(lines) + "\n"


def _promise(level: ServiceLevel, row: ClockRow) -> str:
    week = level.calendars[row.calendar]
    hours = short(week.hours) + (f", {week.holidays}" if week.holidays != "none" else "")
    cells = (
        " ".join(CLOCKS[row.clock]),
        " ".join(MARKS[row.from_]),
        " ".join(MARKS[row.until]),
        _target(row),
        "" if row.promised_ms is None else shown(row.promised_ms),
        "" if row.is_appointment else hours,
        "; ".join(f"{fact}: {', '.join(sorted(words))}" for fact, words in row.only.items()),
        ", ".join(sorted(row.pauses)),
        row.source,
    )
    return "| " + " | ".join(_cell(text) or "–" for text in cells) + " |"


def _target(row: ClockRow) -> str:
    if row.target_ms is not None:
        return shown(row.target_ms) + (" on the mean" if row.kind == "mean" else "")
    return "as agreed 按约定" if row.working_days is None else f"{row.working_days} working days 个工作日"


def _rules_of(level: ServiceLevel) -> str:
    replaced = level.replacement_after_repairs
    told = [
        f"Reopened within {level.reopen_hours} h",
        f"called back after {shown(level.call_back_minutes * MINUTE_MS)}",
        f"replaced after {replaced} repairs or {level.replacement_without_spare_days} days without a spare",
        f"forms handed in: {', '.join(level.forms)}",
    ]
    told += [words for name, words in _ASKED.items() if getattr(level, name)]
    if level.sent_at_once:
        told.append(f"somebody is sent at once for what is {', '.join(level.sent_at_once)}")
    return "; ".join(told) + "."


_ASKED: Mapping[str, str] = {
    "arrival_promised": "an arrival is promised before somebody comes",
    "examined_first": "nobody is sent before it was looked into from afar",
    "spare_along": "nobody leaves without the spare that the solution takes",
    "take_away_agreed": "nothing is taken along without consent",
    "transfer_agreed": "both sides agree to a transfer",
    "hand_over_agreed": "what was handed over is closed with the customer's word",
    "review": "what people worked on is reviewed before it is closed",
}
"""What a level asks for beside what all do, if they say nothing else."""


# --- the command -----------------------------------------------------------------------------------------------------


def differences(docs: Path, wanted: Mapping[str, str]) -> list[str]:
    """What is not in `docs` as it should be, a summary for each page."""
    found = []
    for name, text in wanted.items():
        path = docs / name
        held = path.read_text("utf-8") if path.is_file() else ""
        if held != text:
            diff = list(difflib.unified_diff(held.splitlines(), text.splitlines(), "is", "should be", lineterm="", n=1))
            rest = [f"... {len(diff) - DIFF_LINES} more lines"] if len(diff) > DIFF_LINES else []
            found.append("\n    ".join([f"{path}: {'differs' if held else 'is missing'}", *diff[:DIFF_LINES], *rest]))
    return found + [f"{path}: is made by nobody" for path in _strangers(docs, wanted)]


def write(docs: Path, wanted: Mapping[str, str]) -> None:
    """Make `docs` hold exactly these pages; others in docs/schemas go."""
    for name, text in wanted.items():
        path = docs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    for path in _strangers(docs, wanted):
        path.unlink()


def _strangers(docs: Path, wanted: Mapping[str, str]) -> list[Path]:
    return sorted(path for path in (docs / "schemas").glob("*.json") if f"schemas/{path.name}" not in wanted)


def main(argv: list[str] | None = None) -> int:
    """Write the pages, or compare them; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m roundsman_collector.schemas", description=pages.__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if something differs")
    parser.add_argument("--docs", type=Path, default=Path("docs"), help="the folder of the pages (default: docs)")
    arguments = parser.parse_args(argv)
    if not arguments.docs.is_dir():
        print(f"there is no folder {arguments.docs}: run this where the repository lies, or name it", file=sys.stderr)
        return 2
    if not arguments.check:
        write(arguments.docs, pages())
        return 0
    found = differences(arguments.docs, pages())
    for one in found:
        print(one)
    if found:
        print("python -m roundsman_collector.schemas writes them anew")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
