"""Ids and topics: `rm/1/{group}/{agent}/{leaf}`, parsed and built in one place.

An id (group, agent, device, place) is `[a-z0-9][a-z0-9_-]{0,62}`: no dots, blanks or wildcards, so that every broker
maps it alike (NATS turns a topic level into a subject token). The broker's permissions bind {group}/{agent} to the
credential; the collector compares them again with what a message says.
"""

import re
from typing import NamedTuple

ROOT = "rm/1"
ID_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,62}$"
_ID = re.compile(ID_PATTERN.removesuffix("$") + r"\Z")
_PAGE = re.compile(r"(?:[2-9]|[1-9][0-9]{1,2})\Z")

BIRTH = "birth"
STATE = "state"
REPORT = "report"
HISTORY = "history"
ACK = "ack"
COMMAND = "cmd"
COLLECTOR = "_collector"
CONFIG = "config"
UP = (BIRTH, STATE, REPORT, HISTORY)
DOWN = (ACK, COMMAND, CONFIG)

LIVE_FILTERS = (f"{ROOT}/+/+/{REPORT}", f"{ROOT}/+/+/{BIRTH}", f"{ROOT}/+/+/{BIRTH}/+", f"{ROOT}/+/+/{STATE}")
HISTORY_FILTERS = (f"{ROOT}/+/+/{HISTORY}",)


class TopicError(ValueError):
    """A topic or id that the contract does not know."""


class Address(NamedTuple):
    """Who published what: the parts of an upward topic. `page` is 1 unless the topic is `birth/{page}`."""

    group: str
    agent: str
    leaf: str
    page: int = 1


def is_id(text: str) -> bool:
    """Whether `text` may name a group, agent, device or place."""
    return _ID.match(text) is not None


def checked_id(text: str, what: str) -> str:
    """Return `text` if it is an id; raise TopicError saying `what` was meant to be one."""
    if not is_id(text):
        raise TopicError(f"{what} {text[:80]!r} is not an id: expected 1-63 of a-z 0-9 _ -, not starting with _ or -")
    return text


def up(group: str, agent: str, leaf: str, page: int = 1) -> str:
    """The topic an agent publishes on; `page` counts the pages of a large birth."""
    return f"{ROOT}/{group}/{agent}/{leaf}" if page == 1 else f"{ROOT}/{group}/{agent}/{leaf}/{page}"


def down(group: str, agent: str, leaf: str) -> str:
    """The topic an agent listens to."""
    return f"{ROOT}/{group}/{agent}/{leaf}"


def collector_state(group: str) -> str:
    """The retained topic where the collector of a group says online, its epoch and when to come back."""
    return f"{ROOT}/{group}/{COLLECTOR}/{STATE}"


def is_collector_state(topic: str) -> bool:
    """Whether a topic is one of those `collector_state` builds: no agent's, though it looks like one's."""
    parts = topic.split("/")
    return len(parts) == 5 and parts[3:] == [COLLECTOR, STATE] and topic.startswith(ROOT + "/")


def parse_up(topic: str) -> Address:
    """Take an upward topic apart; raise TopicError for anything the contract does not know."""
    parts = topic.split("/")
    if len(parts) in (5, 6) and parts[0] == "rm" and parts[1] == "1" and parts[4] in UP:
        _, _, group, agent, leaf, *rest = parts
        page = 1
        if rest:
            if leaf != BIRTH or not _PAGE.match(rest[0]):
                raise TopicError(f"topic {topic[:200]!r}: only a birth has further pages, numbered 2 to 999")
            page = int(rest[0])
        if is_id(group) and is_id(agent):
            return Address(group, agent, leaf, page)
    raise TopicError(f"topic {topic[:200]!r} is not {ROOT}/{{group}}/{{agent}}/{{{'|'.join(UP)}}}")
