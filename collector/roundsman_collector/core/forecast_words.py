"""A forecast in one sentence that a customer understands, in both languages. Pure.

    sentence(watch, said, what="磁盘 / 使用率", unit="%", language="zh")
    照目前的速度，磁盘 / 使用率约在 2027-01-15 达到 95%（最早 2027-01-03，最晚 2027-02-02）；目前 74.2%，约每周 +2.9%。

`what` and `unit` come from the wire's catalogue. Where no date is told, the sentence says why not.
"""

from collections.abc import Callable, Mapping
from typing import Literal

from roundsman_collector.core.forecast import Forecast, Watch
from roundsman_collector.core.local_days import date_of

Language = Literal["zh", "en"]

WHYS: Mapping[str, tuple[str, str]] = {
    "silent": ("最近没有读数", "nothing was read lately"),
    "no_limit": ("没有设定限值", "nobody said what is too much"),
    "jump": ("刚更换或重置过，数据天数不足", "it was exchanged or set anew; too few days since"),
    "too_few": ("数据天数不足", "too few days"),
    "reached": ("已超过限值", "beyond its limit already"),
    "no_trend": ("没有明显变差", "does not clearly get worse"),
    "far": ("在变差，但离限值还远", "gets worse, but the limit is far off"),
}
"""Why no date is told, in a few words."""


def sentence(watch: Watch, said: Forecast, *, what: str, unit: str, language: Language) -> str:
    """The forecast, or why there is none, as one sentence."""
    return _ZH[said.why](watch, said, what, unit) if language == "zh" else _EN[said.why](watch, said, what, unit)


def number(value: float, unit: str) -> str:
    """A number with its unit, as exact as anybody needs it."""
    digits = 0 if value == round(value) or abs(value) >= 100 else 1 if abs(value) >= 1 else 2
    text = f"{value:,.{digits}f}".replace("-0", "0") if round(value, digits) == 0 else f"{value:,.{digits}f}"
    return f"{text}{'' if unit in ('', '%') else ' '}{unit}"


def _rate(said: Forecast, unit: str) -> str:
    """The change in a week, with its sign."""
    assert said.slope is not None
    weekly = said.slope.per_day * 7
    return f"{'+' if weekly > 0 else '−'}{number(abs(weekly), unit)}"


def _day(day: int | None) -> str:
    assert day is not None
    return date_of(day).isoformat()


def _now(said: Forecast, unit: str) -> str:
    assert said.slope is not None
    return number(said.slope.level, unit)


def _limit(said: Forecast, unit: str) -> str:
    assert said.limit is not None
    return number(said.limit, unit)


Words = Callable[[Watch, Forecast, str, str], str]

_ZH: Mapping[str, Words] = {
    "": lambda watch, said, what, unit: (
        f"照目前的速度，{what}约在 {_day(said.likely)} {'达到' if watch.towards == 'up' else '降到'} "
        f"{_limit(said, unit)}（最早 {_day(said.earliest)}，最晚 {_day(said.latest)}）；"
        f"目前 {_now(said, unit)}，约每周 {_rate(said, unit)}。"
    ),
    "silent": lambda watch, said, what, unit: f"{what}最近没有读数，无法预测。",
    "no_limit": lambda watch, said, what, unit: f"{what}没有设定限值，无法预测。",
    "jump": lambda watch, said, what, unit: (
        f"{what}在 {_day(said.jump)} 突变（更换、清理或重新设定过），之后的天数还不足以预测。"
    ),
    "too_few": lambda watch, said, what, unit: f"{what}的数据不足 {watch.least_days} 天，暂不预测。",
    "reached": lambda watch, said, what, unit: (
        f"{what}已超过限值：目前 {_now(said, unit)}，限值 {_limit(said, unit)}。"
    ),
    "no_trend": lambda watch, said, what, unit: (
        f"{what}没有明显变差：目前 {_now(said, unit)}，限值 {_limit(said, unit)}。"
    ),
    "far": lambda watch, said, what, unit: (
        f"{what}在缓慢变差（约每周 {_rate(said, unit)}），但离限值 {_limit(said, unit)} 还远，暂不给出日期。"
    ),
}
_EN: Mapping[str, Words] = {
    "": lambda watch, said, what, unit: (
        f"At this rate {what} {'reaches' if watch.towards == 'up' else 'falls to'} {_limit(said, unit)} "
        f"about {_day(said.likely)} ({_day(said.earliest)} at the earliest, {_day(said.latest)} at the latest); "
        f"now {_now(said, unit)}, about {_rate(said, unit)} a week."
    ),
    "silent": lambda watch, said, what, unit: f"No forecast: {what} was not read lately.",
    "no_limit": lambda watch, said, what, unit: f"No forecast: nobody said what is too much for {what}.",
    "jump": lambda watch, said, what, unit: (
        f"No forecast: {what} changed at once on {_day(said.jump)} (exchanged, cleaned up or set anew), "
        "and there are too few days since."
    ),
    "too_few": lambda watch, said, what, unit: f"No forecast yet: fewer than {watch.least_days} days of {what}.",
    "reached": lambda watch, said, what, unit: (
        f"{what} is beyond its limit already: {_now(said, unit)}, the limit is {_limit(said, unit)}."
    ),
    "no_trend": lambda watch, said, what, unit: (
        f"{what} does not clearly get worse: {_now(said, unit)}, the limit is {_limit(said, unit)}."
    ),
    "far": lambda watch, said, what, unit: (
        f"{what} gets slowly worse (about {_rate(said, unit)} a week), "
        f"but {_limit(said, unit)} is too far off for a date."
    ),
}
