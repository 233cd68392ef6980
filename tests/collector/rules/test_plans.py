"""Kinds of plans as files: what travels with the program, what is kept of one, and how a wrong one is told."""

import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector.config import built_in
from roundsman_collector.core.contract import PHASES
from roundsman_collector.core.hours import kept
from roundsman_collector.core.level import Week
from roundsman_collector.core.periods import CYCLES, times_a_year
from roundsman_collector.core.plan_kinds import ANCHORS, MODES, PERS, After, Part, PlanKind, Report, Window
from roundsman_collector.rules.plans import (
    PRESETS,
    Every,
    KindEntry,
    PlanFile,
    body_of,
    changed,
    file_from,
    kinds_from,
    kinds_of,
)
from roundsman_collector.rules.shape import RulesError

ROOT = Path(__file__).parents[3]
HEAD = "plans: own\nzh: 自有\nen: our own\n"
USUAL = {"kind": "call", "zh": "回访", "en": "call", "mode": "call", "every": "month"}
DIGEST = {
    "security-visit": ["S0-3", "S0-8", "S0-54"],
    "security-upkeep": ["S0-29", "S0-36"],
    "security-stock": ["S0-23"],
    "huajun-remote": ["S1-10"],
    "huajun-free": ["S1-7"],
    "tianyi-call": ["S1-37"],
    "decoration-visit": ["S1-54"],
    "kiosk-phone": ["S4-17", "S4-25"],
    "kiosk-visit": ["S4-17", "S4-26", "S4-33"],
    "kiosk-statistics": ["S4-34"],
    "vehicle-weekly": ["S3-19"],
    "vehicle-file": ["S3-23"],
    "vehicle-recurrence-month": ["S3-24"],
    "vehicle-recurrence-quarter": ["S3-24"],
    "vehicle-recurrence-year": ["S3-24"],
}
"""What recurs in the five regulations, and where it is promised."""


def preset(name: str) -> PlanFile:
    return file_from(built_in(f"plans/{name}.yaml"), source=f"{name}.yaml")


def row(**said: Any) -> str:
    return json.dumps({name: value for name, value in {**USUAL, **said}.items() if value is not None})


def file(*rows: str, more: str = "") -> PlanFile:
    return file_from(HEAD + more + "kinds:\n" + "".join(f"  - {one}\n" for one in rows), source="own.yaml")


def wrong(*rows: str, more: str = "") -> list[str]:
    with pytest.raises(RulesError) as told:
        file(*rows, more=more)
    return list(told.value.problems)


# --- what travels with the program -----------------------------------------------------------------------------------


def test_every_recurring_duty_of_the_regulations_has_a_kind_that_names_it() -> None:
    found = {kind.id: kind for name in PRESETS for kind in kinds_of(preset(name))}

    assert {name: re.findall(r"S\d-\d+", kind.source) for name, kind in found.items()} == DIGEST


def test_a_kind_has_an_id_of_its_own_among_all_files_and_a_file_its_own_name() -> None:
    files = [preset(name) for name in PRESETS]
    ids = [entry.kind for one in files for entry in one.kinds]

    assert len(set(ids)) == len(ids)
    assert tuple(one.plans for one in files) == PRESETS
    assert sorted(
        path.stem for path in Path(ROOT, "collector/roundsman_collector/rules/plans").glob("*.yaml")
    ) == sorted(PRESETS)


@pytest.mark.parametrize("name", PRESETS)
def test_what_is_kept_of_a_file_is_read_again_as_it_was(name: str) -> None:
    whole = preset(name)

    again = file_from(body_of(whole), source="a row")

    assert (again, kinds_of(again), body_of(again)) == (whole, kinds_of(whole), body_of(whole))


