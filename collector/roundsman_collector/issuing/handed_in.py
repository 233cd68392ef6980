"""What is handed in of a period: /conversations, /records, faults by their cause, and /slips."""

from datetime import date

from roundsman_collector.issuing import monthly_file, weekly
from roundsman_collector.issuing.about import Asked
from roundsman_collector.issuing.names import labels
from roundsman_collector.reports.handed_in import BAD, SHEETS, QualityRow, RecordsInputs, SlipLine
from roundsman_collector.reports.head import Head
from roundsman_collector.roles import EVERYTHING
from roundsman_collector.store import View
from roundsman_collector.store.slips import SlipFilter


def gather(view: View, asked: Asked, head: Head) -> RecordsInputs:
    """Everything that is handed in."""
    return RecordsInputs(
        head=head,
        talks=weekly.talks_of(view, asked),
        tickets=monthly_file.gather(view, asked, head).rows,
        quality=_quality(view, asked),
        slips={kind: _slips(view, asked, kind) for kind in SHEETS},
    )


def _quality(view: View, asked: Asked) -> tuple[QualityRow, ...]:
    found = view.faults(EVERYTHING, (asked.from_ms, asked.to_ms), asked.known_ms).faults
    bad = sorted((one for one in found if one.cause in BAD), key=lambda one: one.ticket)
    customers = labels(view, "customer", (one.customer for one in bad))
    return tuple(
        QualityRow(
            number=one.number,
            from_ms=one.from_ms,
            customer=customers.get(one.customer),
            device=one.device,
            model=one.model,
            fault=asked.fault(one.code),
            cause=one.cause,
        )
        for one in bad
    )


def _slips(view: View, asked: Asked, kind: str) -> tuple[SlipLine, ...]:
    days = asked.period.first_day.isoformat(), asked.period.last_day.isoformat()
    found = [
        (row, said)
        for row, said in view.slips_said(EVERYTHING, SlipFilter(kind=kind, first_day=days[0], last_day=days[1]))
        if row.made_ms < asked.known_ms
    ]
    customers = labels(view, "customer", (row.customer for row, _ in found))
    sites = labels(view, "site", (row.site for row, _ in found))
    people = view.people_names()
    return tuple(
        SlipLine(
            number=row.number,
            day=date.fromisoformat(row.day),
            customer=customers.get(row.customer),
            site=sites.get(row.site),
            device=row.device or "",
            engineer=people.get(row.engineer, row.engineer),
            state=row.state,
            values=said.values,
        )
        for row, said in found
    )
