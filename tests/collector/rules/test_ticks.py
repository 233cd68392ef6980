"""What only a person can see: read from the file that travels with the program, or refused with what is wrong."""

import pytest

from roundsman_collector.config import built_in
from roundsman_collector.rules.shape import RulesError
from roundsman_collector.rules.ticks import for_kind, ticks_from

EVERYWHERE = len(for_kind(ticks_from(built_in("ticks.yaml"), source="ticks.yaml"), "no such kind"))


@pytest.mark.parametrize("kind", ["kiosk", "nvr", "camera", "ups", "vehicle"])
def test_each_kind_has_ticks_of_its_own_in_both_languages(kind: str) -> None:
    found = for_kind(ticks_from(built_in("ticks.yaml"), source="ticks.yaml"), kind)

    assert len(found) > EVERYWHERE > 0
    assert all(one.zh and one.en for one in found)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("ticks: [{zh: 清洁}]", "en: expected this field, got nothing"),
        ("ticks: [{zh: 清洁, en: clean, kind: [kiosk]}]", "ticks.0.kind"),
        ("ticks: [{zh: 清洁, en: clean, kinds: kiosk}]", "ticks.0.kinds"),
        ("ticks: {", "is no YAML"),
        ("", "ours.yaml"),
    ],
)
def test_a_file_that_cannot_be_used_says_where(text: str, told: str) -> None:
    with pytest.raises(RulesError, match=told):
        ticks_from(text, source="ours.yaml")