def test_what_is_kept_says_everything_so_that_another_default_changes_no_promise() -> None:
    whole = file(row(window={"days": 3}, paper="p", report={"before": 3}))

    (entry,) = json.loads(body_of(whole))["kinds"]

    unsaid = {name for name, field in KindEntry.model_fields.items() if field.default is None}
    assert {*KindEntry.model_fields} - entry.keys() <= unsaid
    assert (entry["window"], entry["report"]) == (
        {"days": 3, "month": 1},
        {"before": 3, "month": 1, "danger_days": 2},
    )


def test_the_kinds_on_the_page_can_be_used() -> None:
    text = (ROOT / "docs" / "plans.md").read_text("utf-8")

    shown = [block for block in re.findall(r"```yaml\n(.*?)```", text, re.S) if block.startswith("plans:")]

    assert [file_from(block, source="docs/plans.md").plans for block in shown] == ["ours"]


def test_the_page_explains_every_key_and_lists_every_kind() -> None:
    text = (ROOT / "docs" / "plans.md").read_text("utf-8")
    words = (*PlanFile.model_fields, *KindEntry.model_fields, *DIGEST)

    assert [name for name in words if f"`{name}`" not in text] == []


def test_the_words_of_files_are_the_words_of_the_core() -> None:
    def words(name: str) -> set[str]:
        annotation = KindEntry.model_fields[name].annotation
        inner = [one for one in get_args(annotation) if get_args(one)] or [annotation]
        return set(get_args(inner[0]))

    assert set(get_args(Every)) == CYCLES.keys()
    assert [words(name) for name in ("mode", "per", "counted_from", "phases")] == [
        set(map(str, known)) for known in (MODES, PERS, ANCHORS, PHASES)
    ]


# --- reading ---------------------------------------------------------------------------------------------------------


def test_a_kind_says_what_is_done_how_often_and_by_when() -> None:
    found = kinds_from(
        HEAD
        + """workdays: {hours: "1-6 08:00-17:00", holidays: none}
kinds:
  - kind: visit
    zh: 巡检
    en: visit
    mode: visit
    also_by: [remote]
    per: contract
    times_a_year: 3
    window: {days: 10, day: 5, month: 2}
    paper: inspection
    report: {by: 3, month: 2, danger_days: 4}
    agreement: true
    acceptance: true
    phases: [maintenance]
    free_a_year: 1
    least_days: 20
    coming_days: 14
    danger_days: 5
    parts: [{part: a, zh: 甲, en: one}]
    source: contract 4.2
  - {kind: statistics, zh: 统计, en: statistics, mode: report, paper: statistics, after: {kind: visit, working_days: 5}}
  - {kind: call, zh: 回访, en: call, mode: call, every: week, window: {around: 3, give_or_take: 1}}
  - {kind: weekly, zh: 周报, en: weekly, mode: report, every: week, paper: weekly, report: {working_days: 2}}
""",
        source="own.yaml",
    )

    week = Week(hours=kept("1-6 08:00-17:00"), holidays="none")
    assert found == (
        PlanKind(
            id="visit", zh="巡检", en="visit", mode="visit", also_by=frozenset({"remote"}), per="contract",
            cycle=times_a_year(3), window=Window(days=10, day=5, month=2), paper="inspection",
            report=Report(day=3, month=2, is_inclusive=True, danger_days=4), agreement=True, acceptance=True,
            phases=frozenset({"maintenance"}), free_a_year=1, least_days=20, coming_days=14, danger_days=5,
            week=week, parts=(Part("a", "甲", "one"),), source="contract 4.2",
        ),
        PlanKind(
            id="statistics", zh="统计", en="statistics", mode="report", paper="statistics", after=After("visit", 5),
            week=week,
        ),
        PlanKind(
            id="call", zh="回访", en="call", mode="call", cycle=CYCLES["week"], window=Window(day=3, give_or_take=1),
            week=week,
        ),
        PlanKind(
            id="weekly", zh="周报", en="weekly", mode="report", cycle=CYCLES["week"], paper="weekly",
            report=Report(working_days=2), week=week,
        ),
    )  # fmt: skip


