"""Warnings that others can cause: once, not once a message."""

import logging

import pytest

from roundsman_agent.rarely import EVERY_MS, Rarely


def test_a_kind_of_trouble_is_told_once_and_later_with_how_often_it_came(caplog: pytest.LogCaptureFixture) -> None:
    rarely = Rarely(logging.getLogger("roundsman.test"))

    for now in (0, 5, 9, EVERY_MS - 1, EVERY_MS, EVERY_MS + 1):
        rarely.warn("garbage", now, "garbage %r", b"x")
    rarely.warn("other", 6, "something else")

    assert [record.getMessage() for record in caplog.records] == [
        "garbage b'x'",
        "garbage b'x' (and 3 like it before)",
        "something else",
    ]
