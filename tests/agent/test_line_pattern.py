"""Expressions of the configuration: what is used, what is refused, and how long the worst that is used takes."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_agent.line_pattern import LINE_LIMIT, compiled
from roundsman_agent.probe import ProbeError


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("交易成功|TXN OK", "2026-11-22 10:03:22 交易成功"),
        (r"^(?P<time>[0-9:]{8}) .*SUCCESS", "10:03:22 pay SUCCESS"),
        (r"\[[^\]]+\] trade=\w+ result=(OK|DONE)", "[x] trade=12 result=OK"),
        (r"(?i)(\d{1,3}\.){3}\d{1,3} end$", "10.1.2.3 END"),
        (r"(?:ab){5,}", "ababababab"),
        (r"(?<=x)y", "xy"),
    ],
)
def test_what_people_write_is_used(text: str, line: str) -> None:
    assert compiled(text).search(line)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (r"(a+)+$", "repeats a repetition"),
        (r"(a*)*b", "repeats a repetition"),
        (r"(?:a|ab)*c", "repeats alternatives"),
        (r"((x|y+)z)+", "repeats alternatives"),
        (r"(\w?){30}z", "repeats a repetition"),
        (r"(a+)\1", "looks back at a group"),
        (r".*a.*b.*c.*d", "4 open repetitions"),
        (r"(", "no regular expression"),
        (r"a{99999999999}", "no regular expression"),
        ("a" * 600, "600 characters"),
        ("(" * 400, "no regular expression"),
    ],
)
def test_what_could_search_for_ever_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(ProbeError, match="bad_setting") as caught:
        compiled(text)

    assert why in caught.value.detail


@pytest.mark.parametrize(
    ("text", "letters"),
    [(r"x*x*y", "x"), (r"x*x*x*y", "x"), (r".*x.*x.*y", "x"), (r"(?:ab)*(?:ab)*c", "ab"), (r"(?:x|y){0,4}x*x*y", "x")],
)
def test_a_line_made_on_purpose_costs_less_than_a_second(text: str, letters: str) -> None:
    line = letters * LINE_LIMIT
    begin = time.thread_time()

    assert compiled(text).search(line) is None

    assert time.thread_time() - begin < 1.5


@pytest.mark.filterwarnings("ignore::FutureWarning")
@given(st.text(alphabet="ab(|)*+?{}1,.[]^$\\", max_size=20))
def test_whatever_stands_there_is_used_or_refused(text: str) -> None:
    try:
        compiled(text).search("ab" * 20)
    except ProbeError as error:
        assert error.code == "bad_setting"
