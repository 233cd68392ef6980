"""The fault catalogue: what a row becomes, what is refused and in which words, what an override changes."""

import json
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector.config import built_in
from roundsman_collector.core.policy import SILENT, UNREACHABLE, Above, Below, Builtin, Fails, Is, Restarts, Rule
from roundsman_collector.core.rulebook import Function, Override, RuleSet, Traits, resolved
from roundsman_collector.rules.catalogue import advice_from, overridden, rule_set_from, text_of
from roundsman_collector.rules.shape import CATEGORIES, RulesError
from roundsman_collector.rules.written import full_name
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
    "takes_down": "device",
}


RECEIPTS = {"name": "receipts", "zh": "凭条打印", "en": "printing receipts", "kinds": ["kiosk"]}


def text(*rows: Any) -> str:
    return yaml.safe_dump({"faults": list(rows)}, allow_unicode=True)


def row(**fields: Any) -> dict[str, Any]:
    return {**ROW, **fields}


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in ROW.items() if key != name}


def problems(written: str) -> list[str]:
    with pytest.raises(RulesError) as caught:
        rule_set_from(written, source="f.yaml")
    return list(caught.value.problems)


def changed(**fields: Any) -> str:
    return yaml.safe_dump({"overrides": [{"code": "host.cpu_high", **fields}]})


@cache
def builtin() -> RuleSet:
    return rule_set_from(FAULTS, source="faults.yaml")


# --- rows ------------------------------------------------------------------------------------------------------------


