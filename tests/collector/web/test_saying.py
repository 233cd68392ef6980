"""Times, spans and numbers as people read them, in both languages; and a word for everything that can be said."""

from fractions import Fraction
from typing import get_args

import pytest

from roundsman_collector.api.telling import reading
from roundsman_collector.config import built_in
from roundsman_collector.core import model
from roundsman_collector.core.lifecycle import STATES, STEPS
from roundsman_collector.core.ticket import COMMUNICATION, OUTCOME_OF_SILENCE
from roundsman_collector.engine.tickets import SEVERITIES
from roundsman_collector.rules.catalogue import rule_set_from
from roundsman_collector.web import words
from roundsman_collector.web.saying import DAY, HOUR, MINUTE, SECOND, Saying
from roundsman_wire.catalogue import POINTS, Language

NOW = 1_763_690_400_000  # 2025-11-21 10:00 in Beijing
ZH, EN = Saying(language="zh", now_ms=NOW), Saying(language="en", now_ms=NOW)


@pytest.mark.parametrize(
    ("ms", "expected"),
    [
        (NOW, "10:00:00"),
        (NOW - 10 * HOUR, "00:00:00"),
        (NOW - 10 * HOUR - 1, "11-20 23:59:59"),
        (NOW - 365 * DAY, "2024-11-21 10:00:00"),
        (None, "–"),
        (2**60, f"{2**60} ms"),
    ],
)
def test_a_time_has_as_much_date_as_it_needs(ms: int | None, expected: str) -> None:
    assert ZH.at(ms) == expected


@pytest.mark.parametrize(
    ("ms", "zh", "en"),
    [
        (0, "0", "0"),
        (999, "999 毫秒", "999 ms"),
        (59_999, "59 秒", "59 s"),
        (MINUTE, "1 分", "1 min"),
        (9 * HOUR + 17 * MINUTE + 5 * SECOND, "9 时 17 分", "9 h 17 min"),
        (3 * DAY + 59 * MINUTE, "3 天", "3 d"),
        (400 * DAY + 5 * HOUR, "400 天 5 时", "400 d 5 h"),
    ],
)
def test_a_span_has_two_units_at_most(ms: int, zh: str, en: str) -> None:
    assert (ZH.span(ms), EN.span(ms)) == (zh, en)


def test_how_long_ago_and_a_clock_that_is_ahead() -> None:
    assert [ZH.ago(NOW - 4 * SECOND), EN.ago(NOW - 3 * HOUR), ZH.ago(NOW + DAY), ZH.ago(None)] == [
        "4 秒前",
        "3 h ago",
        "刚刚",
        "",
    ]


def test_a_share_never_rounds_to_a_lie() -> None:
    assert [ZH.percent(one) for one in (None, Fraction(1), Fraction(99_999_999, 100_000_000), Fraction(0))] == [
        "–",
        "100.00%",
        "99.99%",
        "0.00%",
    ]


@pytest.mark.parametrize(
    ("name", "value", "zh", "en"),
    [
        ("printer.paper", "end", "缺纸", "end"),
        ("printer.paper", "a word of next year", "a word of next year", "a word of next year"),
        ("host.cpu_percent", 12.53, "12.53 %", "12.53 %"),
        ("host.cpu_percent", 41, "41 %", "41 %"),
        ("host.uptime_s", 273_000, "3 天 3 时", "3 d 3 h"),
        ("net.rx_bytes", 123_456_789, "123 MB", "123 MB"),
        ("gnss.hdop", 0.0012, "0.0012", "0.0012"),
        ("clock.max_error_ms", None, "未知", "unknown"),
        ("vendor.thing", 1_234_567, "1,234,567", "1,234,567"),
    ],
)
def test_a_reading_reads_as_people_say_it(name: str, value: object, zh: str, en: str) -> None:
    told = reading(name, value)

    assert (ZH.value(told), EN.value(told)) == (zh, en)


def test_there_is_a_word_for_everything_that_the_collector_says() -> None:
    rules = rule_set_from(built_in("faults.yaml"), source="faults.yaml").rules

    assert set(STEPS) <= set(words.VERBS)
    assert "" not in {EN.word("verb", verb) for verb in STEPS} | {ZH.word("ticket", state) for state in STATES}
    assert ZH.word("verb", "arrive") == "到场"
    assert set(SEVERITIES.values()) == set(words.SEVERITIES)
    assert {rule.service_class for rule in rules} <= set(words.SERVICE_CLASSES)
    assert {*OUTCOME_OF_SILENCE.values(), COMMUNICATION, "recovered", "unknown", "by_person", "void"} <= set(
        words.OUTCOMES
    )
    assert {name.split("[")[0].split(".")[0] for name in POINTS} <= set(words.COMPONENTS)
    causes = {word for line in (model.Segment.__doc__ or "").split("`")[1::2] for word in [line]} - {"to"}
    assert causes <= set(words.CAUSES) | {"cause"}


def test_both_languages_are_the_wires() -> None:
    assert get_args(Language) == words.LANGUAGES
