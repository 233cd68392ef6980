"""The fault catalogue: what a row becomes, what is refused and in which words, what an override changes."""

import json
from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector.config import built_in
from roundsman_collector.core.policy import SILENT, UNREACHABLE, Above, Below, Builtin, Fails, Is, Policy, Rule
from roundsman_collector.rules.catalogue import advice_from, full_name, overridden, policy_from, text_of
from roundsman_collector.rules.shape import RulesError
from roundsman_wire.catalogue import POINTS

FAULTS = built_in("faults.yaml")
DEMO = built_in("demo.yaml")
ROW: dict[str, Any] = {
    "code": "printer.paper_end",
    "zh": "打印机缺纸",
    "en": "printer is out of paper",
    "when": {"reading": "printer.paper", "is": ["end"]},
    "for_s": 60,
    "clear_for_s": 2.5,
    "severity": 2,
    "service_class": "clerk",
    "down": True,
}


def text(*rows: Any) -> str:
    return yaml.safe_dump({"faults": list(rows)}, allow_unicode=True)


def row(**fields: Any) -> dict[str, Any]:
    return {**ROW, **fields}


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in ROW.items() if key != name}


def problems(written: str) -> list[str]:
    with pytest.raises(RulesError) as caught:
        policy_from(written, source="f.yaml")
    return list(caught.value.problems)


def changed(**fields: Any) -> str:
    return yaml.safe_dump({"overrides": [{"code": "host.cpu_high", **fields}]})


def builtin() -> Policy:
    return policy_from(FAULTS, source="faults.yaml")


# --- rows ------------------------------------------------------------------------------------------------------------


def test_a_row_becomes_a_rule() -> None:
    policy = policy_from(text(ROW), source="f.yaml", valid_from_ms=7)

    assert policy.valid_from_ms == 7
    assert policy.rules == (
        Rule(
            code="printer.paper_end",
            zh="打印机缺纸",
            en="printer is out of paper",
            when=Is(reading="printer.paper", words=("end",), others=("ok", "near_end")),
            for_ms=60_000,
            clear_for_ms=2_500,
            severity=2,
            service_class="clerk",
            down=True,
            ticket=True,
        ),
    )


@pytest.mark.parametrize(
    ("code", "written", "expected"),
    [
        (UNREACHABLE, {"unanswered": True}, Builtin(what="unanswered")),
        (SILENT, {"silent": True}, Builtin(what="silent")),
        ("a.b", {"probe": "escpos", "fails": True, "component": "printer"}, Fails(probe="escpos", component="printer")),
        (
            "a.b",
            {"reading": "printer.cover", "is": ["open"]},
            Is(reading="printer.cover", words=("open",), others=("closed",)),
        ),
        (
            "a.b",
            {"probe": "escpos", "fails": True, "component": "printer", "codes": ["timeout"]},
            Fails(probe="escpos", component="printer", codes=("timeout",)),
        ),
        (
            "a.b",
            {"reading": "disk[].used_percent", "above": 95, "clear_below": 90},
            Above(reading="disk.used_percent", limit=95.0, clear=90.0),
        ),
        ("a.b", {"reading": "host.cpu_percent", "above": 95}, Above(reading="host.cpu_percent", limit=95, clear=95)),
        (
            "a.b",
            {"reading": "ups.charge_percent", "below": 20, "clear_above": 50},
            Below(reading="ups.charge_percent", limit=20, clear=50),
        ),
        ("a.b", {"reading": "ups.runtime_min", "below": 5}, Below(reading="ups.runtime_min", limit=5, clear=5)),
    ],
)
def test_every_form_of_when_is_understood(code: str, written: dict[str, Any], expected: object) -> None:
    assert policy_from(text(row(code=code, when=written)), source="f.yaml").rules[0].when == expected


