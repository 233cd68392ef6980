"""Rule tests of our own: what a file of them may say, and how it is told that something is not so."""

from typing import Any

import pytest
import yaml

from roundsman_collector.config import built_in
from roundsman_collector.core.vectors import Outcome
from roundsman_collector.rules.catalogue import overridden, rule_set_from
from roundsman_collector.rules.rehearsal import outcomes, wanted_files
from roundsman_collector.rules.rule_tests import rule_tests_from
from roundsman_collector.rules.shape import RulesError

RULES = rule_set_from(
    """
functions:
  - {name: receipts, zh: 凭条, en: receipts, kinds: [kiosk]}
  - {name: cash, zh: 现金, en: cash, kinds: [kiosk], critical: false}
faults:
  - {code: host.unreachable, zh: 离线, en: gone, when: {unanswered: true}, for_s: 120, severity: 1,
     service_class: maintenance, takes_down: device, explains: uplink}
  - {code: agent.silent, zh: 失联, en: silent, when: {silent: true}, for_s: 0, severity: 2, service_class: maintenance}
  - {code: printer.paper_end, zh: 缺纸, en: no paper, when: {reading: printer.paper, is: [end]}, for_s: 60,
     severity: 1, service_class: clerk, takes_down: receipts}
  - {code: printer.offline, zh: 脱机, en: offline, when: {probe: escpos, fails: true, component: printer}, for_s: 60,
     severity: 1, service_class: maintenance, takes_down: receipts}
  - {code: cash.jam, zh: 卡钞, en: jam, when: {reading: cash.state, is: [jam]}, for_s: 0, severity: 2,
     service_class: clerk, takes_down: cash}
  - {code: host.cpu_high, zh: 忙, en: busy, when: {reading: host.cpu_percent, above: 90, clear_below: 80}, for_s: 120,
     severity: 3, service_class: maintenance}
""",
    source="own.yaml",
)


KIOSK = {"kiosk-7": {"kind": "kiosk"}}


def told(rules: Any = RULES, **test: Any) -> list[Outcome]:
    """The outcomes of a file with one test."""
    head = {key: test.pop(key) for key in list(test) if key in ("devices", "every", "valid", "start", "service_hours")}
    document = {"devices": KIOSK, **head, "tests": [{"name": "a tale", "signals": {}, **test}]}
    return outcomes(rule_tests_from(yaml.safe_dump(document), source="t.yaml"), rules)


def passes(**test: Any) -> None:
    """Claim that a test comes true."""
    assert [(one.expected, one.got) for one in told(**test) if not one.ok] == []


def problems(text: str) -> list[str]:
    """What is wrong with a file."""
    with pytest.raises(RulesError) as caught:
        rule_tests_from(text, source="t.yaml")
    return list(caught.value.problems)


def test_a_null_reading_says_nothing_and_an_absent_one_is_not_polled() -> None:
    passes(
        signals={
            "kiosk-7": {"printer.paper": "okx5 endx3 nullx2 _x3 endx2 okx5", "host.cpu_percent": "10x10 _x3 10x7"}
        },
        expect=[
            {
                "at": "20m",
                "device": "kiosk-7",
                "conditions": [{"code": "printer.paper_end", "from": "5m", "to": "15m"}],
                "ledger": [
                    {"state": "up"},
                    {"state": "down", "from": "5m", "to": "10m30s"},
                    {"state": "unknown", "cause": "agent_stopped", "from": "10m30s", "to": "13m"},
                    {"state": "down", "from": "13m", "to": "15m"},
                    {"state": "up"},
                ],
            }
        ],
    )


def test_a_failing_probe_is_a_series_of_its_codes() -> None:
    passes(
        signals={
            "kiosk-7": {"failed.escpos": "_x5 timeoutx5", "printer.paper": "okx5 _x5 okx5", "host.cpu_percent": "5x15"}
        },
        expect=[{"at": "15m", "conditions": [{"code": "printer.offline", "from": "5m", "to": "10m"}]}],
    )


