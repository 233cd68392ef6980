"""The printed page of a round: a frozen document -> what paper.html shows. Everything it says is in the document.

    paper(document, saying)                    what the template needs, in the reader's language
    paper_file(document, saying)               the whole page as one file, style sheet included

The page is a document of its own (templates/paper.html, static/print.css), not one of the console: it is opened as a
file, printed, signed and filed. It reads in black and white: a verdict is a sign and a word, a strip has heights and
hatchings. Its times are those of the site.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from markupsafe import Markup

from roundsman_collector.api import telling
from roundsman_collector.core.inspection import ANSWERS
from roundsman_collector.core.looking import MODES
from roundsman_collector.web.drawing import svg
from roundsman_collector.web.page import STATIC, environment
from roundsman_collector.web.saying import EPOCH, SITE_ZONE, Saying
from roundsman_collector.web.shown import component_name
from roundsman_collector.web.strip import Stretch, pieces
from roundsman_collector.web.words import N_
from roundsman_collector.web.zoned import zone_name
from roundsman_wire.catalogue import FAILURES

Json = Mapping[str, Any]
NO_PICTURES: Mapping[int, str] = {}
STRIP_HEIGHT = 18
AXIS = 5
STRIP_STATES = ("up", "down", "unknown", "warning", "maintenance", "closed")

VERDICTS: Mapping[str, str] = {
    "pass": N_("pass"),
    "attention": N_("attention"),
    "fail": N_("fail"),
    "unseen": N_("not seen"),
}
UNREACHED: Mapping[str, str] = {
    "no_agent": N_("no agent speaks for this device"),
    "refused": N_("the agent refused"),
    "silent": N_("the agent is silent since %(at)s"),
    "no_result": N_("the agent did not answer in time; last heard of the device at %(at)s"),
    "no_answer": N_("the device does not answer its agent since %(at)s"),
    "not_sampled": N_("the agent sent no sample of the device"),
}
UNREACHED_EVER: Mapping[str, str] = {
    "no_result": N_("the agent did not answer in time; the device was never heard of"),
    "no_answer": N_("the device does not answer its agent"),
}
"""The same, where nobody knows since when."""
WHY_UNSEEN: Mapping[str, str] = {"old": N_("old reading, %(at)s"), "unknown": N_("the device does not know")}
KINDS_OF_ROUND: Mapping[str, str] = {"site": N_("Site"), "group": N_("Monitoring group"), "device": N_("Device")}


def paper(document: Json, saying: Saying, pictures: Mapping[int, str] = NO_PICTURES) -> dict[str, Any]:
    """What the page shows. `pictures`: the signatures as addresses that hold the picture itself, by file."""
    about = document["round"]
    when = Clock(about)
    return {
        "say": saying,
        "about": about,
        "name": both(saying, about["name"]),
        "customer": both(saying, about["customer"]),
        "of_what": saying(KINDS_OF_ROUND[about["kind"]]),
        "when": when,
        "times": _times(document["times"], saying),
        "verdicts": [
            {"verdict": name, "word": saying(VERDICTS[name]), "count": count}
            for name, count in reversed(document["verdicts"].items())
        ],
        "devices": [_device(one, about, saying, when) for one in document["devices"]],
        "zone": zone_name(saying, when.zone),
        "looked": _looked(document.get("looked"), saying, when, pictures),
    }


def _looked(looked: Json | None, saying: Saying, when: "Clock", pictures: Mapping[int, str]) -> dict[str, Any] | None:
    """What people found and signed; None: nobody had to look, or the document is older than that."""
    if looked is None:
        return None
    return {
        "mode": saying.pair(MODES[looked["mode"]]),
        "questions": [_tick(one, saying, when) for one in looked["questions"]],
        "counts": [(name, saying(word), looked["verdicts"][name]) for name, word in VERDICTS.items()],
        "finished": when(looked["finished_ms"]),
        "finished_by": looked["finished_by"],
        "rest": looked["rest"],
        "unsigned": looked["unsigned"],
        "since": when(looked["since_ms"]),
        "since_round": looked["since_round"],
        "signed": {
            one["side"]: {"name": one["name"], "at": when(one["at_ms"]), "picture": pictures.get(one["file"], "")}
            for one in looked["signed"]
        },
    }


def _tick(tick: Json, saying: Saying, when: "Clock") -> dict[str, Any]:
    """A tick or question with what was found; older documents have its label alone."""
    verdict = tick.get("verdict")
    return {
        "label": both(saying, tick),
        "verdict": verdict,
        "word": "" if verdict is None else saying(VERDICTS[verdict]),
        "words": tick.get("words", ""),
        "photos": list(tick.get("files", ())),
        "who": tick.get("who", ""),
        "at": "" if tick.get("at_ms") is None else when(tick["at_ms"]),
    }


def paper_file(document: Json, saying: Saying, pictures: Mapping[int, str] = NO_PICTURES) -> str:
    """The page as one file that needs nothing beside it."""
    style = Markup((STATIC / "print.css").read_text("utf-8"))
    return (
        environment(saying.language)
        .get_template("paper.html")
        .render(**paper(document, saying, pictures), inlined=style, back=None, api=None)
    )


def both(saying: Saying, label: Json | None) -> str:
    """A label in the reader's language."""
    return "" if label is None else str(label[saying.language])