def test_a_rule_on_every_disk_judges_each_of_them() -> None:
    policy = policy_from(text(row(when={"reading": "disk[].readonly", "is": ["yes"]})), source="f.yaml")

    assert policy.judges("disk[/srv].readonly") == ((policy.rules[0], "disk[/srv]"),)


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"when": {"reading": "printer.papr", "is": ["end"]}},
            "when.reading: expected a reading of the catalogue, got 'printer.papr'; did you mean printer.paper?",
        ),
        (
            {"when": {"reading": "disk.used_percent", "above": 9}},
            "when.reading: expected a reading of the catalogue, got 'disk.used_percent'; "
            "did you mean disk[].used_percent?",
        ),
        (
            {"when": {"reading": "printer.paper", "is": ["ende"]}},
            "when.is: expected words of printer.paper (ok, near_end, end), got 'ende'; did you mean end?",
        ),
        (
            {"when": {"reading": "printer.paper", "is": ["unknown"]}},
            "when.is: expected words of printer.paper (ok, near_end, end), got 'unknown'",
        ),
        (
            {"when": {"reading": "printer.paper", "above": 90}},
            "when: printer.paper is a word (ok, near_end, end, unknown), which is never above or below; use is",
        ),
        (
            {"when": {"reading": "host.cpu_percent", "is": ["high"]}},
            "when: host.cpu_percent is a number in percent; use above or below",
        ),
        (
            {"when": {"reading": "host.cpu_percent", "above": 90, "clear_below": 95}},
            "when.clear_below: expected at most the limit 90, got 95",
        ),
        (
            {"when": {"reading": "host.cpu_percent", "below": 5, "clear_above": 4}},
            "when.clear_above: expected at least the limit 5, got 4",
        ),
        (
            {"when": {"reading": "host.cpu_percent", "above": "90"}},
            "when.above: expected a valid number, got '90'",
        ),
        (
            {"when": {"reading": "printer.paper", "is": "end"}},
            "when.is: expected a valid array, got 'end'",
        ),
        (
            {"when": {"reading": "disk[].readonly", "is": [True]}},
            "when.is[0]: expected a valid string, got True; YAML reads an unquoted yes, no, on, off as true or false: "
            "put the word in quotes",
        ),
        (
            {"when": {"reading": "printer.paper", "iss": ["end"]}},
            "when: expected one of the keys unanswered, silent, probe, is, above, below, "
            "got {'iss': ['end'], 'reading': 'printer.paper'}",
        ),
        (
            {"when": {"reading": "host.cpu_percent", "above": 90, "clear_bellow": 3}},
            "when.clear_bellow: unknown key; expected one of reading, above, clear_below; did you mean clear_below?",
        ),
        (
            {"when": {"probe": "escpos", "fails": True, "component": "prnter"}},
            "when.component: expected a component, got 'prnter'; did you mean printer?",
        ),
        ({"when": {"probe": "escpos", "fails": False, "component": "printer"}}, "when.fails: expected True, got False"),
        (
            {"when": {"silent": True}},
            "when: only agent.silent can be silent; the core looks for it by that code",
        ),
        ({"severity": 4}, "severity: expected 1, 2 or 3, got 4"),
        ({"severity": "2"}, "severity: expected 1, 2 or 3, got '2'"),
        ({"service_class": "boss"}, "service_class: expected 'clerk', 'maintenance' or 'replacement', got 'boss'"),
        ({"down": "yes"}, "down: expected a valid boolean, got 'yes'"),
        ({"for_s": -1}, "for_s: expected greater than or equal to 0, got -1"),
        ({"for_s": None}, "for_s: expected a valid number, got None"),
        ({"zh": ""}, "zh: expected text with at least 1 character, got ''"),
        ({"severty": 2}, "severty: unknown key; expected one of code, zh, en, when, for_s, clear_for_s, severity, "
         "service_class, down, ticket, causes, remedy; did you mean severity?"),
        ({"remedy": {"zh": "换纸"}}, "remedy.en: expected this field, got nothing"),
        ({"causes": [{"zh": "缺纸", "en": "none", "fr": "rien"}]}, "causes[0].fr: unknown key; expected one of zh, en"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_row_is_told_with_file_row_key_and_what_was_expected(fields: Any, expected: str) -> None:
    assert problems(text(row(**fields))) == [f"f.yaml, fault printer.paper_end, {expected}"]


@pytest.mark.parametrize("name", [name for name in ROW if name not in ("clear_for_s", "code")])
def test_a_missing_key_is_named(name: str) -> None:
    assert problems(text(without(name))) == [
        f"f.yaml, fault printer.paper_end, {name}: expected this field, got nothing"
    ]


def test_a_row_without_a_code_is_named_by_its_place() -> None:
    assert problems(text(ROW, without("code"))) == ["f.yaml, faults[1], code: expected this field, got nothing"]


def test_what_the_core_observes_itself_has_its_own_when() -> None:
    assert problems(text(row(code=UNREACHABLE))) == [
        "f.yaml, fault host.unreachable, when: host.unreachable is what the core observes itself; expected its own key"
    ]


def test_all_mistakes_are_told_at_once() -> None:
    written = text(
        row(code="a.a", when={"reading": "x.y", "above": 1}), row(code="b.b", when={"silent": True}), ROW, ROW
    )

    assert [line.partition(": ")[0] for line in problems(written)] == [
        "f.yaml, fault printer.paper_end",
        "f.yaml, fault a.a, when.reading",
        "f.yaml, fault b.b, when",
    ]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("", "f.yaml: expected an object, got None"),
        ("- a", "f.yaml: expected an object, got ['a']"),
        ("faults: 7", "f.yaml: faults: expected a valid array, got 7"),
        ("faults: []", "f.yaml: faults: expected a list with at least 1 item after validation, not 0, got []"),
        ("faults: [7]", "f.yaml, faults[0]: expected an object, got 7"),
        ("faults: [", "f.yaml, line 1, column 10: expected the node content, but found '<stream end>'"),
        ("faults: []\nfaults: []", "f.yaml, line 2, column 1: key faults stands twice"),
        ("a: &a [*a]", "f.yaml: expected plain lists, keys, texts and numbers: Circular reference detected"),
        ("faults: 2026-11-21", "f.yaml: expected plain lists, keys, texts and numbers: Object of type date is not"),
        ("faults: !!python/object/apply:os.getcwd []", "f.yaml, line 1, column 9: could not determine a constructor"),
        ("[" * 100_000, "f.yaml: expected plain lists, keys, texts and numbers: maximum recursion depth exceeded"),
    ],
)
def test_a_file_that_is_none_is_told_with_its_place(written: str, expected: str) -> None:
    assert problems(written)[0].startswith(expected)


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda data: data.decode("latin-1")))
def test_whatever_text_comes_it_is_a_policy_or_a_rules_error(written: str) -> None:
    for read in (policy_from, advice_from):
        with pytest.raises(RulesError, match=r"^f\.yaml"):
            read(written, source="f.yaml")


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*ROW, "is", "zh", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([*ROW, "causes", "remedy", "x"]), anything, max_size=4))
def test_whatever_stands_in_a_row_it_is_a_rule_or_a_rules_error(fields: dict[str, Any]) -> None:
    try:
        policy = policy_from(text(row(**fields)), source="f.yaml")
    except RulesError as error:
        assert all(problem.startswith("f.yaml") for problem in error.problems)
    else:
        assert policy_from(text_of(policy), source="again") == policy


