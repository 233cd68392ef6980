"""Every kind of report: a row for each. A new kind is `reports/<kind>.py`, `issuing/<kind>.py` and a row here.

    KINDS["sla"].make(view, asked, head) -> Document         gathered through the API's own doors, built purely

`gather(view, asked, head) -> Inputs` asks the View for what the API would answer for the same window, as far as
`asked.audience` reaches; `build(inputs) -> Document` sets it on paper. No kind computes a figure of its own.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from roundsman_collector.issuing import acceptance as gathered_acceptance
from roundsman_collector.issuing import cctv_quarter as gathered_cctv
from roundsman_collector.issuing import engineer_performance as gathered_performance
from roundsman_collector.issuing import handed_in as gathered_handed_in
from roundsman_collector.issuing import monthly_file as gathered_file
from roundsman_collector.issuing import online_bulletin as gathered_bulletin
from roundsman_collector.issuing import site as gathered_site
from roundsman_collector.issuing import sla as gathered_sla
from roundsman_collector.issuing import statistics as gathered_statistics
from roundsman_collector.issuing import weekly as gathered_weekly
from roundsman_collector.issuing.about import Asked, ReportError, ScopeWord
from roundsman_collector.reports import (
    acceptance,
    cctv_quarter,
    engineer_performance,
    handed_in,
    monthly_file,
    online_bulletin,
    site_inspection,
    sla,
    statistics,
    weekly,
)
from roundsman_collector.reports.document import Document
from roundsman_collector.reports.head import Head
from roundsman_collector.store import View
from roundsman_collector.wording import short
from roundsman_wire.catalogue import Label

Inputs = TypeVar("Inputs")
Make = Callable[[View, Asked, Head], Document]


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportKind:
    """A kind of report. `letters` stand in its numbers. `scopes`: what it can be about; `cycles`: words of CYCLES."""

    id: str
    letters: str
    title: Label
    scopes: tuple[ScopeWord, ...]
    cycles: tuple[str, ...]
    make: Make
    sections: Mapping[str, Label] = field(default_factory=dict)
    """What people may write words for before it is issued (store/report_words.py)."""

    def number(self, asked: Asked) -> str:
        """The number that every revision of such a report has: SLA-2026-10-metro-c."""
        return "-".join(part for part in (self.letters, asked.period.id, asked.about.id) if part)

    def document(self, view: View, asked: Asked, *, revision: int = 1, is_provisional: bool = True) -> Document:
        """The report as known at `asked.known_ms`; ReportError for what this kind cannot be about."""
        self.check(asked)
        head = asked.head(self.number(asked), revision=revision, is_provisional=is_provisional)
        return self.make(view, asked, head)

    def check(self, asked: Asked) -> None:
        """Refuse what this kind cannot be about, and periods that it has none of."""
        for where, said, known in (("scope", asked.about.scope, self.scopes), ("period", asked.cycle, self.cycles)):
            if said not in known:
                raise ReportError(
                    cause="value",
                    what=f"there is no report {self.id} for one {said}",
                    where=where,
                    expected=" or ".join(known),
                    do=f"choose another {where}",
                )


def made(gather: Callable[[View, Asked, Head], Inputs], build: Callable[[Inputs], Document]) -> Make:
    """A kind's two halves as one."""
    return lambda view, asked, head: build(gather(view, asked, head))


KINDS: Mapping[str, ReportKind] = {
    one.id: one
    for one in (
        ReportKind(
            id="sla",
            letters="SLA",
            title=sla.TITLE,
            scopes=("contract",),
            cycles=("month", "quarter", "half_year", "year"),
            make=made(gathered_sla.gather, sla.build),
        ),
        ReportKind(
            id="site_inspection",
            letters="XJ",
            title=site_inspection.TITLE,
            scopes=("site",),
            cycles=("month", "quarter", "half_year", "year"),
            make=made(gathered_site.gather, site_inspection.build),
        ),
        ReportKind(
            id="engineer_performance",
            letters="JX",
            title=engineer_performance.TITLE,
            scopes=("engineer", "company"),
            cycles=("month", "quarter", "half_year", "year"),
            make=made(gathered_performance.gather, engineer_performance.build),
        ),
        ReportKind(
            id="online_bulletin",
            letters="ZX",
            title=online_bulletin.TITLE,
            scopes=("group", "company"),
            cycles=("week", "month", "quarter"),
            make=made(gathered_bulletin.gather, online_bulletin.build),
        ),
        ReportKind(
            id="statistics",
            letters="TJ",
            title=statistics.TITLE,
            scopes=("contract", "customer"),
            cycles=("month", "quarter", "half_year", "year"),
            make=made(gathered_statistics.gather, statistics.build),
            sections=gathered_statistics.SECTIONS,
        ),
        ReportKind(
            id="acceptance",
            letters="YS",
            title=acceptance.TITLE,
            scopes=("site",),
            cycles=("week", "month", "quarter", "half_year"),
            make=made(gathered_acceptance.gather, acceptance.build),
        ),
        ReportKind(
            id="weekly",
            letters="ZB",
            title=weekly.TITLE,
            scopes=("company",),
            cycles=("week", "month"),
            make=made(gathered_weekly.gather, weekly.build),
        ),
        ReportKind(
            id="monthly_file",
            letters="YD",
            title=monthly_file.TITLE,
            scopes=("company",),
            cycles=("month",),
            make=made(gathered_file.gather, monthly_file.build),
        ),
        ReportKind(
            id="handed_in",
            letters="ZL",
            title=handed_in.TITLE,
            scopes=("company",),
            cycles=("week", "month", "quarter"),
            make=made(gathered_handed_in.gather, handed_in.build),
        ),
        ReportKind(
            id="cctv_quarter",
            letters="AF",
            title=cctv_quarter.TITLE,
            scopes=("site",),
            cycles=("quarter",),
            make=made(gathered_cctv.gather, cctv_quarter.build),
        ),
    )
}


def kind_of(name: str) -> ReportKind:
    """A kind by its id; ReportError for what is none."""
    found = KINDS.get(name)
    if found is None:
        raise ReportError(
            cause="value",
            what=f"there is no kind of report {short(name)}",
            where="kind",
            expected=" or ".join(KINDS),
            do="choose another kind",
        )
    return found
