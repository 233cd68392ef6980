"""Ids and topics: what is one, what is none, and that building and taking apart are each other's reverse."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_wire import topics
from roundsman_wire.topics import Address, TopicError

ids = st.from_regex(re.compile(topics.ID_PATTERN.removesuffix("$") + r"\Z"))


@pytest.mark.parametrize("text", ["a", "7", "kiosk-7", "bus_31", "0-_", "a" * 63])
def test_these_are_ids(text: str) -> None:
    assert topics.is_id(text)
    assert topics.checked_id(text, "the device") == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-a",
        "_collector",
        "Kiosk",
        "kiosk 7",
        "kiosk.7",
        "a/b",
        "a+",
        "#",
        "a" * 64,
        "kiosk-7\n",
        "机",
        "ｋ",
        "a\x00",
    ],
)
def test_these_are_none_and_the_error_says_what_was_meant(text: str) -> None:
    assert not topics.is_id(text)
    with pytest.raises(TopicError, match=r"^the device '.*' is not an id: expected 1-63 of a-z 0-9 _ -"):
        topics.checked_id(text, "the device")


@given(ids, ids, st.sampled_from([(leaf, 1) for leaf in topics.UP] + [("birth", page) for page in (2, 9, 10, 999)]))
def test_an_upward_topic_is_taken_apart_as_it_was_built(group: str, agent: str, leaf: tuple[str, int]) -> None:
    assert topics.parse_up(topics.up(group, agent, *leaf)) == Address(group, agent, *leaf)


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "rm/1",
        "rm/1/south/kiosk-7",
        "rm/1/south/kiosk-7/",
        "rm/1/south/kiosk-7/ack",
        "rm/1/south/kiosk-7/cmd",
        "rm/1/south/_collector/state",
        "rm/2/south/kiosk-7/report",
        "RM/1/south/kiosk-7/report",
        "/rm/1/south/kiosk-7/report",
        "rm/1/south/kiosk-7/report/",
        "rm/1/south/kiosk-7/report/2",
        "rm/1/south/kiosk-7/birth/",
        "rm/1/south/kiosk-7/birth/0",
        "rm/1/south/kiosk-7/birth/1",
        "rm/1/south/kiosk-7/birth/02",
        "rm/1/south/kiosk-7/birth/1000",
        "rm/1/south/kiosk-7/birth/-2",
        "rm/1/south/kiosk-7/birth/٣",
        "rm/1/south/kiosk-7/birth/2/3",
        "rm/1/South/kiosk-7/report",
        "rm/1/south/+/report",
        "rm/1/south/kiosk-7/report\n",
        "$SYS/broker/version",
    ],
)
def test_a_topic_that_the_contract_does_not_know_is_refused(topic: str) -> None:
    with pytest.raises(TopicError):
        topics.parse_up(topic)


def test_a_page_of_five_thousand_digits_is_refused_like_any_other() -> None:
    with pytest.raises(TopicError, match="numbered 2 to 999"):
        topics.parse_up("rm/1/south/kiosk-7/birth/0002" + "9" * 5000)


@given(
    st.text()
    | st.lists(st.sampled_from(["rm", "1", "south", "kiosk-7", "birth", "2", "+", ""]), max_size=8).map("/".join)
)
def test_whatever_topic_comes_it_is_an_address_or_a_refusal(topic: str) -> None:
    try:
        address = topics.parse_up(topic)
    except TopicError:
        return

    assert topics.up(*address) == topic


def matches(topic_filter: str, topic: str) -> bool:
    """MQTT's own rule for `+`, which is all that our filters use."""
    wanted, parts = topic_filter.split("/"), topic.split("/")
    return len(wanted) == len(parts) and all(a in ("+", b) for a, b in zip(wanted, parts, strict=True))


@pytest.mark.parametrize("leaf", topics.UP)
def test_every_upward_topic_is_heard_on_exactly_one_of_the_two_subscriptions(leaf: str) -> None:
    topic = topics.up("south", "kiosk-7", leaf)

    live = [one for one in topics.LIVE_FILTERS if matches(one, topic)]
    history = [one for one in topics.HISTORY_FILTERS if matches(one, topic)]

    assert (len(live), len(history)) == ((0, 1) if leaf == topics.HISTORY else (1, 0))


def test_the_pages_of_a_large_birth_are_heard_live() -> None:
    assert any(matches(one, topics.up("south", "kiosk-7", topics.BIRTH, 12)) for one in topics.LIVE_FILTERS)


def test_nobody_hears_what_goes_down() -> None:
    down = [topics.down("south", "kiosk-7", leaf) for leaf in topics.DOWN]

    assert down == ["rm/1/south/kiosk-7/ack", "rm/1/south/kiosk-7/cmd", "rm/1/south/kiosk-7/config"]
    assert not any(matches(one, topic) for one in topics.LIVE_FILTERS + topics.HISTORY_FILTERS for topic in down)


def test_no_agent_can_be_called_like_the_collector() -> None:
    topic = topics.collector_state("south")

    assert topic == "rm/1/south/_collector/state"
    assert not topics.is_id(topic.split("/")[3])
