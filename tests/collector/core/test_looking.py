"""What people may write down in a round, and what is missing of it."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector.core.inspection import WORST
from roundsman_collector.core.looking import MODES, STATES, Line, Progress, Standing, Wish, dated, marks, refusal
from roundsman_collector.core.looking import signatures as signed_of

NOTHING = Progress(8, 0, dict.fromkeys(WORST, 0))
ALL = Progress(8, 8, {"pass": 7, "attention": 1, "fail": 0, "unseen": 0})
VISIT = Standing(
    mode="visit", state="open", version=12, progress=ALL, ticked=10, signed={"engineer": 11, "customer": 12}
)
TICK = Wish(verb="tick", device="kiosk-7", item="housing", verdict="pass", photo="")
FINISH = Wish(verb="finish", version=12)


def cause(standing: Standing, wish: Wish) -> str | None:
    why = refusal(standing, wish)
    return None if why is None else why.cause


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, None),
        ({"photo": None}, "no_item"),
        ({"verdict": "good"}, "no_verdict"),
        ({"verdict": "fail"}, "no_words"),
        ({"verdict": "fail", "words": " \n"}, "no_words"),
        ({"verdict": "attention", "words": "a scratch"}, None),
        ({"verdict": "unseen"}, "no_words"),
        ({"photo": "needed"}, "no_photo"),
        ({"photo": "needed", "files": (7,)}, None),
        ({"photo": "needed", "verdict": "unseen", "words": "the hall was locked"}, None),
        ({"photo": "wanted"}, None),
    ],
)
def test_a_tick_says_what_was_found_with_words_and_a_photo_where_they_are_needed(
    changes: dict[str, Any], told: str | None
) -> None:
    assert cause(VISIT, replace(TICK, **changes)) == told


@pytest.mark.parametrize("verb", ["tick", "sign", "finish"])
def test_a_remote_round_is_its_agents_alone(verb: Any) -> None:
    assert cause(replace(VISIT, mode="remote"), replace(TICK, verb=verb)) == "remote"


@pytest.mark.parametrize("verb", ["tick", "sign", "finish"])
@pytest.mark.parametrize("state", ["answered", "done"])
def test_nothing_is_written_once_a_round_is_finished(verb: Any, state: str) -> None:
    assert cause(replace(VISIT, state=state), replace(TICK, verb=verb)) == "finished"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, None),
        ({"item": "neighbour"}, "no_side"),
        ({"words": ""}, "no_name"),
        ({"files": ()}, "no_name"),
        ({"files": (1, 2)}, "no_name"),
        ({"version": 11}, "changed"),
    ],
)
def test_who_signs_has_a_name_and_has_seen_what_is_signed(changes: dict[str, Any], told: str | None) -> None:
    wish = Wish(verb="sign", item="customer", words="王小姐", files=(3,), version=12)

    assert cause(VISIT, replace(wish, **changes)) == told


@pytest.mark.parametrize(
    ("standing", "wish", "told"),
    [
        ({}, {}, None),
        ({"state": "running"}, {}, "running"),
        ({}, {"version": 11}, "changed"),
        ({"progress": NOTHING}, {}, "missing"),
        ({"progress": NOTHING}, {"rest": "the shop was closed"}, None),
        ({"signed": {}}, {}, "no_engineer"),
        ({"signed": {"engineer": 11}}, {}, "no_customer"),
        ({"signed": {"engineer": 11}}, {"unsigned": "nobody was there"}, None),
        ({"signed": {"engineer": 9, "customer": 11}}, {}, "signed_before"),
        ({"mode": "phone", "signed": {}}, {}, None),
        ({"mode": "call", "signed": {}, "progress": NOTHING}, {}, "missing"),
    ],
)
def test_a_round_is_finished_when_all_is_found_and_signed_or_words_say_why_not(
    standing: dict[str, Any], wish: dict[str, Any], told: str | None
) -> None:
    assert cause(replace(VISIT, **standing), replace(FINISH, **wish)) == told


LINES = st.lists(
    st.builds(
        Line,
        id=st.just(0),
        verb=st.sampled_from(["tick", "sign", "finish"]),
        device=st.sampled_from(["", "kiosk-7", "nvr-2"]),
        item=st.sampled_from(["housing", "engineer"]),
        verdict=st.sampled_from(WORST),
        words=st.just(""),
        files=st.just(()),
        who=st.just("li"),
        at_ms=st.integers(0, 9),
        known_ms=st.just(9),
        data=st.just({}),
    )
)


@given(LINES)
def test_the_last_line_of_each_item_counts_whenever_it_was_made(log: list[Line]) -> None:
    log = [line._replace(id=number) for number, line in enumerate(log, 1)]

    found = marks(log)

    for line in log:
        if line.verb == "tick":
            last = found[line.device, line.item]
            assert last.id >= line.id
            assert last.verb == "tick"
    assert {line.id for line in found.values()} <= {line.id for line in log}
    assert set(signed_of(log)) == {line.item for line in log if line.verb == "sign"}


@given(st.sampled_from([*MODES]), st.sampled_from(["running", "open", "answered", "done"]), st.integers(0, 3))
def test_nobody_finishes_what_is_not_open_or_lacks_something_without_a_word(mode: Any, state: str, found: int) -> None:
    standing = Standing(mode=mode, state=state, version=1, progress=Progress(3, found, {}), ticked=0, signed={})

    may = cause(standing, Wish(verb="finish", unsigned="nobody was there")) is None

    assert may == (mode in ("phone", "call") and state == "open" and found == 3)
    assert standing.progress.missing == 3 - found
    assert (cause(standing, TICK) is None) == (mode != "remote" and state in STATES)


@given(st.one_of(st.none(), st.integers(-(2**60), 2**60)), st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_tick_is_dated_within_its_round_whatever_the_phone_says(
    said: int | None, asked_ms: int, took_ms: int
) -> None:
    now_ms = asked_ms + took_ms

    assert asked_ms <= dated(said, asked_ms, now_ms) <= now_ms