class Clock:
    """Times as they stand on paper: always with their date, for nobody knows when it is read."""

    def __init__(self, about: Json) -> None:
        self.zone = about["time_zone"] or str(SITE_ZONE)
        self._zone = ZoneInfo(self.zone)

    def __call__(self, ms: int | None) -> str:
        """A second; a dash where there is none, or where no calendar has it."""
        if ms is None:
            return "–"
        try:
            return f"{(EPOCH + timedelta(milliseconds=ms)).astimezone(self._zone):%Y-%m-%d %H:%M:%S}"
        except OverflowError:
            return f"{ms} ms"

    def minute(self, ms: int) -> str:
        """A minute, as it stands under a strip."""
        return self(ms)[:16]


def _times(times: Json, saying: Saying) -> dict[str, Any]:
    return {
        "availability": saying.percent(_share(times["availability"])),
        "coverage": saying.percent(_share(times["coverage"])),
        **{name: saying.span(times[f"{name}_ms"]) if times[f"{name}_ms"] else "0" for name in SHARES},
        "outages": times["outages"],
    }


SHARES = ("up", "down", "unknown", "excluded", "base", "longest")


def _share(text: str | None) -> Fraction | None:
    return None if text is None else Fraction(text)


def _device(one: Json, about: Json, saying: Saying, when: Clock) -> dict[str, Any]:
    window = (about["from_ms"], min(about["to_ms"], about["known_ms"]))
    times = _times(one["times"], saying)
    title = saying("availability %(availability)s, coverage %(coverage)s", **times)
    strip = [Stretch(begin, end, state) for begin, end, state in one["strip"] if state in STRIP_STATES]
    return {
        "id": one["id"],
        "name": both(saying, one["name"]),
        "kind": saying.word("kind", one["kind"]),
        "model": one["model"],
        "serial": one["serial"],
        "place": both(saying, one["place"]),
        "agent": one["agent"],
        "word": one["word"],
        "verdict": one["verdict"],
        "verdict_word": saying(VERDICTS[one["verdict"]]),
        "unreached": _unreached(one["unreached"], saying, when),
        "times": times,
        "strip": svg(pieces(strip, window, window[1]), height=STRIP_HEIGHT, text=title),
        "axis": [when.minute(window[0] + (window[1] - window[0]) * place // (AXIS - 1)) for place in range(AXIS)],
        "lines": [_line(line, one, saying, when) for line in one["lines"]],
        "others": [_reading(reading, saying, when) for reading in one["others"]],
        "failures": [_failure(failure, saying) for failure in one["failures"]],
        "outages": [_outage(outage, saying, when) for outage in one["outages"]],
        "tickets": [_ticket(line, saying, when) for line in one["tickets"]],
        "ticks": [_tick(tick, saying, when) for tick in one["ticks"]],
        "since": [_past(fault, saying, when) for fault in one.get("since", ())],
    }


def _past(fault: Json, saying: Saying, when: Clock) -> dict[str, Any]:
    return {
        "fault": both(saying, fault["name"]),
        "component": component_name(saying, fault["component"]),
        "from": when(fault["from_ms"]),
        "to": when(fault["to_ms"]),
    }


def _unreached(why: Json | None, saying: Saying, when: Clock) -> str:
    """Why nobody saw it, with the agent's own words."""
    if why is None:
        return ""
    reason, since_ms = why["reason"], why["since_ms"]
    table = UNREACHED_EVER if since_ms is None and reason in UNREACHED_EVER else UNREACHED
    said = saying(table[reason], at=when(since_ms))
    return f"{said} ({why['detail']})" if reason == "refused" and why["detail"] else said


def _line(line: Json, one: Json, saying: Saying, when: Clock) -> dict[str, Any]:
    is_answer = line["component"] == ANSWERS
    return {
        "component": saying("communication") if is_answer else component_name(saying, line["component"]),
        "is_answer": is_answer,
        "verdict": line["verdict"],
        "word": saying(VERDICTS[line["verdict"]]),
        "measured": [_reading(reading, saying, when) for reading in line["measured"]],
        "beside": [_reading(reading, saying, when) for reading in line["beside"]],
        "faults": [
            saying("%(fault)s since %(at)s", fault=both(saying, fault["name"]), at=when(fault["from_ms"]))
            for fault in line["faults"]
        ],
    }


def _reading(reading: Json, saying: Saying, when: Clock) -> dict[str, Any]:
    told = telling.reading(reading["name"], reading["value"])
    why = reading["why"]
    return {
        "name": told[f"name_{saying.language}"],
        "value": saying.value(told),
        "limit": " · ".join(_limit(limit, reading["name"], saying) for limit in reading["limits"]),
        "verdict": reading["verdict"],
        "note": _note(why, reading["t_ms"], saying, when),
        "is_fresh": reading["is_fresh"],
    }


def _note(why: str, t_ms: int, saying: Saying, when: Clock) -> str:
    """Why a reading was not seen."""
    if why in WHY_UNSEEN:
        return saying(WHY_UNSEEN[why], at=when(t_ms))
    return failure_name(why, saying) if why else ""


def failure_name(code: str, saying: Saying) -> str:
    """What people call a failure of a probe."""
    return FAILURES[code].of(saying.language) if code in FAILURES else code


def _limit(limit: Json, name: str, saying: Saying) -> str:
    """A limit as a sign and a number, or the words that it must not be."""
    if limit["form"] == "one_of":
        words = [telling.reading(name, word)[f"word_{saying.language}"] for word in limit["words"]]
        return saying("not: %(words)s", words=("、" if saying.language == "zh" else ", ").join(words))
    sign = "≤" if limit["form"] == "above" else "≥"
    return f"{sign} {saying.value(telling.reading(name, limit['number']))}"


def _failure(failure: Sequence[str], saying: Saying) -> str:
    name, code, detail = failure
    said = failure_name(code, saying)
    named = telling.reading(name, None)[f"name_{saying.language}"]
    return f"{named}: {said}" + (f" ({detail})" if detail else "")


def _outage(outage: Json, saying: Saying, when: Clock) -> dict[str, Any]:
    fault = both(saying, outage["name"]) if outage["fault"] else saying.word("cause", outage["cause"])
    return {
        "from": when(outage["from_ms"]),
        "to": when(outage["to_ms"]),
        "lasted": saying.span(outage["to_ms"] - outage["from_ms"]),
        "fault": fault,
    }


def _ticket(line: Json, saying: Saying, when: Clock) -> dict[str, Any]:
    ticket = line["ticket"]
    return {
        "number": ticket["number"],
        "fault": both(saying, line["name"]),
        "component": component_name(saying, ticket["component"]),
        "severity": saying.word("severity", ticket["severity"]),
        "state": saying.word("ticket", ticket["state"]),
        "from": when(ticket["fault_from_ms"]),
        "to": when(ticket["fault_to_ms"]),
        "outcome": saying.word("outcome", ticket["outcome"]),
    }
