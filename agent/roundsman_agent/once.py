"""Polling once, for people: `once` and `probes` of the command line. No spool, no broker.

poll_config("agent.toml") -> samples      poll_probe("host", ["key=value"]) -> sample
poll_probe(…, record=path)                replay(path) -> sample    one visit as a file, and what the file means today
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from roundsman_agent import poll, probes, recording
from roundsman_agent.clock import SystemClock
from roundsman_agent.config import ConfigError, made
from roundsman_agent.isolate import SLACK_MS, Isolation
from roundsman_agent.probe import REQUIRED, Answer, Probe, ProbeError, SettingError, complete
from roundsman_agent.warden import Warden


def poll_config(path: str) -> list[dict[str, Any]]:
    """One sample of each device in a TOML file."""
    from roundsman_agent.check import check

    config = made(check(path), path)
    return [
        _sample(
            device.id,
            device.valid_s,
            {use.label: (probes.load(use.name), use.settings, use.timeout_s) for use in device.probes},
        )
        for device in config.devices
    ]


def poll_probe(
    name: str, assignments: Sequence[str], *, target: str = "", record: str = "", model: str = ""
) -> dict[str, Any]:
    """One sample by one probe with settings given as KEY=VALUE; also as a recording of the device, if a file is named.

    ConfigError when the settings, or the file, cannot be used; nothing is recorded of a device that gave no answer.
    """
    try:
        probe = probes.load(name)
        if target and not probe.target:
            raise ConfigError(f"--target {target}: probe {name} reads this machine, it has no target")
        given = [f"{probe.target}={target}", *assignments] if target else assignments
        settings = complete(probe, _assigned(probe, given))
    except (LookupError, SettingError) as error:
        raise ConfigError(str(error.args[0])) from error
    if record:
        kept: list[object] = []
        probe = replace(probe, fetch=_keeping(probe.fetch, kept), blocks=False)
    sample = _sample("this", 0, {name: (probe, settings, probe.default_timeout_s)})
    if record and kept:
        _write(record, recording.made(probe, settings, kept[0], model=model))
    return sample


def _keeping(
    fetch: Callable[[Mapping[str, object]], object], kept: list[object]
) -> Callable[[Mapping[str, object]], object]:
    """The same fetch, and what it brought is kept."""

    def fetched(settings: Mapping[str, object]) -> object:
        kept.append(fetch(settings))
        return kept[-1]

    return fetched


def _write(path: str, body: Mapping[str, Any]) -> None:
    """A new file: a recording that is there already is not overwritten."""
    try:
        with open(path, "x", encoding="utf-8") as file:
            json.dump(body, file, ensure_ascii=False, indent=1)
            file.write("\n")
    except FileExistsError:
        raise ConfigError(f"--record {path}: is there already; name another file, or remove it first") from None
    except OSError as error:
        raise ConfigError(f"--record {path}: cannot be written: {error.strerror}") from error


def replay(path: str) -> dict[str, Any]:
    """What a recording means today, as a sample."""
    try:
        with open(path, encoding="utf-8") as file:
            body = json.load(file)
        answer = recording.replayed(body)
    except OSError as error:
        raise ConfigError(f"--replay {path}: cannot be read: {error.strerror}") from error
    except (LookupError, SettingError, ValueError, TypeError) as error:
        raise ConfigError(f"--replay {path}: {error}") from error
    return poll.sample("this", 0, SystemClock().now(), {str(body["probe"]): answer})


def _assigned(probe: Probe, assignments: Sequence[str]) -> dict[str, object]:
    """KEY=VALUE as the kinds the probe's settings have. A list is written with commas."""
    kinds = {setting.name: setting.kind for setting in probe.settings}
    given: dict[str, object] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise ConfigError(f"--set {assignment}: expected KEY=VALUE")
        given[name] = _read(text, kinds.get(name, str), assignment)
    return given


def _read(text: str, kind: type, assignment: str) -> object:
    try:
        if kind is bool:
            return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[text.lower()]
        if kind is list:
            return [part for part in text.split(",") if part]
        return kind(text)
    except (KeyError, ValueError):
        raise ConfigError(f"--set {assignment}: expected a value of kind {kind.__name__}") from None


def _sample(
    device: str, valid_s: float, uses: Mapping[str, tuple[Probe, Mapping[str, object], float]]
) -> dict[str, Any]:
    """Run these probes with their deadlines, all at once, and merge what they say."""
    clock, isolation, warden = SystemClock(), Isolation(), Warden()
    begun = clock.now()
    for label, (probe, settings, timeout_s) in uses.items():
        isolation.start(
            label,
            _call(warden.load(probe.name) if probe.blocks else probe, settings),
            now=begun.mono,
            timeout_ms=int(timeout_s * 1000) + SLACK_MS,
        )
    answers: dict[str, Answer] = {}
    while len(answers) < len(uses):
        isolation.sleep(1.0)
        for outcome in isolation.collect(clock.now().mono):
            answers[outcome.key] = outcome.value if isinstance(outcome.value, Answer) else _failed(outcome)
    isolation.close()
    warden.close()
    return poll.sample(device, valid_s, begun, {label: answers[label] for label in uses})


def _call(probe: Probe, settings: Mapping[str, object]) -> Callable[[], Answer]:
    return lambda: probe.parse(probe.fetch(settings), settings)


def _failed(outcome: Any) -> Answer:
    if outcome.hung_since is not None:
        why = ("hung", "the probe did not come back within its deadline")
    elif isinstance(outcome.error, ProbeError):
        why = (outcome.error.code, outcome.error.detail)
    else:
        why = ("crashed", f"{type(outcome.error).__name__}: {outcome.error}")
    return Answer(readings={}, failed={outcome.key: why})


def printed(samples: Sequence[Mapping[str, Any]], *, as_json: bool) -> str:
    """Samples for a person, or as one JSON array."""
    if as_json:
        return json.dumps(samples, ensure_ascii=False, indent=1)
    lines = []
    for sample in samples:
        lines.append(sample["device"])
        failed = sample.get("failed", {})
        for name, value in sample["readings"].items():
            lines.append(f"  {name:<40} {'?' if value is None else value}" + _why(failed.get(name)))
        lines += [f"  {name:<40} ?" + _why(why) for name, why in failed.items() if name not in sample["readings"]]
    return "\n".join(lines)


def _why(failure: Sequence[str] | None) -> str:
    return f"  ({failure[0]}: {failure[1]})" if failure else ""


def described() -> str:
    """Every probe with its settings, from the declarations themselves."""
    lines = []
    for name in probes.names():
        probe = probes.load(name)
        here = "" if sys.platform in probe.platforms else f"  (not tried on {sys.platform})"
        lines.append(f"{name}{here}")
        for setting in probe.settings:
            default = "required" if setting.default is REQUIRED else f"default {setting.default!r}"
            unit = f" {setting.unit}" if setting.unit else ""
            lines.append(f"  {setting.name:<20} {setting.kind.__name__}{unit}, {default}: {setting.sentence}")
    return "\n".join(lines)
