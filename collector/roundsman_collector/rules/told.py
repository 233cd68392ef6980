"""How a rule reads: its condition as a sentence in both languages. Pure.

seen(rule.when, "zh")      "磁盘 … 使用率高于 95%，降到 92% 才算恢复"
seen(rule.when, "en")      "disk … use above 95%, over at 92%"
"""

from roundsman_collector.core.lifecycle import OWN_FAULTS
from roundsman_collector.core.policy import Above, Below, Builtin, Fails, Is, Restarts, Rule, When
from roundsman_collector.core.rulebook import RuleSet
from roundsman_collector.rules.written import full_name
from roundsman_wire.catalogue import FAILURES, POINTS, UNITS, Label, Language

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
ROOTS = {"power": Label(zh="供电", en="power"), "uplink": Label(zh="上联", en="uplink")}


def labels(rules: RuleSet) -> dict[str, Label]:
    """What people call faults, by code; also those that no rule sees."""
    own = {code: Label(zh=zh, en=en) for code, (zh, en) in OWN_FAULTS.items()}
    return {rule.code: Label(zh=rule.zh, en=rule.en) for rule in rules.rules} | own


def seen(when: When, language: Language) -> str:
    """When a fault holds."""
    return _chinese(when) if language == "zh" else _english(when)


def seen_by(rule: Rule, language: Language) -> str:
    """The same with what must hold beside it."""
    told = seen(rule.when, language)
    if rule.only_while is None:
        return told
    beside = seen(rule.only_while, language)
    return f"{told}；同时{beside}" if language == "zh" else f"{told}; only while {beside}"


def _chinese(when: When) -> str:
    match when:
        case Is(reading=reading, words=words):
            return f"{_name(reading, 'zh')}为{'、'.join(_word(reading, word, 'zh') for word in words)}"
        case Above(reading=reading, limit=limit, clear=clear, per=per):
            over = "" if clear == limit else f"，降到 {_number(reading, clear, per, 'zh')} 才算恢复"
            return f"{_measured(reading, per, 'zh')}高于 {_number(reading, limit, per, 'zh')}{over}"
        case Below(reading=reading, limit=limit, clear=clear, per=per):
            over = "" if clear == limit else f"，升到 {_number(reading, clear, per, 'zh')} 才算恢复"
            return f"{_measured(reading, per, 'zh')}低于 {_number(reading, limit, per, 'zh')}{over}"
        case Fails(probe=probe, codes=codes):
            why = f"（{'、'.join(FAILURES[code].zh for code in codes if code in FAILURES)}）" if codes else ""
            return f"探针 {probe} 读不到数据{why}，而设备有其他读数"
        case Restarts(count=count, within_ms=within_ms):
            return f"{_span(within_ms, 'zh')}内启动 {count} 次及以上"
        case Builtin(what="silent"):
            return "超过约定时间没有收到任何数据"
        case Builtin():
            return "设备无应答，而同一采集端的其他设备有应答"


def _english(when: When) -> str:
    match when:
        case Is(reading=reading, words=words):
            return f"{_name(reading, 'en')} is {' or '.join(_word(reading, word, 'en') for word in words)}"
        case Above(reading=reading, limit=limit, clear=clear, per=per):
            over = "" if clear == limit else f", over at {_number(reading, clear, per, 'en')}"
            return f"{_measured(reading, per, 'en')} above {_number(reading, limit, per, 'en')}{over}"
        case Below(reading=reading, limit=limit, clear=clear, per=per):
            over = "" if clear == limit else f", over at {_number(reading, clear, per, 'en')}"
            return f"{_measured(reading, per, 'en')} below {_number(reading, limit, per, 'en')}{over}"
        case Fails(probe=probe, codes=codes):
            why = f" ({', '.join(FAILURES[code].en for code in codes if code in FAILURES)})" if codes else ""
            return f"probe {probe} gets nothing{why} while the device has other readings"
        case Restarts(count=count, within_ms=within_ms):
            return f"started {count} times or more within {_span(within_ms, 'en')}"
        case Builtin(what="silent"):
            return "nothing came within the time that was promised"
        case Builtin():
            return "no answer, though others on the same road answer"


def _name(shape: str, language: Language) -> str:
    name = full_name(shape)
    point = POINTS.get(name)
    return name if point is None else point.label.of(language).replace("{instance}", "…")


def _word(shape: str, word: str, language: Language) -> str:
    point = POINTS.get(full_name(shape))
    return word if point is None or word not in point.words else point.words[word].of(language)


def _measured(shape: str, per: str, language: Language) -> str:
    return f"{_name(shape, language)} ÷ {_name(per, language)}" if per else _name(shape, language)


def _number(shape: str, value: float, per: str, language: Language) -> str:
    point = POINTS.get(full_name(shape))
    sign = "" if per or point is None else UNITS[point.unit].of(language)
    return f"{value:g}{sign}" if sign in ("%", "°", "") else f"{value:g} {sign}"


def _span(ms: int, language: Language) -> str:
    if ms % HOUR_MS == 0:
        return f"{ms // HOUR_MS} 小时" if language == "zh" else f"{ms // HOUR_MS} h"
    return f"{ms / 60_000:g} 分钟" if language == "zh" else f"{ms / 60_000:g} min"
