"""Rules as they are kept: the files', and on top what the console said; over other files it stays where it fits."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector.core.rulebook import Rulebook, RuleSet, Traits, resolved
from roundsman_collector.rules.catalogue import overridden, rule_set_from, text_of
from roundsman_collector.rules.kept import MOST, Kept, body_of, in_force, kept_from, rule_set_of
from roundsman_collector.rules.shape import CHANGE, Change, RulesError

FILES = """
functions:
  - {name: receipts, zh: 凭条, en: receipts, kinds: [kiosk]}
faults:
  - {code: host.cpu_high, zh: CPU 高, en: cpu, when: {reading: host.cpu_percent, above: 90, clear_below: 80}, for_s: 60,
     severity: 3, service_class: maintenance}
  - {code: printer.paper_end, zh: 缺纸, en: paper, when: {reading: printer.paper, is: [end]}, for_s: 60, severity: 2,
     service_class: clerk, takes_down: receipts}
overrides:
  - {code: host.cpu_high, for: {kind: kiosk}, for_s: 120, severity: 1}
"""


def base(text: str = FILES) -> RuleSet:
    return rule_set_from(text, source="faults.yaml")


def change(**said: Any) -> Change:
    told = {"origin": "console", "by": "wang", "at_ms": 7} | said
    return CHANGE.validate_json(json.dumps({"for" if name == "for_" else name: value for name, value in told.items()}))


def for_ms(rules: RuleSet, code: str = "host.cpu_high", **traits: str) -> int:
    rule = resolved(rules, Traits(**traits)).rule(code)
    assert rule is not None
    return rule.for_ms


def test_without_the_console_a_body_is_the_files_text() -> None:
    assert body_of(Kept(base=base())) == text_of(base())
    assert in_force(Kept(base=base())) == base()


def test_the_console_wins_over_the_files_for_the_same_devices_and_leaves_the_rest_of_them() -> None:
    rules = in_force(Kept(base=base()).put(change(code="host.cpu_high", for_={"kind": "kiosk"}, for_s=5)))

    rule = resolved(rules, Traits(kind="kiosk")).rule("host.cpu_high")
    assert rule is not None
    assert (rule.for_ms, rule.severity) == (5_000, 1)


def test_one_of_the_same_for_the_same_devices_is_replaced() -> None:
    kept = Kept(base=base())
    for seconds in (5, 6):
        kept = kept.put(change(code="host.cpu_high", for_={"site": "hall"}, for_s=seconds))

    assert [one.for_s for one in kept.console] == [6]


def test_an_override_for_all_devices_goes_without_a_trace() -> None:
    kept = Kept(base=base()).put(change(code="host.cpu_high", for_s=5))
    assert for_ms(in_force(kept)) == 5_000

    again = kept_from(body_of(kept), source="row").without(change(code="host.cpu_high"))

    assert body_of(again) == text_of(base())


def test_other_files_keep_what_the_console_said_and_tell_what_no_longer_fits() -> None:
    kept = Kept(base=base())
    kept = kept.put(change(code="host.cpu_high", when={"above": 70}))
    kept = kept.put(change(function="receipts", for_={"kind": "kiosk"}, critical=False))
    other = base(
        FILES.replace("above: 90, clear_below: 80", "below: 3, clear_above: 5").replace("for_s: 60", "for_s: 61")
    )

    now, problems = kept.on(other)

    assert problems == ("console, override host.cpu_high, when: expected below and clear_above, got above",)
    assert [one.function for one in now.console] == ["receipts"]
    assert for_ms(in_force(now)) == 61_000


@pytest.mark.parametrize(
    "said", [{"code": "a.b", "for_s": 1}, {"code": "printer.paper_end", "when": {"above": 1}}, {"function": "x"}]
)
def test_what_does_not_fit_is_not_kept(said: Any) -> None:
    with pytest.raises(RulesError, match=r"^console, override"):
        Kept(base=base()).put(change(**said))


def test_what_the_console_did_not_say_cannot_be_taken_away() -> None:
    with pytest.raises(RulesError, match="only what the console made can go"):
        Kept(base=base()).without(change(code="host.cpu_high", for_={"kind": "kiosk"}))


def test_there_is_an_end_to_overrides() -> None:
    many = tuple(change(code="host.cpu_high", for_={"device": f"d{number}"}, for_s=1) for number in range(MOST))

    with pytest.raises(RulesError, match="put them into a file"):
        Kept(base=base(), console=many).put(change(code="host.cpu_high", for_={"device": "one-more"}, for_s=1))


def test_a_limit_that_was_allowed_once_is_read_again_though_it_is_refused_now() -> None:
    body = text_of(base()).replace('"above":90.0', '"above":150.0')

    with pytest.raises(RulesError, match="can never hold"):
        rule_set_from(body, source="file")
    assert rule_set_of(body, hash_="old", valid_from_ms=3).hash == "old"


names = st.sampled_from(["hall", "kiosk-7", "M 1", "nvr"])
changes = st.fixed_dictionaries(
    {"code": st.sampled_from(["host.cpu_high", "printer.paper_end"])},
    optional={
        "for": st.sampled_from(["model", "site", "device"]).flatmap(
            lambda where: names.map(lambda name: {where: name})
        ),
        "for_s": st.integers(0, 900),
        "severity": st.sampled_from([1, 2, 3]),
        "ticket": st.booleans(),
        "takes_down": st.sampled_from(["device", "nothing", "receipts"]),
    },
)


@given(st.lists(changes, max_size=6))
def test_whatever_the_console_said_comes_back_from_its_row(said: list[dict[str, Any]]) -> None:
    kept = Kept(base=base())
    for one in said:
        kept = kept.put(change(**one))

    again = kept_from(body_of(kept), source="row")

    assert again == kept
    assert in_force(again) == in_force(kept)
    rules = rule_set_of(body_of(kept), hash_="h", valid_from_ms=9)
    book = Rulebook([rules], lambda device: ((0, Traits(kind="kiosk", model="M 1", site="hall")),))
    assert book.at("kiosk-7", 10).hash == "h"


def test_a_file_of_overrides_says_the_same_as_the_console() -> None:
    said = {"code": "host.cpu_high", "for": {"site": "hall"}, "for_s": 5}

    by_file = overridden(base(), json.dumps({"overrides": [said]}), source="o.yaml")
    by_console = in_force(Kept(base=base()).put(change(**said)))

    assert (by_file.rules, by_file.overrides) == (by_console.rules, by_console.overrides)