def test_a_function_that_is_not_critical_is_degraded_for_the_device_and_down_for_itself() -> None:
    passes(
        signals={"kiosk-7": {"cash.state": "readyx5 jamx5 readyx5"}},
        expect=[
            {
                "at": "15m",
                "device": "kiosk-7",
                "ledger": [{"state": "up"}, {"state": "up", "cause": "degraded", "fault": "cash.jam"}, {"state": "up"}],
                "availability": {"up": "15m", "degraded": "5m", "percent": 100},
            },
            {"at": "15m", "device": "kiosk-7", "function": "cash", "availability": {"up": "10m", "down": "5m"}},
            {"at": "15m", "device": "kiosk-7", "function": "receipts", "availability": {"up": "15m", "down": "0s"}},
        ],
    )


def test_an_override_holds_for_the_devices_it_names() -> None:
    rules = overridden(
        RULES,
        "overrides: [{code: printer.paper_end, for: {site: harbour}, for_s: 600}]",
        source="slow.yaml",
    )
    failed = told(
        rules,
        devices={"kiosk-7": {"site": "harbour"}, "kiosk-8": {"site": "old-town"}},
        signals={one: {"printer.paper": "okx2 endx5"} for one in ("kiosk-7", "kiosk-8")},
        expect=[{"at": "6m", "conditions": [{"device": "kiosk-8", "code": "printer.paper_end", "from": "2m"}]}],
    )

    assert [one.ok for one in failed] == [True]


def test_only_service_hours_count() -> None:
    passes(
        start="2026-03-02 08:30",
        service_hours="1-5 09:00-18:00",
        signals={"kiosk-7": {"printer.paper": "endx40 okx50"}},
        expect=[{"at": "60m", "device": "kiosk-7", "availability": {"up": "20m", "down": "10m", "unknown": 0}}],
    )


def test_later_and_earlier_expectations_see_what_was_known_then() -> None:
    signals = {"nvr-2": {"host.cpu_percent": "10x40"}, "ups-2": {"host.cpu_percent": "10x40"}}
    passes(
        devices={"nvr-2": {"agent": "gw-2"}, "ups-2": {"agent": "gw-2"}},
        signals=signals,
        trouble=[{"line": "gw-2", "from": "10m", "to": "20m", "arrives": "never"}],
        expect=[
            {"at": "30m", "device": "nvr-2", "availability": {"unknown": "9m30s"}},
            {"at": "11m59s", "conditions": []},
            {"at": "30m", "tickets": [{"device": "@gw-2", "code": "agent.silent", "status": "open"}]},
            {"at": "13m", "conditions": [{"device": "@gw-2", "code": "agent.silent", "from": "9m"}]},
        ],
    )


def test_what_is_not_as_expected_is_told_with_its_line_and_what_was_there() -> None:
    failed = told(
        signals={"kiosk-7": {"printer.paper": "okx5 endx5"}},
        expect=[
            {"at": "10m", "conditions": []},
            {"at": "10m", "conditions": [{"code": "printer.paper_end"}, {"code": "host.cpu_high"}]},
            {"at": "10m", "device": "kiosk-7", "availability": {"up": "5m", "percent": 50.1}},
            {"at": "10m", "device": "kiosk-7", "tickets": [{"code": "printer.paper_end", "opened": "5m"}]},
        ],
    )

    found = "device=kiosk-7 component=printer code=printer.paper_end"
    assert [(one.id, one.ok, one.expected, one.got) for one in failed] == [
        (
            "t.yaml:6 a tale, at 10m, conditions",
            False,
            "none",
            f"{found} from=5m to=null effect=down function=receipts",
        ),
        (
            "t.yaml:8 a tale, at 10m, conditions",
            False,
            "code=printer.paper_end; code=host.cpu_high",
            f"{found} from=5m to=null effect=down function=receipts",
        ),
        ("t.yaml:12 a tale, at 10m, availability", False, "up=5m percent=50.1", "up=5m percent=50.0"),
        (
            "t.yaml:17 a tale, at 10m, tickets",
            False,
            "code=printer.paper_end opened=5m",
            f"{found} status=open fault_from=5m opened=6m",
        ),
    ]


