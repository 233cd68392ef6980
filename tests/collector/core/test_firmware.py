"""Versions of firmware: compared by their numbers, within a model, and never with what nobody has."""

from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector.core.firmware import Behind, Version, Versioned, behind, inventory, order

FLEET = (
    Versioned("nvr-1", "DS-7616", "V4.9.0 build 220101"),
    Versioned("nvr-2", "DS-7616", "V4.62.210 build 230516"),
    Versioned("nvr-3", "DS-7616", "V4.62.210 build 230516"),
    Versioned("nvr-4", "DS-9632", "V4.1"),
    Versioned("nvr-5", "", "V3.0"),
    Versioned("nvr-6", "", "V2.0"),
)
fleets = st.lists(
    st.builds(Versioned, st.text("ab1", min_size=1), st.sampled_from(["", "x", "y"]), st.text("V.0129 b", min_size=1))
)


def test_a_device_is_behind_the_newest_of_its_own_model_alone() -> None:
    assert behind(FLEET) == [Behind("nvr-1", "DS-7616", "V4.9.0 build 220101", "V4.62.210 build 230516")]


def test_an_inventory_has_every_version_once_the_newest_first() -> None:
    assert inventory(FLEET) == [
        Version("", "V3.0", 1, False),
        Version("", "V2.0", 1, False),
        Version("DS-7616", "V4.62.210 build 230516", 2, True),
        Version("DS-7616", "V4.9.0 build 220101", 1, False),
        Version("DS-9632", "V4.1", 1, True),
    ]


def test_ten_is_newer_than_nine_and_words_do_not_matter() -> None:
    assert order("V4.10") > order("V4.9")
    assert behind([Versioned("a", "m", "v1.2"), Versioned("b", "m", "V1.2")]) == []


@given(fleets)
def test_whoever_has_the_newest_is_never_behind_and_every_device_is_counted(fleet: list[Versioned]) -> None:
    found = inventory(fleet)

    newest = {(one.model, one.version) for one in found if one.is_newest}
    assert sum(one.devices for one in found) == len(fleet)
    assert not any((one.model, one.version) in newest for one in behind(fleet))
    assert {model for model, _ in newest} == {one.model for one in fleet if one.model}