# --- the built-in catalogue ------------------------------------------------------------------------------------------


def test_the_built_in_catalogue_can_be_used_and_has_the_faults_of_the_demo_and_more() -> None:
    codes = {rule.code for rule in builtin().rules}

    assert codes >= {
        UNREACHABLE, SILENT, "printer.paper_end", "printer.paper_near_end", "printer.cover_open", "printer.offline",
        "printer.cutter", "printer.unrecoverable", "power.mains_lost", "ups.battery_low", "ups.overload",
        "host.cpu_high", "host.mem_high", "host.disk_full", "host.fs_readonly", "host.clock_drift", "host.temp_high",
        "nvr.disk_error", "gnss.no_fix",
    }  # fmt: skip


def test_silence_is_not_down_and_a_paper_that_nears_its_end_opens_no_ticket() -> None:
    policy = builtin()

    assert not policy.counts_down(SILENT)
    assert policy.counts_down(UNREACHABLE)
    assert policy.counts_down("printer.paper_end")
    near_end = policy.rule("printer.paper_near_end")
    assert near_end is not None
    assert (near_end.ticket, near_end.down) == (False, False)


def test_what_opens_a_ticket_at_once_in_the_demo_takes_seconds() -> None:
    demo = overridden(builtin(), DEMO, source="demo.yaml")

    short = [rule.code for rule in demo.rules if rule.for_ms <= 4_000]

    assert {UNREACHABLE, "printer.paper_end", "printer.offline", "power.mains_lost"} <= set(short)
    assert [rule.code for rule in demo.rules] == [rule.code for rule in builtin().rules]


def test_advice_stands_beside_the_rules_in_both_languages() -> None:
    advice = advice_from(FAULTS, source="faults.yaml")

    assert set(advice) == {rule.code for rule in builtin().rules}
    assert [cause.zh for cause in advice["printer.offline"].causes] == ["打印机断电", "串口线或 USB 线松脱"]
    assert advice["printer.paper_end"].remedy is not None
    assert advice["ups.bypass"].remedy is None


# --- the rules as text -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "policy", [builtin(), overridden(builtin(), DEMO, source="demo.yaml")], ids=["built-in", "demo"]
)
def test_the_rules_as_text_give_the_same_rules(policy: Policy) -> None:
    assert policy_from(text_of(policy), source="row 7") == policy