@pytest.mark.parametrize(
    ("test", "message"),
    [
        (
            {"signals": {"kiosk-7": {"printer.papr": "ok"}}},
            "signals.kiosk-7.printer.papr: no rule looks at it, no probe reads it; did you mean printer.paper?",
        ),
        (
            {"signals": {"kiosk-7": {"cash.state": "okx5"}}},
            "signals.kiosk-7.cash.state: expected one of ready, disabled, stacker_full",
        ),
        (
            {"signals": {"kiosk-7": {"failed.escpo": "timeout"}}},
            "signals.kiosk-7.failed.escpo: no rule looks at that probe; did you mean escpos?",
        ),
        (
            {"devices": {"kiosk-7": {}}, "signals": {"kiosk-8": {}}},
            "signals.kiosk-8: there is no such device; did you mean kiosk-7?",
        ),
        (
            {"signals": {"kiosk-7": {"printer.paper": "-", "host.cpu_percent": 5}}},
            "signals.kiosk-7: at 0s it does not answer, and reads host.cpu_percent",
        ),
        (
            {"signals": {"kiosk-7": {}}, "trouble": [{"reboot": "gw-2", "at": 1}]},
            "trouble.reboot: gw-2 is no agent; expected one of kiosk-7 (a device that is",
        ),
        (
            {"signals": {"kiosk-7": {}}, "expect": [{"at": 1, "conditions": [{"code": "printer.paper_en"}]}]},
            "expect: the rules have no fault printer.paper_en; did you mean printer.paper_end?",
        ),
        (
            {"signals": {"kiosk-7": {}}, "expect": [{"at": 1, "device": "@kiosk-8", "tickets": []}]},
            "expect: there is no device @kiosk-8; did you mean @kiosk-7?",
        ),
        (
            {"signals": {"kiosk-7": {}}, "laid_over": [{"maintenance": "nvr-2", "from": 0}]},
            "laid_over: there is no device nvr-2",
        ),
        (
            {"devices": {}, "signals": {f"kiosk-{n}": {"printer.paper": "okx90000"} for n in range(3)}},
            "more than 200000 samples",
        ),
    ],
)
def test_a_test_that_names_what_is_not_there_fails_and_says_so(test: dict[str, Any], message: str) -> None:
    (failed,) = told(**{"expect": [{"at": 1, "conditions": []}], **test})

    assert (failed.ok, failed.expected) == (False, "a test that can be run")
    assert failed.got.startswith(message)


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        (
            "printer.paper: yes",
            "signals.kiosk-7.printer.paper: expected a series such as 10x5 95x10 _ - 40+5x6 (words that YAML takes for",
        ),
        (
            "printer.paper: 10x0",
            "signals.kiosk-7.printer.paper: expected '10x0': expected 1 to 100000 samples, got '10x0'",
        ),
        ("printer.paper: [ok]", "signals.kiosk-7.printer.paper: expected a series such as 10x5"),
    ],
)
def test_a_series_that_cannot_be_read_is_told_with_its_line(key: str, problem: str) -> None:
    text = f"tests:\n- name: a tale\n  signals:\n    kiosk-7:\n      {key}\n  expect: [{{at: 1m, conditions: []}}]\n"

    assert [one.split(problem)[0] for one in problems(text)] == ["t.yaml:5 a tale: "]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (
            "trouble: [{line: gw-2, from: 10q}]",
            "trouble[0].from: expected a duration such as 90s, 5m, 1h30m, or seconds as a ",
        ),
        (
            "trouble: [{line: gw-2, lost: gw-2, from: 1}]",
            "trouble[0]: expected exactly one of power_off, reboot, stopped, line, lost",
        ),
        ("trouble: [{reboot: gw-2, from: 1}]", "trouble[0]: expected a reboot with `at`, the others with `from`"),
        ("trouble: [{lost: gw-2, from: 2, to: 1}]", "trouble[0]: expected `to` after `from`"),
        ("trouble: [{lost: gw-2, from: 1, to: 2, arrives: 3}]", "trouble[0]: expected `arrives` only of a line"),
        ("trouble: [{line: gw-2, from: 1, to: 5, arrives: 3}]", "trouble[0]: expected `arrives` not before the line"),
        ("laid_over: [{correction: kiosk-7, from: 1}]", "laid_over[0]: expected a correction with `state`"),
        (
            "laid_over: [{exclusion: kiosk-7, from: 1, reason: rain}]",
            "laid_over[0].reason: expected one of planned_work, ",
        ),
        ("truble: []", "truble: unknown key; expected one of name, devices, signals, trouble,"),
        (
            "devices: {kiosk-7: {knd: kiosk}}",
            "devices.kiosk-7.knd: unknown key; expected one of kind, model, site, agent",
        ),
        ("devices: {Kiosk 7: {}}", "devices.Kiosk 7"),
    ],
)
def test_a_key_that_cannot_be_used_is_told_with_file_line_and_test(line: str, problem: str) -> None:
    text = f"tests:\n- name: a tale\n  signals: {{}}\n  expect: [{{at: 1m, conditions: []}}]\n  {line}\n"

    (found,) = problems(text)

    assert found.startswith(f"t.yaml:5 a tale: {problem}")