def test_working_days_are_those_of_an_office_in_china_where_nobody_says() -> None:
    (found,) = kinds_of(file(row()))

    assert found.week == Week(hours=kept("1-5 09:00-18:00"), holidays="cn")


def expected(problem: str) -> str:
    """What was expected, without what was got."""
    return problem.partition(", got ")[0].removeprefix("own.yaml, kinds[0] (call)").lstrip(":, ")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"every": "months"}, "every: expected 'week', 'month', 'quarter', 'half_year' or 'year'"),
        ({"every": None}, "expected exactly one of every, times_a_year, after"),
        ({"times_a_year": 2}, "expected exactly one of every, times_a_year, after"),
        ({"also_by": ["call"]}, "expected also_by without the mode itself"),
        ({"report": {"before": 3}}, "expected paper: which kind of report it is"),
        (
            {"mode": "report", "paper": "weekly"},
            "expected report, by when it is due, and no window: a report about a period is made when that is over",
        ),
        (
            {"every": None, "after": {"kind": "x", "working_days": 5}, "phases": ["warranty"]},
            "expected after without window, report, phases, counted_from and least_days: those are of the kind it "
            "follows",
        ),
        ({"every": "week", "least_days": 8}, "expected least_days of at most 7: no period is sure to have more"),
        ({"window": {"days": 29}}, "expected a window of at most 28 days: no period is sure to have more"),
        (
            {"counted_from": "installed", "window": {"around": 10, "give_or_take": 2}},
            "expected window without a day of the month: periods that are counted from a day have none",
        ),
        (
            {"counted_from": "accepted", "paper": "p", "report": {"by": 3}},
            "expected report without a day of the month: periods that are counted from a day have none",
        ),
        ({"window": {"days": 3, "day": 1, "month": 2}}, "expected window, month of at most 1"),
        (
            {"every": None, "times_a_year": 5, "paper": "p", "report": {"by": 3, "month": 3}},
            "expected report, month of at most 2",
        ),
        ({"every": "week", "window": {"days": 1, "day": 8}}, "expected window, a weekday from 1 to 7"),
        ({"window": {}}, "window: expected days, or around"),
        (
            {"window": {"around": 10, "give_or_take": 2, "days": 3}},
            "window: expected around without days and day: it is a window of its own",
        ),
        ({"window": {"around": 10}}, "window: expected around and give_or_take, both or neither"),
        ({"window": {"days": 3, "month": 2}}, "window: expected month beside day or around only"),
        (
            {"paper": "p", "report": {"before": 3, "working_days": 5}},
            "report: expected exactly one of before, by, working_days",
        ),
        (
            {"paper": "p", "report": {"working_days": 5, "month": 2}},
            "report: expected month beside before or by only",
        ),
        ({"danger_days": 0}, "danger_days: expected greater than or equal to 1"),
    ],
)
def test_what_cannot_be_said_together_is_told(said: dict[str, Any], told: str) -> None:
    (problem,) = wrong(row(**said))

    assert expected(problem) == told


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ((), "own.yaml, kinds: expected a valid array, got None"),
        (
            (row(evry="month"),),
            "own.yaml, kinds[0] (call), evry: unknown key; expected one of kind, zh, en, mode, also_by, per, every, "
            "times_a_year, after, counted_from, window, paper, report, agreement, acceptance, phases, free_a_year, "
            "least_days, coming_days, danger_days, parts, source; did you mean every?",
        ),
        (
            (row(paper="p", report={"befor": 3}),),
            "own.yaml, kinds[0] (call), report.befor: unknown key; expected one of before, by, month, working_days, "
            "danger_days; did you mean before?",
        ),
        (
            (row(parts=[{"part": "a", "zh": "甲", "en": "one", "de": "eins"}]),),
            "own.yaml, kinds[0] (call), parts[0].de: unknown key; expected one of part, zh, en",
        ),
        ((row(), row()), "own.yaml, kinds[1] (call), kind: stands in kinds[0] already; expected another id"),
        (
            (row(), row(kind="s", mode="report", every=None, paper="p", after={"kind": "cal", "working_days": 5})),
            "own.yaml, kinds[1] (s), after.kind: expected a kind of this file that follows no other: call, got 'cal'; "
            "did you mean call?",
        ),
        (
            (row(parts=[{"part": "a", "zh": "甲", "en": "one"}] * 2),),
            "own.yaml, kinds[0] (call), parts: expected each part once, got a, a",
        ),
    ],
)
def test_a_wrong_file_names_the_file_the_row_the_key_and_what_was_expected(rows: tuple[str, ...], said: str) -> None:
    assert wrong(*rows) == [said]


