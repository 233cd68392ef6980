"""What is watched for getting worse: read from the file that travels with us, or refused with what is wrong."""

import pytest

from roundsman_collector.config import built_in
from roundsman_collector.core.policy import Above, Below
from roundsman_collector.core.rulebook import resolved
from roundsman_collector.rules.catalogue import rule_set_from
from roundsman_collector.rules.shape import RulesError
from roundsman_collector.rules.trends import Trends, limit_name, limit_of, trends_from

FAULTS = rule_set_from(built_in("faults.yaml"), source="faults.yaml")


@pytest.fixture(scope="module")
def trends() -> Trends:
    return trends_from(built_in("trends.yaml"), source="trends.yaml")


def test_every_limit_of_a_fault_is_there_and_lies_where_it_gets_worse(trends: Trends) -> None:
    policy = resolved(FAULTS)
    whens = {rule.code: rule.when for rule in policy.rules}

    for watch in trends.watches:
        if watch.fault:
            assert limit_of(watch, policy) is not None, watch.code
            assert isinstance(whens[watch.fault], Above if watch.towards == "up" else Below), watch.code


def test_a_reading_is_kept_if_it_is_watched_or_a_limit(trends: Trends) -> None:
    asked = (
        "disk[/var].used_percent",
        "channel[3].required_days",
        "host.cpu_percent",
        "no such reading",
        "printer.paper",
    )

    assert [trends.is_kept(name) for name in asked] == [True, True, False, False, False]


def test_the_limit_of_a_channel_is_its_own(trends: Trends) -> None:
    watch = trends.watch_of("channel[3].retained_days")

    assert watch is not None
    assert limit_name(watch, "channel[3].retained_days") == "channel[3].required_days"


ROW = "code: a, zh: 甲, en: a, of: last, towards: up, least_days: 14, jump: 1"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"trends: [{{{ROW}, readings: [ups.runtime_mim], limit: 1}}]", "did you mean ups.runtime_min"),
        (f"trends: [{{{ROW}, readings: [printer.paper], limit: 1}}]", "is a word"),
        (f"trends: [{{{ROW}, readings: [ups.runtime_min]}}]", "one of limit, fault, limit_reading"),
        (f"trends: [{{{ROW}, readings: [ups.runtime_min], limit: 1, wen: 2}}]", r"trends\[0\].wen \(a\): unknown key"),
        (f"trends: [{{{ROW}, readings: [ups.runtime_min, ups.runtime_min], limit: 1}}]", "stands 2 times"),
        ("trends: []", "trends"),
        ("trends: {", "line 1"),
    ],
)
def test_a_file_that_cannot_be_used_says_where(text: str, told: str) -> None:
    with pytest.raises(RulesError, match=told):
        trends_from(text, source="ours.yaml")