@pytest.mark.parametrize(
    ("expectation", "problem"),
    [
        ("{at: 1}", ": expected some of conditions, tickets, ledger, availability"),
        ("{at: 1, ledger: []}", ": expected `device` with ledger and availability"),
        ("{at: 1, from: 2, conditions: []}", ": expected `from` not after `at`"),
        ("{at: 1, device: kiosk-7, ledger: [{state: upp}]}", ".ledger[0].state: expected 'up', 'down', 'unknown' or "),
        (
            "{at: 1, device: kiosk-7, availability: {percent: 101}}",
            ".availability.percent: expected less than or equal",
        ),
        ("{at: 1, conditions: [{cod: x}]}", ".conditions[0].code: expected this field, got nothing"),
    ],
)
def test_an_expectation_that_cannot_be_read_is_told(expectation: str, problem: str) -> None:
    text = f"tests:\n- name: a tale\n  signals: {{}}\n  expect:\n    - {expectation}\n"

    assert problems(text)[0].startswith(f"t.yaml:5 a tale: expect[0]{problem}")


def test_a_file_says_its_rules_and_what_is_laid_over_them() -> None:
    tests = "tests: [{name: x, signals: {}, expect: [{at: 0, conditions: []}]}]"

    assert wanted_files(rule_tests_from(tests, source="t")) == (None, [])
    assert wanted_files(rule_tests_from(f"rules: a.yaml\noverrides: [b.yaml]\n{tests}", source="t")) == (
        "a.yaml",
        ["b.yaml"],
    )


@pytest.mark.parametrize(
    "head",
    ["time_zone: Asia/Beijing", "start: soon", "start: '2026-03-02T08:00:00Z'", "service_hours: 9 to 5", "every: 10ms"],
)
def test_a_file_that_cannot_be_set_up_is_told(head: str) -> None:
    (found,) = problems(f"{head}\ntests: [{{name: x, signals: {{}}, expect: [{{at: 0, conditions: []}}]}}]\n")

    assert found.startswith(f"t.yaml:1: {head.partition(':')[0]}: expected") or "service_hours" in head


def test_json_is_read_too_though_its_tabs_are_no_yaml() -> None:
    text = '{\n\t"tests": [\n\t\t{"name": "a tale", "signals": {}, "expect": [{"at": 0, "condition": []}]}]}'

    assert problems(text)[0].startswith("t.yaml:1 a tale: expect[0].condition: unknown key; expected one of at, from")


def test_the_built_in_catalogue_is_what_tests_without_rules_are_for() -> None:
    rules = rule_set_from(built_in("faults.yaml"), source="faults.yaml")

    (one,) = told(
        rules,
        signals={"kiosk-7": {"printer.paper": "endx3"}},
        expect=[{"at": "3m", "tickets": [{"code": "printer.paper_end", "status": "open", "fault_from": 0}]}],
    )

    assert one == Outcome(id="t.yaml a tale", ok=True, expected="", got="")
