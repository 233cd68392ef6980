"""Who goes: in which order people are suggested, why, and what nobody is hidden for."""

from typing import Any

import pytest

from roundsman_collector.core.going import (
    RANKS,
    WARNINGS,
    WORDS,
    Candidate,
    Facts,
    Reason,
    Skill,
    best,
    skill_warnings,
    suggest,
)

NOW = 1_000_000
FACTS = Facts(
    subject="kiosk-7",
    kind="kiosk",
    component="printer",
    group="south",
    customer="metro",
    site="metro-a",
    place="metro-1",
    zone="urban",
    place_engineer="place.li",
    site_engineer="site.wang",
    points=frozenset({"tianhe"}),
    asks_for_skill=True,
)
KIOSK = (Skill(kind="kiosk"),)


def candidate(login: str, **more: Any) -> Candidate:
    return Candidate(
        login=login, name=login, role=more.pop("role", "engineer"), skills=more.pop("skills", KIOSK), **more
    )


def order(*candidates: Candidate) -> list[str]:
    return [one.candidate.login for one in suggest(FACTS, candidates, NOW)]


def test_the_responsible_one_comes_first_then_the_point_then_duty_then_skill_then_load() -> None:
    everybody = [
        candidate("loaded", load=3),
        candidate("free"),
        candidate("unskilled", skills=()),
        candidate("backup", duty="backup", load=9),
        candidate("primary", duty="primary", load=9),
        candidate("point", point="tianhe", load=9),
        candidate("site.wang", load=9),
        candidate("place.li", load=9, visit="2026-000001"),
        candidate("boss", role="manager"),
        candidate("out", visit="2026-000002", load=1),
        candidate("off", point="tianhe", duty="primary", is_off=True),
    ]

    found = order(*reversed(everybody))

    assert found == [
        "place.li",
        "site.wang",
        "point",
        "primary",
        "backup",
        "free",
        "loaded",
        "out",
        "boss",
        "unskilled",
        "off",
    ]


def test_equals_stand_by_login_so_that_the_order_never_jumps() -> None:
    assert order(candidate("b"), candidate("a"), candidate("c")) == ["a", "b", "c"]


def test_everybody_comes_with_reasons_in_both_languages() -> None:
    one = candidate("site.wang", point="tianhe", duty="backup", load=2, visit="2026-000007")

    (found,) = suggest(FACTS, [one], NOW)

    assert [reason.told("en") for reason in found.reasons] == [
        "responsible for the site",
        "of service point tianhe, which covers the site",
        "on backup duty now",
        "skilled for kiosk",
        "is out for ticket 2026-000007",
        "has 2 tickets now",
    ]
    assert found.reasons[3].told("zh", "自助终端") == "具备自助终端维修技能"
    assert found.warnings == ()


def test_a_point_that_does_not_cover_the_site_is_no_reason() -> None:
    (found,) = suggest(FACTS, [candidate("li", point="panyu")], NOW)

    assert [reason.code for reason in found.reasons] == ["skilled", "idle"]


# Shows S4-19.
@pytest.mark.parametrize(
    ("skills", "warnings"),
    [
        ((), ["no_skill"]),
        ((Skill(kind="nvr"),), ["no_skill"]),
        ((Skill(kind="kiosk"),), []),
        ((Skill(kind="kiosk", component="printer"),), []),
        ((Skill(kind="kiosk", component="cash"),), ["no_skill"]),
        ((Skill(kind="kiosk", until_ms=NOW),), ["skill_over"]),
        ((Skill(kind="kiosk", until_ms=NOW + 1),), []),
        ((Skill(kind="kiosk", until_ms=NOW), Skill(kind="kiosk", component="printer")), []),
    ],
)
def test_who_is_not_qualified_is_warned_about_not_hidden(skills: tuple[Skill, ...], warnings: list[str]) -> None:
    (found,) = suggest(FACTS, [candidate("li", skills=skills)], NOW)

    assert [reason.code for reason in found.warnings] == warnings


def test_a_component_with_an_instance_is_asked_for_by_its_kind() -> None:
    facts = Facts(subject="nvr-2", kind="nvr", component="disk[/data]", asks_for_skill=True)

    assert skill_warnings(facts, [Skill(kind="nvr", component="disk")], NOW) == ()
    assert skill_warnings(facts, [Skill(kind="nvr", component="camera")], NOW) == (Reason("no_skill", "nvr"),)


def test_where_nobody_keeps_skills_nobody_lacks_one() -> None:
    facts = Facts(subject="kiosk-7", kind="kiosk", asks_for_skill=False)

    assert skill_warnings(facts, [], NOW) == ()


def test_the_best_is_the_first_whom_nothing_speaks_against_and_something_for() -> None:
    off = candidate("place.li", is_off=True)
    unskilled = candidate("site.wang", skills=())
    good = candidate("li", duty="primary")

    assert [
        found and found.candidate.login
        for found in (
            best(suggest(FACTS, [off, unskilled, good], NOW)),
            best(suggest(FACTS, [off, unskilled], NOW)),
            best(()),
        )
    ] == ["li", None, None]


def test_somebody_who_merely_has_no_ticket_is_not_the_best() -> None:
    facts = Facts(subject="#metro-a", site="metro-a")

    assert best(suggest(facts, [candidate("li", skills=())], NOW)) is None


def test_every_warning_has_words_and_every_rank_a_name() -> None:
    assert set(WORDS) >= WARNINGS
    assert len({name for name, _ in RANKS}) == len(RANKS)
