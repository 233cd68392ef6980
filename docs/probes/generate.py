"""The pages of the probes, made from the probes: `python docs/probes/generate.py` writes them, `--check` compares.

NAME.md    what stands at the top of agent/roundsman_agent/probes/NAME.py, and what the code and the data say:
           readings with their Chinese names, faults that see them, settings, devices whose recordings are tests
README.md  all probes
snmp-recordings.md   recorded SNMP devices: snmp_recordings.py; where the recordings are not at hand it is left as it is
"""

import argparse
import json
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

from roundsman_agent import probes, snmp_family
from roundsman_agent.probe import REQUIRED, Probe
from roundsman_wire.catalogue import POINTS

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parents[1]
sys.path[:0] = [str(FOLDER), str(ROOT)]
RECORDED = "snmp-recordings"
FAULTS = ROOT / "collector/roundsman_collector/rules/faults.yaml"
RECORDINGS = ROOT / "tests/agent/probes/recordings"
SEVERITIES = {1: "紧急 urgent", 2: "严重 serious", 3: "一般 ordinary"}


def pages() -> dict[str, str]:
    """Every page: its file's name and its text."""
    faults = yaml.safe_load(FAULTS.read_text("utf-8"))["faults"]
    made = {f"{name}.md": _page(probes.load(name), faults) for name in probes.names()}
    recorded = import_module("snmp_recordings").page()
    more = {} if recorded is None else {f"{RECORDED}.md": str(recorded)}
    return {**made, **more, "README.md": _index()}


def _index() -> str:
    lines = ["# Probes 探针", "", "Made by `make pages`; what stands here is said in the code of each probe.", ""]
    for name in probes.names():
        lines.append(f"* [`{name}`]({name}.md): {_title(name)}")
    more = sorted({RECORDED} | {path.stem for path in FOLDER.glob("*.md")} - {*probes.names(), "README"})
    lines += ["", *(f"* [{stem}]({stem}.md)" for stem in more)] if more else []
    return "\n".join(lines) + "\n"


def _title(name: str) -> str:
    return _words(name)[0].rstrip(".")


def _words(name: str) -> tuple[str, str]:
    """The first line and the rest of what stands at the top of a probe's module."""
    words = (import_module(f"roundsman_agent.probes.{name}").__doc__ or "").strip()
    first, _, rest = words.partition("\n")
    return first, rest.strip("\n")


def _page(probe: Probe, faults: Sequence[dict[str, Any]]) -> str:
    source = f"agent/roundsman_agent/probes/{probe.name}.py"
    title, words = _words(probe.name)
    parts = [f"<!-- Made by `make pages` from {source}: what is changed here is lost. -->"]
    parts.append(f"# Probe `{probe.name}`: {title.rstrip('.')}")
    parts.append(words)
    if probe.readings:
        parts += ["## Readings", _readings(probe.readings)]
    else:
        for plan in snmp_family.families():
            parts += [f"## Readings of `{plan.name}`: {plan.en} ({plan.zh})"]
            parts += [_readings(plan.readings())] if plan.readings() else []
            parts += [f"And all of {', '.join(f'`{name}`' for name in plan.also)}."] if plan.also else []
    if seen := _faults(probe, faults):
        parts += ["## Faults that are seen by it 可发现的故障", seen]
    parts += ["## Settings", _settings(probe)]
    if tried := _recordings(probe.name):
        parts += ["## Recorded devices", tried]
    return "\n\n".join(parts) + "\n"


def _readings(names: Sequence[str]) -> str:
    lines = ["| reading | 中文 | English | unit or words |", "|---|---|---|---|"]
    for name in names:
        point = POINTS[name]
        zh, en = (text.replace("{instance}", "…") for text in (point.label.zh, point.label.en))
        lines.append(f"| `{name}` | {zh} | {en} | {', '.join(point.words) or point.unit} |")
    return "\n".join(lines)


def _faults(probe: Probe, faults: Sequence[dict[str, Any]]) -> str:
    """The rules of the built-in catalogue that look at a reading of the probe, or at the probe itself."""
    named = {*probe.readings}
    if not named:
        for plan in snmp_family.families():
            named |= set(plan.readings())
    lines = ["| fault | 中文 | English | severity | when |", "|---|---|---|---|---|"]
    for fault in faults:
        when = fault["when"]
        if when.get("reading") in named or when.get("probe") == probe.name:
            row = (f"`{fault['code']}`", fault["zh"], fault["en"], SEVERITIES[fault["severity"]], _when(when))
            lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines) if len(lines) > 2 else ""


def _when(when: dict[str, Any]) -> str:
    if "probe" in when:
        return f"the probe fails with {', '.join(when['codes'])}" if "codes" in when else "the probe fails"
    name = f"`{when['reading']}`"
    share = f" of `{when['per']}`" if "per" in when else ""
    for word, sign in (("above", ">"), ("below", "<")):
        if word in when:
            return f"{name} {sign} {when[word]}{share}"
    return f"{name} is {', '.join(when['is'])}"


def _settings(probe: Probe) -> str:
    lines = ["| setting | kind | default | unit | what it is |", "|---|---|---|---|---|"]
    for setting in probe.settings:
        default = "required" if setting.default is REQUIRED else f"`{setting.default!r}`"
        choices = f" One of {', '.join(setting.choices)}." if setting.choices else ""
        secret = " Secret." if setting.secret else ""
        row = (f"`{setting.name}`", setting.kind.__name__, default, setting.unit, setting.sentence + choices + secret)
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


def _recordings(name: str) -> str:
    bodies = [(path.stem, json.loads(path.read_text("utf-8"))) for path in sorted(RECORDINGS.glob("*.json"))]
    lines = [f"* `{stem}`: {body['model']}" for stem, body in bodies if body["probe"] == name]
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Write the pages, or compare them; returns the exit status."""
    parser = argparse.ArgumentParser(prog="docs/probes/generate.py", description=pages.__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if something differs")
    arguments = parser.parse_args(argv)
    made = pages()
    stale = [
        name
        for name, text in made.items()
        if not (FOLDER / name).is_file() or (FOLDER / name).read_text("utf-8") != text
    ]
    for name in stale:
        if arguments.check:
            print(f"docs/probes/{name} is not what the probes say: run `make pages`")
        else:
            (FOLDER / name).write_text(made[name], "utf-8")
    return 1 if arguments.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
