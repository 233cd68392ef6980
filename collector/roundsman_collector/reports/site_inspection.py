"""设备巡检报告: what was inspected at a site in a month or a quarter, for the customer to sign (S4-33). Pure.

Availability and tickets of the period, the verdicts of its newest round line by line with number, limit and evidence,
who was not seen and why.
"""

from roundsman_collector.reports import inspected, looked, worse
from roundsman_collector.reports.by_clock import by_clock
from roundsman_collector.reports.document import Document
from roundsman_collector.reports.head import paper
from roundsman_collector.reports.site import Site
from roundsman_collector.reports.site_parts import devices, faults, notes, overview, plans, signatures, strips, tickets
from roundsman_wire.catalogue import Label

TITLE = Label(zh="设备巡检报告", en="Inspection report")
NEWEST = Label(
    zh="巡检结论取本期内最近一次对该设备的巡检；每个部件列出决定结论的读数。",
    en="Verdicts are those of the newest round of the period that was about the device; of each component stands the "
    "reading that decided.",
)


def build(site: Site) -> Document:
    """The report."""
    seen = site.inspected
    return paper(
        site.head,
        form="site_inspection",
        title=TITLE,
        parts=(
            overview(site),
            strips(site),
            devices(site),
            plans(site),
            inspected.verdicts(seen),
            inspected.lines(seen, title=Label(zh="巡检明细", en="What was inspected")),
            inspected.unseen(seen),
            looked.table(site.marks, title=Label(zh="人工检查", en="What people looked at")),
            faults(site),
            worse.worst(site.worst),
            worse.foretold(site.foretold),
            tickets(site),
            by_clock(site.clocks),
            notes(site, NEWEST, worse.METHOD),
            signatures(),
        ),
    )
