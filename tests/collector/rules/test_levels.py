"""Service levels as files: what travels with the program, what is kept of one, and how a wrong one is told."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector.config import built_in
from roundsman_collector.core.level import ATS, ClockRow, Facts, Week, ties
from roundsman_collector.rules.levels import PRESETS, LevelFile, body_of, digest, file_from, level_from, level_of
from roundsman_collector.rules.shape import RulesError

HEAD = "level: own\nzh: 自有\nen: our own\n"
OUTSIDE = frozenset({"customer_absent", "rescheduled", "customer_network", "force_majeure"})


def file(text: str) -> LevelFile:
    return file_from(HEAD + text, source="own.yaml")


def wrong(text: str) -> list[str]:
    with pytest.raises(RulesError) as told:
        file(text)
    return list(told.value.problems)


def row(minutes: int, **only: list[str]) -> str:
    asked = "".join(f", {fact}: [{', '.join(words)}]" for fact, words in only.items())
    return f"  - {{clock: arrive, from: reported, until: arrived, minutes: {minutes}{asked}}}\n"


@pytest.mark.parametrize("page", ["docs/service-levels.md", "docs/how-to/service-levels.zh-CN.md"])
def test_the_levels_in_the_pages_can_be_used(page: str) -> None:
    text = (Path(__file__).parents[3] / page).read_text("utf-8")

    shown = [block for block in re.findall(r"```yaml\n(.*?)```", text, re.S) if block.startswith("level:")]

    assert [file_from(block, source=page).level for block in shown] == ["ours"]


@pytest.mark.parametrize("name", PRESETS)
def test_what_is_kept_of_a_level_is_read_again_as_it_was(name: str) -> None:
    whole = file_from(built_in(f"levels/{name}.yaml"), source=f"{name}.yaml")

    again = file_from(body_of(whole), source="a row")

    assert (again, level_of(again)) == (whole, level_of(whole))
    assert (body_of(again), digest(body_of(again))) == (body_of(whole), digest(body_of(whole)))


def test_what_is_kept_says_everything_so_that_another_default_changes_no_promise() -> None:
    kept = body_of(file(f"clocks:\n{row(60)}"))

    missing = [name for name in LevelFile.model_fields if f'"{name}":' not in kept]

    assert missing == []


ASKED = (
    "arrival_promised",
    "examined_first",
    "sent_at_once",
    "spare_along",
    "take_away_agreed",
    "transfer_agreed",
    "hand_over_agreed",
    "review",
)


def test_what_only_some_regulations_ask_for_is_asked_under_these_alone() -> None:
    asked = {name: level_from(built_in(f"levels/{name}.yaml"), source=name) for name in PRESETS}

    assert {
        name: [rule for rule in ASKED if getattr(level, rule)]
        for name, level in asked.items()
        if any(getattr(level, rule) for rule in ASKED)
    } == {
        "security": ["arrival_promised", "transfer_agreed", "hand_over_agreed"],
        "tianyi": ["take_away_agreed"],
        "tender": ["examined_first"],
        "kiosk": ["sent_at_once", "review"],
    }


def test_a_level_that_was_kept_before_there_was_a_rule_is_not_bound_by_it() -> None:
    whole = json.loads(body_of(file(f"clocks:\n{row(60)}review: true\nsent_at_once: [urgent]\n")))
    before = json.dumps({name: value for name, value in whole.items() if name not in ASKED})

    level = level_of(file_from(before, source="a row"))

    assert not any(getattr(level, rule) for rule in ASKED)


def test_a_row_says_what_it_promises_and_to_whom() -> None:
    (found,) = [
        one
        for one in level_from(built_in("levels/kiosk.yaml"), source="kiosk.yaml").clocks
        if one.only == {"zone": {"suburban"}, "service_class": {"clerk"}}
    ]

    assert found == ClockRow(
        clock="arrive",
        from_="visit_needed",
        until="arrived",
        target_ms=6 * 3_600_000,
        promised_ms=4 * 3_600_000,
        calendar="always",
        pauses=OUTSIDE,
        only={"service_class": frozenset({"clerk"}), "zone": frozenset({"suburban"})},
        source="S4-21",
    )


def test_who_is_told_how_far_a_clock_has_got_is_settled_where_nobody_says() -> None:
    usual = level_of(file(f"clocks:\n{row(60)}"))
    own = level_of(
        file(
            f"clocks:\n{row(60)}escalation:\n  - {{at: breach, tell: [manager]}}\n"
            "  - {at: breach, tell: [engineer, manager], clocks: [arrive]}\n"
        )
    )

    assert {at: usual.told("arrive", at) for at in ATS} == {
        "50": ("engineer",),
        "80": ("engineer", "dispatcher"),
        "promised": ("engineer", "dispatcher"),
        "breach": ("engineer", "dispatcher", "manager"),
    }
    assert (own.told("arrive", "breach"), own.told("repair", "breach")) == (("manager", "engineer"), ("manager",))
    assert own.told("arrive", "50") == ()


def test_hours_are_read_as_service_hours_are() -> None:
    level = level_of(file(f"calendars:\n  shop: {{hours: 每天 08:00-20:00, holidays: cn}}\nclocks:\n{row(60)}"))

    assert level.calendars["shop"].holidays == "cn"
    assert level.calendars["shop"].hours.startswith('{"hours":{"1":[["08:00","20:00"]]')
    assert level.calendars["always"] == Week(hours=level.calendars["always"].hours)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "clocks: []\n",
            "own.yaml, clocks: expected a list with at least 1 item after validation, not 0, got []",
        ),
        (
            "clocks:\n  - {clock: arive, from: reported, until: arrived, minutes: 60}\n",
            "own.yaml, clocks[0] (arive), clock: expected one of respond, support, solution, depart, arrive, "
            "appointment, repair, mean_repair, restore, total, loan, rma, hand_over, forms, follow_up; "
            "did you mean arrive?, got 'arive'",
        ),
        (
            "clocks:\n  - {clock: arrive, from: reported, until: arrived}\n",
            "own.yaml, clocks[0] (arrive): expected exactly one of minutes, working_days, appointment, "
            "got {'clock': 'arrive', 'from': 'reported', 'until': 'arrived'}",
        ),
        (
            "clocks:\n  - {clock: arrive, from: reported, until: arrived, minutes: 60, zoone: [urban]}\n",
            "own.yaml, clocks[0] (arrive), zoone: unknown key; expected one of clock, from, until, minutes, "
            "working_days, appointment, promised_minutes, calendar, kind, pauses, service_class, severity, zone, "
            "priority, mode, category, source; did you mean zone?",
        ),
        (
            f"clocks:\n{row(60, zone=['downtown'])}",
            "own.yaml, clocks[0] (arrive), zone[0]: expected 'urban', 'suburban', 'elsewhere' or 'remote', "
            "got 'downtown'",
        ),
        (
            "clocks:\n  - {clock: arrive, from: reported, until: arrived, minutes: 60, calendar: ofice}\n"
            "calendars: {office: {hours: '1-5 09:00-18:00'}}\n",
            "own.yaml, clocks[0] (arrive), calendar: expected one of always, office, got 'ofice'; did you mean office?",
        ),
        (
            f"clocks:\n{row(60)}calendars: {{office: {{hours: 9-18}}}}\n",
            "own.yaml, calendars.office, hours: expected service hours: '9-18' has no times; expected 24x7, or days "
            "and times such as 1-5 09:00-18:00; 6 09:00-12:00 (周一至周五 09:00-18:00 works too), got '9-18'",
        ),
        (
            f"clocks:\n{row(60)}calendars: {{always: {{hours: daily 08:00-18:00}}}}\n",
            "own.yaml, calendars.always: is around the clock already; expected another name",
        ),
        (
            f"clocks:\n{row(60, zone=['urban'])}{row(90, severity=['urgent'])}",
            "own.yaml, clocks[1] (arrive): for some tickets nobody could say whether it or clocks[0] counts; "
            "expected one of them to ask for more (service_class, severity, zone, priority, mode, category)",
        ),
        (
            "clocks:\n  - {clock: respond, from: reported, until: acknowledged, minutes: 60, promised_minutes: 90}\n",
            "own.yaml, clocks[0] (respond): expected promised_minutes beside minutes, and not more of them: the "
            "promise is the stricter one, got {'clock': 'respond', 'from': 'reported', 'minutes': 60, ...}",
        ),
        (
            "clocks:\n  - {clock: appointment, from: reported, until: arrived, appointment: true}\n",
            "own.yaml, clocks[0] (appointment): expected an appointment from promised until arrived, "
            "got {'appointment': True, 'clock': 'appointment', 'from': 'reported', ...}",
        ),
        (
            "clocks:\n  - {clock: respond, from: reported, until: reported, minutes: 5}\n",
            "own.yaml, clocks[0] (respond): expected until something else than from: such a clock would never run, "
            "got {'clock': 'respond', 'from': 'reported', 'minutes': 5, ...}",
        ),
        (
            f"clocks:\n{row(60)}both_signatures: nein\n",
            "own.yaml, both_signatures: expected a valid boolean, got 'nein'",
        ),
        (
            f"clocks:\n{row(60)}sent_at_once: [grave]\n",
            "own.yaml, sent_at_once[0]: expected 'urgent', 'major' or 'minor', got 'grave'",
        ),
        (f"clocks:\n{row(60)}reopen_hour: 5\n", None),
    ],
)
def test_a_wrong_level_names_the_file_the_row_the_key_and_what_was_expected(text: str, said: str | None) -> None:
    problems = wrong(text)

    if said is None:
        assert problems[0].endswith("did you mean reopen_hours?")
    else:
        assert problems == [said]


def test_everything_that_is_wrong_is_told_at_once() -> None:
    problems = wrong(f"clocks:\n{row(-1)}{row(60, zone=['x'])}calendars: {{a b: {{hours: 24x7}}}}\n")

    assert [one.partition(":")[0] for one in problems] == [
        "own.yaml, calendars.a b, [key]",
        "own.yaml, clocks[0] (arrive), minutes",
        "own.yaml, clocks[1] (arrive), zone[0]",
    ]


keys = st.sampled_from(["clocks", "level", "calendars", "clock", "minutes"])
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner) | st.dictionaries(keys, inner),
    max_leaves=8,
)


@given(anything)
def test_a_file_that_holds_anything_at_all_is_refused_and_nothing_breaks(document: object) -> None:
    with pytest.raises(RulesError):
        file_from(json.dumps(document), source="any.yaml")


WORDS = {"zone": ["urban", "suburban"], "severity": ["urgent", "major"], "priority": ["urgent", "minor"]}
only = st.fixed_dictionaries(
    {}, optional={fact: st.lists(st.sampled_from(words), min_size=1) for fact, words in WORDS.items()}
)
facts = st.fixed_dictionaries({fact: st.sampled_from(words) for fact, words in WORDS.items()})


@given(st.lists(only, min_size=1, max_size=6), facts)
def test_where_no_two_rows_tie_at_most_one_counts_for_a_ticket(
    asked: list[dict[str, list[str]]], known: dict[str, str]
) -> None:
    rows = [
        ClockRow(
            clock="arrive", from_="reported", until="arrived", target_ms=at, calendar="always",
            only={fact: frozenset(words) for fact, words in one.items()},
        )
        for at, one in enumerate(asked)
    ]  # fmt: skip
    fitting = [one for one in rows if one.fits(Facts(**known))]
    most = max((len(one.only) for one in fitting), default=0)

    if not list(ties(rows)):
        assert sum(len(one.only) == most for one in fitting) <= 1
