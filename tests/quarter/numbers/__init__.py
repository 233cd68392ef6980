"""Every number of a report beside what the API says of the same window, known at the same time.

    unlike(api, preview) -> ["sla SLA-2026-11-bank: Availability / None / Down: (3,) instead of (4,)", ...]
    unseen(api, preview) -> numbers that could be another one without anybody noticing

A number that nobody compares is told as well: a new part has to stand in KINDS, with where its numbers are asked for.
Where the API has no sum for a window, it is made here of single things: tickets, rounds, tasks, intervals.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from starlette.testclient import TestClient

from tests.quarter.numbers import bulletin, camera, papers, promises, seen, shared, statistics
from tests.quarter.numbers.ask import Ask
from tests.quarter.numbers.compare import Line, Rows, by_part, differences, is_number, spoilt
from tests.quarter.numbers.site import About, foretold, plans, tickets, worst

__all__ = ["unlike", "unseen"]

Where = Callable[[Ask], Rows]


def unlike(api: TestClient, found: Mapping[str, Any]) -> list[str]:
    """Numbers of a report that are not those of the API, and numbers that nobody compares."""
    return list(Beside(api, found).unlike(found["lines"]))


def unseen(api: TestClient, found: Mapping[str, Any]) -> list[str]:
    """The same, and every number that could be wrong and nobody would say so."""
    beside = Beside(api, found)
    wrong = list(beside.unlike(found["lines"]))
    told = [one for one in beside.unlike(spoilt(found["lines"])) if "nobody compares" not in one]
    numbers = sum(is_number(line["value"]) for line in found["lines"])
    return wrong if len(told) == numbers else [*wrong, f"{beside.name}: of {numbers} numbers {len(told)} are looked at"]


class Beside:
    """A report beside what the API says, which is asked once."""

    def __init__(self, api: TestClient, found: Mapping[str, Any]) -> None:
        self.ask = Ask(api, found)
        self.kind: str = found["kind"]
        self.name = f"{found['kind']} {found['number']}"
        self._expected: dict[str, Rows] = {}

    def unlike(self, lines: Sequence[Line]) -> Iterator[str]:
        """Part by part; a part that is not there is compared with what it should say, too."""
        told = by_part(lines)
        names = [part for part in KINDS[self.kind] if not any(_is_called(one, part) for one in told)]
        for part in [*told, *names]:
            found = differences(part, told.get(part, {}), self._rows(part))
            yield from (f"{self.name}: {one}" for one in found)

    def _rows(self, part: str) -> Rows:
        if part not in self._expected:
            where = where_of(self.kind, part)
            self._expected[part] = {} if where is None else where(self.ask)
        return self._expected[part]


def where_of(kind: str, part: str) -> Where | None:
    """Where the numbers of a part can be asked for."""
    parts = {**KINDS[ANY], **KINDS[kind]}
    return next((where for title, where in parts.items() if _is_called(part, title)), None)


def _is_called(part: str, title: str) -> bool:
    """Whether a part bears a title of KINDS; one that ends in * stands for all that begin so."""
    return part.startswith(title[:-1]) if title.endswith("*") else part == title


ANY = ""
WHOLE = About()
SITE: Mapping[str, Where] = {
    "Tickets of the period": tickets,
    "Not seen, and why": WHOLE.unseen,
    "Planned, and done": plans,
    "The period's worst values": worst,
    "What gets worse, and what to take along": foretold,
}
KINDS: Mapping[str, Mapping[str, Where]] = {
    ANY: {
        "": shared.head,
        "By clock": shared.by_clock,
        "Figures of service": shared.figures_of_service,
    },
    "sla": {
        "What was late": promises.late,
        "Pauses by reason": promises.pauses,
        "Tickets in no figure": shared.left_out,
        "Availability": promises.whole,
        "By site": promises.by_site,
    },
    "site_inspection": {
        **SITE,
        "Overview": WHOLE.overview,
        "Uptime": WHOLE.strips,
        "Devices": WHOLE.devices,
        "Verdicts": seen.verdicts,
        "What was inspected": WHOLE.lines,
        "What people looked at": seen.looked(),
        "Faults seen in the period": WHOLE.faults,
    },
    "acceptance": {
        "Acceptance": camera.acceptance,
        "Overview": camera.TRIAL.overview,
        "Installed, started, running": camera.started,
        "Uptime": camera.TRIAL.strips,
        "Devices": camera.TRIAL.devices,
        "What was measured": camera.TRIAL.lines,
        "Not seen, and why": camera.TRIAL.unseen,
        "Tickets of the period": tickets,
        "What people looked at": seen.looked(),
        "Faults seen in the period": camera.TRIAL.faults,
    },
    "cctv_quarter": {
        **SITE,
        "Overview": WHOLE.overview,
        "Uptime": WHOLE.strips,
        "State, and the quarter's worst": camera.control_room,
        "Hosts and cabinets, one by one": seen.ticks("cleaned"),
        "Every device, one by one": seen.ticks("cleaned", "lens", "print_head", "bill_acceptor"),
        "Lines looked at": seen.looked("tightened", "cables"),
        "Adjusted": seen.looked("adjusted"),
        "Upgraded": seen.looked("upgraded"),
        "Temperatures and fans": seen.warmth,
        "Troubles of ports": camera.ports,
        "Measured against limits": seen.measured,
        "Connection of every point": camera.points,
    },
    "engineer_performance": {
        "Power-on rate by engineer": promises.rate_by_engineer,
        "Power-on rate by month": promises.rate_by_month,
        "Devices, the worst first": promises.rate_by_device,
        "Arrivals in time": promises.by_engineer,
        "Repairs": promises.by_engineer,
        "Nothing left out": promises.by_engineer,
        "Calls": promises.by_engineer,
        "Two promises": promises.by_engineer,
        "Not solved in time: tickets": promises.behind("unsolved"),
        "Not followed up in time: tickets": promises.behind("unfollowed"),
        "Second repairs: tickets": promises.behind("mended_again"),
        "What customers said": promises.said,
    },
    "online_bulletin": {
        "By monitoring centre": bulletin.centres,
        "Centres by share online": bulletin.shares,
        "Why not": bulletin.reasons,
        "Each of them": bulletin.missing,
    },
    "statistics": {
        "Altogether": statistics.altogether,
        "Month by month": statistics.by_month,
        "By site": statistics.by_site,
        "The worst devices": statistics.worst_devices,
        "Faults": statistics.counted,
        "Classes of faults (Pareto)": statistics.bars,
        "By class": statistics.ranked("class"),
        "By component": statistics.ranked("component"),
        "By cause": statistics.ranked("cause", "causes"),
        "By fault": statistics.ranked("fault"),
        "By model": statistics.ranked("model"),
        "In no count": statistics.left_out,
        "What was done": statistics.ranked("done", "done"),
        "Parts used": statistics.ranked("part", "parts", "Pieces"),
        "What came again and again": statistics.warned,
        "What would lower the rate": statistics.measures,
        "Satisfaction and follow-ups": statistics.opinion,
        "Marks": statistics.marks,
        "In their words": statistics.words,
        "Planned for *": statistics.planned,
        "What is to wear out": statistics.worn,
        "What ends": statistics.ends,
        "Advice": statistics.advice,
    },
    "weekly": {
        "By kind": papers.kinds,
        "Each conversation": papers.talks,
        "By way of report": papers.sources,
        "Each request": papers.requests,
    },
    "handed_in": {
        "Altogether": papers.handed_in,
        "Each conversation": papers.talks,
        papers.SERVICE.en: papers.opened,
        papers.QUALITY.en: papers.quality,
        **{papers.KINDS[kind].title.en: papers.slips(kind) for kind in papers.SHEETS},
    },
    "monthly_file": {"Altogether": papers.file_of_all, "By ticket": papers.file_by_ticket},
}
"""By the kind of report ("": any) and the title above the numbers."""
