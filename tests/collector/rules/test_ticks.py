"""What only a person can see: read from the file that travels with the program, or refused with what is wrong."""

import pytest

from roundsman_collector.config import built_in
from roundsman_collector.core.looking import Mode
from roundsman_collector.rules.shape import RulesError
from roundsman_collector.rules.ticks import for_kind, for_mode, questions_from, ticks_from

EVERYWHERE = len(for_kind(ticks_from(built_in("ticks.yaml"), source="ticks.yaml"), "no such kind"))


@pytest.mark.parametrize("kind", ["kiosk", "nvr", "camera", "ups", "vehicle"])
def test_each_kind_has_ticks_of_its_own_in_both_languages(kind: str) -> None:
    found = for_kind(ticks_from(built_in("ticks.yaml"), source="ticks.yaml"), kind)

    assert len(found) > EVERYWHERE > 0
    assert all(one.label.zh and one.label.en for one in found)


def test_what_a_photo_is_asked_for_is_said_in_the_file() -> None:
    found = {one.id: one for one in ticks_from(built_in("ticks.yaml"), source="ticks.yaml")}

    assert found["housing"].photo == "needed"
    assert found["cleaned"].beside == "temperature"
    assert found["touch"].photo == ""
    assert found["consumables"].beside == "consumables"
    assert found["consumables"].kinds == {"kiosk", "printer", "ups"}


@pytest.mark.parametrize(("mode", "least"), [("remote", 0), ("phone", 3), ("visit", 3), ("call", 3)])
def test_each_round_with_people_asks_its_questions(mode: Mode, least: int) -> None:
    found = for_mode(questions_from(built_in("questions.yaml"), source="questions.yaml"), mode)

    assert len(found) >= least
    assert bool(found) == bool(least)
    assert all(one.label.zh and one.label.en for one in found)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("ticks: [{id: a, zh: 清洁}]", r"ticks\[0\].en: expected this field, got nothing"),
        ("ticks: [{zh: 清洁, en: clean}]", r"ticks\[0\].id"),
        ("ticks: [{id: a, zh: 清洁, en: clean, kind: [kiosk]}]", r"ticks\[0\].kind"),
        ("ticks: [{id: a, zh: 清洁, en: clean, kinds: kiosk}]", r"ticks\[0\].kinds"),
        ("ticks: [{id: a, zh: 清洁, en: clean, photo: always}]", r"ticks\[0\].photo"),
        ("ticks: [{id: a, zh: 清洁, en: clean}, {id: a, zh: 看, en: look}]", "a: stands 2 times"),
        ("ticks: {", "ours.yaml"),
        ("", "ours.yaml"),
    ],
)
def test_a_file_that_cannot_be_used_says_where(text: str, told: str) -> None:
    with pytest.raises(RulesError, match=told):
        ticks_from(text, source="ours.yaml")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("questions: [{id: a, zh: 问, en: ask, modes: []}]", r"questions\[0\].modes"),
        ("questions: [{id: a, zh: 问, en: ask, modes: [letter]}]", r"questions\[0\].modes"),
        ("questions: [{id: a, zh: 问, en: ask, modes: [phone], answered_by: hope}]", r"questions\[0\].answered_by"),
    ],
)
def test_a_question_that_cannot_be_used_says_where(text: str, told: str) -> None:
    with pytest.raises(RulesError, match=told):
        questions_from(text, source="ours.yaml")