def test_a_limit_that_yaml_would_read_as_a_word_survives_as_text() -> None:
    policy = policy_from(text(row(when={"reading": "host.load_1m", "above": 1e-05})), source="f.yaml")

    assert policy_from(text_of(policy), source="row 7") == policy


def test_the_hash_names_the_rules_and_not_how_they_are_written() -> None:
    spaced = "# a comment\n" + yaml.safe_dump({"faults": [dict(reversed(ROW.items()))]}, indent=8)

    one = policy_from(text(ROW), source="a.yaml").hash

    assert one == policy_from(spaced, source="b.yaml").hash
    assert one == policy_from(text(row(causes=[{"zh": "一", "en": "one"}])), source="c.yaml").hash
    assert one != policy_from(text(row(for_s=61)), source="d.yaml").hash


def test_every_reading_has_its_full_name() -> None:
    assert [full_name(name.replace("[]", "")) for name in POINTS] == list(POINTS)


# --- overrides -------------------------------------------------------------------------------------------------------


def test_an_override_changes_what_it_names_and_nothing_else() -> None:
    before = builtin().rule("host.cpu_high")
    assert before is not None
    written = changed(
        for_s=4, clear_for_s=1, severity=1, down=True, ticket=False, when={"above": 50, "clear_below": 40}
    )

    after = overridden(builtin(), written, source="o.yaml")

    assert after.rule("host.cpu_high") == replace(
        before,
        for_ms=4_000,
        clear_for_ms=1_000,
        severity=1,
        down=True,
        ticket=False,
        when=Above(reading="host.cpu_percent", limit=50, clear=40),
    )
    others = [
        (one, other) for one, other in zip(builtin().rules, after.rules, strict=True) if one.code != "host.cpu_high"
    ]
    assert all(one == other for one, other in others)
    assert after.hash != builtin().hash


def test_an_override_of_nothing_changes_nothing() -> None:
    assert overridden(builtin(), "overrides: []", source="o.yaml") == builtin()
    assert overridden(builtin(), changed(), source="o.yaml") == builtin()


def test_false_and_zero_are_changes_too() -> None:
    rule = overridden(builtin(), changed(for_s=0, ticket=False), source="o.yaml").rule("host.cpu_high")

    assert rule is not None
    assert (rule.for_ms, rule.ticket) == (0, False)


@pytest.mark.parametrize(
    ("new", "expected"),
    [({"above": 70}, (70, 70)), ({"clear_below": 60}, (90, 60)), ({"above": 95, "clear_below": 94}, (95, 94))],
)
def test_a_new_limit_without_its_hysteresis_clears_at_itself(new: Any, expected: tuple[float, float]) -> None:
    rule = overridden(builtin(), changed(when=new), source="o.yaml").rule("host.cpu_high")

    assert rule is not None
    assert isinstance(rule.when, Above)
    assert (rule.when.limit, rule.when.clear) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (
            changed(code="host.cpu_hi"),
            "o.yaml, fault host.cpu_hi: the catalogue has no such fault; did you mean host.cpu_high?",
        ),
        (changed(when={"below": 3}), "o.yaml, fault host.cpu_high, when: expected above and clear_below, got below"),
        (
            changed(when={"clear_below": 95}),
            "o.yaml, fault host.cpu_high, when.clear_below: expected at most the limit 90, got 95",
        ),
        (
            changed(code="printer.jam", when={"above": 3}),
            "o.yaml, fault printer.jam, when: this fault has no limits that could be set",
        ),
        (
            changed(when={"reading": "host.load_1m"}),
            "o.yaml, fault host.cpu_high, when.reading: unknown key; "
            "expected one of above, clear_below, below, clear_above",
        ),
        (
            changed(zh="新名"),
            "o.yaml, fault host.cpu_high, zh: unknown key; "
            "expected one of code, for_s, clear_for_s, severity, down, ticket, when",
        ),
        (changed(for_s="4"), "o.yaml, fault host.cpu_high, for_s: expected a valid number, got '4'"),
        (FAULTS, "o.yaml: overrides: expected this field, got nothing"),
        (json.dumps({"overrides": [{"code": "printer.jam"}] * 2}), "o.yaml, fault printer.jam: stands 2 times"),
    ],
)
def test_an_override_that_does_not_fit_is_refused(written: str, expected: str) -> None:
    with pytest.raises(RulesError) as caught:
        overridden(builtin(), written, source="o.yaml")

    assert caught.value.problems[0] == expected