def test_everything_that_is_wrong_is_told_at_once() -> None:
    problems = wrong(row(mode="fax"), row(kind="X"), more="workdays: {hours: never}\n")

    assert [one.partition(":")[0] for one in problems] == [
        "own.yaml, workdays.hours",
        "own.yaml, kinds[0] (call), mode",
        "own.yaml, kinds[1] (X), kind",
    ]


# --- changes of a plan -----------------------------------------------------------------------------------------------


def test_a_plan_changes_what_it_names_and_keeps_the_rest() -> None:
    kiosk = preset("kiosk")
    phone = kinds_of(kiosk)[0]

    later = changed(kiosk, "kiosk-phone", {"report": {"by": 3}}, source="plan 7")
    bare = changed(kiosk, "kiosk-phone", {"report": None, "paper": None, "window": None}, source="plan 7")

    assert (later.report, later.window, later.zh) == (Report(day=3, is_inclusive=True), phone.window, phone.zh)
    assert (bare.report, bare.paper, bare.window, bare.least_days) == (None, "", None, phone.least_days)
    assert changed(kiosk, "kiosk-phone", {}, source="plan 7") == phone


@pytest.mark.parametrize(
    ("kind", "changes", "said"),
    [
        ("kiosk-fone", {}, "plan 7: expected a kind of kiosk: kiosk-phone, kiosk-visit, kiosk-statistics"),
        (
            "kiosk-phone",
            {"kind": "x"},
            "plan 7, kind: a plan changes what its kind says, not which it is; expected no such key",
        ),
        ("kiosk-phone", {"report": {"by": 32}}, "plan 7, report.by: expected less than or equal to 31"),
        ("kiosk-phone", {"danger": 3}, "plan 7, danger: unknown key; expected one of kind, zh, en"),
        (
            "kiosk-statistics",
            {"after": {"kind": "kiosk-fone", "working_days": 3}},
            "plan 7: kinds[2] (kiosk-statistics), after.kind: expected a kind of this file that follows no other",
        ),
    ],
)
def test_changes_that_cannot_be_are_refused_as_files_are(kind: str, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(RulesError) as told:
        changed(preset("kiosk"), kind, changes, source="plan 7")

    assert [one[: len(said)] for one in told.value.problems] == [said]


keys = st.sampled_from(["kinds", "plans", "workdays", "kind", "every", "window"])
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner) | st.dictionaries(keys, inner),
    max_leaves=8,
)


@given(anything)
def test_a_file_that_holds_anything_at_all_is_refused_and_nothing_breaks(document: object) -> None:
    with pytest.raises(RulesError):
        file_from(json.dumps(document), source="any.yaml")


@given(st.dictionaries(st.sampled_from([*KindEntry.model_fields]), anything, min_size=1))
def test_changes_that_hold_anything_at_all_make_a_kind_or_are_refused(changes: dict[str, Any]) -> None:
    try:
        found = changed(preset("tianyi"), "tianyi-call", changes, source="plan 7")
    except RulesError as error:
        assert all(problem.startswith("plan 7") for problem in error.problems)
    else:
        assert found.id == "tianyi-call"