def test_a_row_becomes_a_rule() -> None:
    policy = rule_set_from(text(ROW), source="f.yaml", valid_from_ms=7)

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
            function="device",
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
        ("a.b", {"restarts": {"count": 3, "within_s": 86_400}}, Restarts(count=3, within_ms=86_400_000)),
        (
            "a.b",
            {"reading": "disk[].free_mb", "below": 0.1, "per": "disk[].capacity_mb"},
            Below(reading="disk.free_mb", limit=0.1, clear=0.1, per="disk.capacity_mb"),
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
    assert rule_set_from(text(row(code=code, when=written)), source="f.yaml").rules[0].when == expected


def test_a_rule_on_every_disk_judges_each_of_them() -> None:
    policy = rule_set_from(text(row(when={"reading": "disk[].readonly", "is": ["yes"]})), source="f.yaml")

    assert resolved(policy).judges("disk[/srv].readonly") == ((replace(policy.rules[0], effect="down"), "disk[/srv]"),)


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
            "when: expected one of the keys unanswered, silent, probe, restarts, is, above, below, "
            "got {'iss': ['end'], 'reading': 'printer.paper'}",
        ),
        (
            {"when": {"reading": "host.cpu_percent", "above": 90, "clear_bellow": 3}},
            "when.clear_bellow: unknown key; expected one of reading, above, clear_below, per; "
            "did you mean clear_below?",
        ),
        (
            {"rests": True},
            "rests: what is no fault is seen by a reading; expected ticket: false and takes_down: nothing",
        ),
        (
            {"rests": True, "ticket": False, "takes_down": "device"},
            "rests: what is no fault is seen by a reading; expected ticket: false and takes_down: nothing",
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
        ({"ticket": "no"}, "ticket: expected a valid boolean, got 'no'"),
        (
            {"takes_down": "recipts"},
            "takes_down: expected one of device, receipts or nothing, got 'recipts'; did you mean receipts?",
        ),
        (
            {"category": "printr"},
            f"category: expected one of {', '.join(CATEGORIES)}, got 'printr'; did you mean printer?",
        ),
        (
            {"when": {"reading": "disk[].free_mb", "below": 0.1, "per": "disk[].free_mb"}},
            "when.per: disk[].free_mb divided by itself is always 1, or nothing at all where it is 0",
        ),
        (
            {"when": {"reading": "disk[].free_mb", "below": 0.1, "per": "disk[].capacity"}},
            "when.per: expected a reading of the catalogue, got 'disk[].capacity'; did you mean disk[].capacity_mb?",
        ),
        (
            {"when": {"reading": "disk[].free_mb", "below": 0.1, "per": "disk[].state"}},
            "when.per: disk[].state is a word, by which nothing can be divided",
        ),
        (
            {"when": {"reading": "nvr.disks", "below": 1, "per": "disk[].capacity_mb"}},
            "when.per: disk[].capacity_mb has instances and nvr.disks has none; nobody could tell which one is meant",
        ),
        (
            {"when": {"reading": "host.cpu_percent", "above": 100}},
            "when.above: 100 can never hold; it is between 0 and 100",
        ),
        (
            {"when": {"reading": "host.cpu_percent", "below": 101}},
            "when.below: 101 would always hold; it is between 0 and 100",
        ),
        (
            {"when": {"reading": "host.cpu_percent", "above": 90, "clear_below": -1}},
            "when.clear_below: -1 can never be reached; it is between 0 and 100",
        ),
        (
            {"when": {"reading": "host.uptime_s", "below": 0}},
            "when.below: 0 can never hold; it is never negative",
        ),
        (
            {"when": {"reading": "disk[].readonly", "is": ["yes", "no"]}},
            "when.is: names every word of disk[].readonly (yes, no), so it would always hold",
        ),
        (
            {"when": {"restarts": {"count": 0, "within_s": 60}}},
            "when.restarts.count: expected greater than or equal to 1, got 0",
        ),
        (
            {"when": {"restarts": {"count": 3, "within": 60}}},
            "when.restarts.within_s: expected this field, got nothing",
        ),
        (
            {"only_while": {"reading": "printer.cover", "is": ["opened"]}},
            "only_while.is: expected words of printer.cover (closed, open), got 'opened'; did you mean open?",
        ),
        (
            {"only_while": {"silent": True}},
            "only_while: expected a reading and one of the keys is, above, below, got {'silent': True}",
        ),
        (
            {"only_while": {"reading": "printer.paper", "is": ["ok"]}},
            "only_while.reading: expected another reading than printer.paper",
        ),
        (
            {"only_while": {"reading": "disk[].readonly", "is": ["no"]}},
            "only_while.reading: disk[].readonly has instances and printer.paper has none; "
            "nobody could tell which one is meant",
        ),
        (
            {
                "only_while": {"reading": "printer.cover", "is": ["open"]},
                "when": {"restarts": {"count": 3, "within_s": 9}},
            },
            "only_while: only a fault that is seen by a reading has another one beside it",
        ),
        ({"explained_by": ["water"]}, "explained_by[0]: expected 'power' or 'uplink', got 'water'"),
        ({"explains": "water"}, "explains: expected 'power' or 'uplink', got 'water'"),
        ({"for_s": -1}, "for_s: expected greater than or equal to 0, got -1"),
        ({"for_s": None}, "for_s: expected a valid number, got None"),
        ({"zh": ""}, "zh: expected text with at least 1 character, got ''"),
        ({"severty": 2}, "severty: unknown key; expected one of code, zh, en, when, only_while, for_s, clear_for_s, "
         "flap_s, severity, service_class, category, takes_down, explains, explained_by, ticket, rests, causes, "
         "remedy, parts; did you mean severity?"),
        ({"remedy": {"zh": "换纸"}}, "remedy.en: expected this field, got nothing"),
        ({"causes": [{"zh": "缺纸", "en": "none", "fr": "rien"}]}, "causes[0].fr: unknown key; expected one of zh, en"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_row_is_told_with_file_row_key_and_what_was_expected(fields: Any, expected: str) -> None:
    written = yaml.safe_dump({"functions": [RECEIPTS], "faults": [row(**fields)]}, allow_unicode=True)

    assert problems(written)[0] == f"f.yaml, fault printer.paper_end, {expected}"


@pytest.mark.parametrize("name", [name for name in ROW if name not in ("clear_for_s", "takes_down", "code")])
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
    for read in (rule_set_from, advice_from):
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
        policy = rule_set_from(text(row(**fields)), source="f.yaml")
    except RulesError as error:
        assert all(problem.startswith("f.yaml") for problem in error.problems)
    else:
        assert rule_set_from(text_of(policy), source="again") == policy


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
    policy = resolved(builtin(), Traits(kind="kiosk"))
    effects = {rule.code: rule.effect for rule in policy.rules}

    assert (effects[SILENT], effects[UNREACHABLE]) == ("", "down")
    assert (effects["printer.paper_end"], effects["cash.jam"], effects["app.dead"]) == ("down", "degraded", "down")
    near_end = policy.rule("printer.paper_near_end")
    assert near_end is not None
    assert (near_end.ticket, near_end.effect) == (False, "")


@pytest.mark.parametrize(
    ("kind", "code", "expected"),
    [
        ("printer", "printer.jam", "down"),
        ("computer", "printer.jam", ""),
        ("nvr", "cam.offline", "degraded"),
        ("camera", "cam.video_loss", "down"),
        ("nvr", "nvr.disk_error", "degraded"),
        ("vehicle", "gnss.offline", "down"),
        ("vehicle", "gnss.no_fix", "degraded"),
        ("ups", "ups.output_lost", "down"),
        ("ups", "ups.battery_replace", "degraded"),
        ("ups", "power.mains_lost", ""),
        ("switch", "net.port_down", "degraded"),
    ],
)
def test_what_a_fault_makes_of_a_device_depends_on_what_it_is_there_for(kind: str, code: str, expected: str) -> None:
    rule = resolved(builtin(), Traits(kind=kind)).rule(code)

    assert rule is not None
    assert rule.effect == expected


def test_every_fault_of_the_catalogue_says_what_to_do_and_where_it_belongs() -> None:
    advice = advice_from(FAULTS, source="faults.yaml")

    states = [rule.code for rule in builtin().rules if rule.rests]
    assert [code for code, one in advice.items() if not one.remedy or not one.causes] == states
    assert states == ["veh.parked", "veh.engine_off", "veh.asleep"], "what is no fault needs no remedy"
    assert [rule.code for rule in builtin().rules if rule.category == "other"] == []
    assert [
        rule.code for rule in builtin().rules if rule.service_class == "replacement" and not advice[rule.code].parts
    ] == []
    assert {rule.function for rule in builtin().rules} - {"", "device"} == {one.name for one in builtin().functions}


def test_whom_a_root_may_explain_and_who_is_one() -> None:
    rules = builtin().rules

    assert {rule.code for rule in rules if rule.explains == "power"} == {
        "power.mains_lost", "ups.output_lost", "ups.battery_low", "term.power_lost",
    }  # fmt: skip
    assert {rule.code for rule in rules if rule.explains == "uplink"} == {UNREACHABLE, "site.link_down"}
    assert {UNREACHABLE, SILENT, "cam.offline"} <= {rule.code for rule in rules if "uplink" in rule.explained_by}


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
    assert [part.zh for part in advice["printer.paper_end"].parts] == ["热敏纸卷"]


# --- the rules as text -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "policy", [builtin(), overridden(builtin(), DEMO, source="demo.yaml")], ids=["built-in", "demo"]
)
def test_the_rules_as_text_give_the_same_rules(policy: RuleSet) -> None:
    assert rule_set_from(text_of(policy), source="row 7") == policy


def test_a_limit_that_yaml_would_read_as_a_word_survives_as_text() -> None:
    policy = rule_set_from(text(row(when={"reading": "host.load_1m", "above": 1e-05})), source="f.yaml")

    assert rule_set_from(text_of(policy), source="row 7") == policy


def test_the_hash_names_the_rules_and_not_how_they_are_written() -> None:
    spaced = "# a comment\n" + yaml.safe_dump({"faults": [dict(reversed(ROW.items()))]}, indent=8)

    one = rule_set_from(text(ROW), source="a.yaml").hash

    assert one == rule_set_from(spaced, source="b.yaml").hash
    assert one == rule_set_from(text(row(causes=[{"zh": "一", "en": "one"}])), source="c.yaml").hash
    assert one != rule_set_from(text(row(for_s=61)), source="d.yaml").hash


def test_every_reading_has_its_full_name() -> None:
    assert [full_name(name.replace("[]", "")) for name in POINTS] == list(POINTS)


# --- overrides -------------------------------------------------------------------------------------------------------


def one_rule(rules: RuleSet, code: str = "host.cpu_high", traits: Traits | None = None, device: str = "") -> Rule:
    found = resolved(rules, traits or Traits(), device).rule(code)
    assert found is not None
    return found


def test_an_override_changes_what_it_names_and_nothing_else() -> None:
    before = {rule.code: rule for rule in builtin().rules}["host.cpu_high"]
    written = changed(
        for_s=4, clear_for_s=1, flap_s=9, severity=1, service_class="clerk", takes_down="device", ticket=False,
        when={"above": 50, "clear_below": 40},
    )  # fmt: skip

    after = overridden(builtin(), written, source="o.yaml")

    assert {rule.code: rule for rule in after.rules}["host.cpu_high"] == replace(
        before,
        for_ms=4_000,
        clear_for_ms=1_000,
        flap_ms=9_000,
        severity=1,
        service_class="clerk",
        function="device",
        ticket=False,
        when=Above(reading="host.cpu_percent", limit=50, clear=40),
    )
    others = [
        (one, other) for one, other in zip(builtin().rules, after.rules, strict=True) if one.code != "host.cpu_high"
    ]
    assert all(one == other for one, other in others)
    assert after.hash != builtin().hash


def test_an_override_for_some_devices_holds_for_them_alone_and_the_narrower_one_wins() -> None:
    written = yaml.safe_dump(
        {
            "overrides": [
                {"code": "host.cpu_high", "for": {"device": "nvr-2"}, "for_s": 1},
                {"code": "host.cpu_high", "for": {"site": "old-town"}, "for_s": 2, "severity": 1},
                {"code": "host.cpu_high", "for": {"kind": "nvr"}, "when": {"above": 98}},
            ]
        }
    )

    after = overridden(builtin(), written, source="o.yaml")

    assert [rule for rule in after.rules if rule not in builtin().rules] == []
    recorder = one_rule(after, traits=Traits(kind="nvr", site="old-town"), device="nvr-2")
    assert (recorder.for_ms, recorder.severity) == (1_000, 1)
    assert recorder.when == Above(reading="host.cpu_percent", limit=98, clear=98)
    assert one_rule(after, traits=Traits(kind="kiosk", site="old-town")).for_ms == 2_000
    assert one_rule(after, traits=Traits(kind="kiosk")) == one_rule(builtin(), traits=Traits(kind="kiosk"))


def test_limits_come_as_a_pair_so_that_no_two_overrides_make_a_wrong_one() -> None:
    written = changed(when={"clear_below": 70}, **{"for": {"kind": "nvr"}})

    after = overridden(builtin(), written, source="o.yaml")

    assert dict(after.overrides[-1].fields) == {"limit": 90, "clear": 70}


@pytest.mark.parametrize("for_", [None, {"site": "old-town"}])
def test_a_site_may_do_without_receipts(for_: dict[str, str] | None) -> None:
    said = {"function": "receipts", "critical": False} | ({"for": for_} if for_ else {})

    after = overridden(builtin(), json.dumps({"overrides": [said]}), source="o.yaml")

    there = Traits(kind="kiosk", site="old-town")
    assert one_rule(after, "printer.paper_end", there).effect == "degraded"
    assert one_rule(after, "printer.paper_end", Traits(kind="kiosk")).effect == ("down" if for_ else "degraded")


def test_a_second_file_adds_faults_functions_and_kinds_of_its_own() -> None:
    written = yaml.safe_dump(
        {
            "kinds": ["turnstile"],
            "functions": [{"name": "gate", "zh": "开闸", "en": "opening", "kinds": ["turnstile"]}],
            "faults": [row(code="gate.stuck", takes_down="gate"), row(for_s=7, takes_down="gate")],
            "overrides": [{"code": "gate.stuck", "for": {"kind": "turnstile"}, "for_s": 5}],
        },
        allow_unicode=True,
    )

    after = overridden(builtin(), written, source="o.yaml")

    assert len(after.rules) == len(builtin().rules) + 1
    assert one_rule(after, "printer.paper_end", Traits(kind="turnstile")).for_ms == 7_000
    stuck = one_rule(after, "gate.stuck", Traits(kind="turnstile"))
    assert (stuck.for_ms, stuck.effect) == (5_000, "down")
    assert rule_set_from(text_of(after), source="row 7") == after


def test_two_files_that_override_the_same_for_the_same_devices_are_one_override() -> None:
    first = changed(for_s=4, severity=1, **{"for": {"kind": "nvr"}})
    second = changed(for_s=5, **{"for": {"kind": "nvr"}})

    after = overridden(overridden(builtin(), first, source="a.yaml"), second, source="b.yaml")

    assert after.overrides[len(builtin().overrides) :] == (
        Override(where="kind", which="nvr", code="host.cpu_high", fields={"for_ms": 5_000, "severity": 1}),
    )


def test_an_override_of_nothing_changes_nothing() -> None:
    assert overridden(builtin(), "overrides: []", source="o.yaml") == builtin()
    assert overridden(builtin(), changed(), source="o.yaml") == builtin()
    assert overridden(builtin(), changed(**{"for": {"kind": "nvr"}}), source="o.yaml") == builtin()


def test_false_and_zero_are_changes_too() -> None:
    rule = one_rule(overridden(builtin(), changed(for_s=0, ticket=False), source="o.yaml"))

    assert (rule.for_ms, rule.ticket) == (0, False)


def test_a_fault_may_be_said_to_take_nothing_down() -> None:
    written = json.dumps({"overrides": [{"code": UNREACHABLE, "takes_down": "nothing"}]})

    assert one_rule(overridden(builtin(), written, source="o.yaml"), UNREACHABLE).effect == ""


@pytest.mark.parametrize(
    ("new", "expected"),
    [({"above": 70}, (70, 70)), ({"clear_below": 60}, (90, 60)), ({"above": 95, "clear_below": 94}, (95, 94))],
)
def test_a_new_limit_without_its_hysteresis_clears_at_itself(new: Any, expected: tuple[float, float]) -> None:
    rule = one_rule(overridden(builtin(), changed(when=new), source="o.yaml"))

    assert isinstance(rule.when, Above)
    assert (rule.when.limit, rule.when.clear) == expected


FOR_NVR = {"for": {"kind": "nvr"}}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (
            changed(code="host.cpu_hi"),
            "override host.cpu_hi, code: the catalogue has no such fault; did you mean host.cpu_high?",
        ),
        (changed(when={"below": 3}), "override host.cpu_high, when: expected above and clear_below, got below"),
        (
            changed(when={"clear_below": 95}),
            "override host.cpu_high, when.clear_below: expected at most the limit 90, got 95",
        ),
        (
            changed(when={"above": 120}, **FOR_NVR),
            "override host.cpu_high for kind nvr, when.above: 120 can never hold; it is between 0 and 100",
        ),
        (
            changed(code="printer.jam", when={"above": 3}),
            "override printer.jam, when: this fault has no limits that could be set",
        ),
        (
            changed(when={"reading": "host.load_1m"}),
            "override host.cpu_high, when.reading: unknown key; expected one of above, clear_below, below, clear_above",
        ),
        (
            changed(zh="新名"),
            "override host.cpu_high, zh: unknown key; expected one of code, function, for, for_s, clear_for_s, flap_s, "
            "severity, service_class, takes_down, ticket, when, critical",
        ),
        (changed(for_s="4"), "override host.cpu_high, for_s: expected a valid number, got '4'"),
        (
            changed(takes_down="coffee"),
            f"override host.cpu_high, takes_down: expected one of device, "
            f"{', '.join(one.name for one in builtin().functions)} or nothing, got 'coffee'",
        ),
        (
            changed(**{"for": {"kind": "nvrr"}}),
            "override host.cpu_high for kind nvrr, for.kind: expected one of camera, computer, gateway, host, kiosk, "
            "nvr, printer, router, sensor, switch, ups, vehicle, got 'nvrr'; did you mean nvr?; "
            "a kind of your own is named under kinds",
        ),
        (
            changed(**{"for": {"kind": "nvr", "site": "hall"}}),
            "override host.cpu_high, for: expected exactly one of kind, model, site, device, "
            "got {'kind': 'nvr', 'site': 'hall'}",
        ),
        (
            changed(**{"for": {"sight": "hall"}}),
            "override host.cpu_high, for.sight: unknown key; expected one of kind, model, site, device; "
            "did you mean site?",
        ),
        (changed(critical=True), "override host.cpu_high, critical: that is said of a function, not of a fault"),
        (
            changed(function="receipts"),
            "override host.cpu_high, expected either code (of a fault) or function",
        ),
        (json.dumps({"overrides": [{"for_s": 1}]}), "override of function None, expected either code"),
        (
            json.dumps({"overrides": [{"function": "recipts", "critical": False}]}),
            f"override of function recipts, function: expected one of "
            f"{', '.join(one.name for one in builtin().functions)}, got 'recipts'; did you mean receipts?",
        ),
        (
            json.dumps({"overrides": [{"function": "receipts", "for_s": 1, "critical": False}]}),
            "override of function receipts, expected critical and nothing else, got for_s",
        ),
        (
            json.dumps({"overrides": [{"function": "receipts"}]}),
            "override of function receipts, expected critical and nothing else, got nothing",
        ),
        (json.dumps({"overrides": [{"code": "printer.jam"}] * 2}), "override printer.jam: stands 2 times"),
        (
            json.dumps({"overrides": [{"code": "printer.jam", "origin": "console", "for_s": 1}]}),
            "override printer.jam, origin: the console alone writes this",
        ),
        (
            yaml.safe_dump({"functions": [RECEIPTS | {"kinds": ["kiosk", "till"]}]}),
            "function receipts, kinds: expected one of camera, computer, gateway, host, kiosk, nvr, printer, router, "
            "sensor, switch, ups, vehicle, got 'till'; a kind of your own is named under kinds",
        ),
        (
            yaml.safe_dump({"functions": [RECEIPTS | {"name": "device"}]}),
            "function device, name: device is a word of its own; call it otherwise",
        ),
        (yaml.safe_dump({"functions": [RECEIPTS] * 2}), "function receipts: stands 2 times"),
    ],
)
def test_an_override_that_does_not_fit_is_refused(written: str, expected: str) -> None:
    with pytest.raises(RulesError) as caught:
        overridden(builtin(), written, source="o.yaml")

    assert caught.value.problems[0].startswith(f"o.yaml, {expected}")


def test_everything_that_is_wrong_with_overrides_is_told_at_once() -> None:
    rows = [
        {"code": "a.b", "for_s": 1},
        {"code": "host.cpu_high", "critical": True},
        {"function": "x", "critical": True},
    ]

    with pytest.raises(RulesError) as caught:
        overridden(builtin(), json.dumps({"overrides": rows}), source="o.yaml")

    assert [line.split(", ")[1] for line in caught.value.problems] == [
        "override a.b",
        "override host.cpu_high",
        "override of function x",
    ]


def test_a_function_says_whose_it_is() -> None:
    assert builtin().functions[2] == Function(
        name="receipts", zh="凭条打印", en="printing receipts", kinds=("kiosk", "printer"), critical=True
    )
