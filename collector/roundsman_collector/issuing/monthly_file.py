"""What the monthly file lists: /records of the month, with the names of the register."""

from roundsman_collector.issuing.about import Asked
from roundsman_collector.issuing.names import labels
from roundsman_collector.reports.head import Head
from roundsman_collector.reports.monthly_file import FileInputs, FileRow
from roundsman_collector.roles import EVERYTHING
from roundsman_collector.store import View
from roundsman_collector.store.kept import KeptAsked


def gather(view: View, asked: Asked, head: Head) -> FileInputs:
    """Everything that the file lists."""
    found = view.records(KeptAsked(scope=EVERYTHING, from_ms=asked.from_ms, to_ms=asked.to_ms, now_ms=asked.known_ms))
    customers = labels(view, "customer", (one.customer for one in found))
    people = view.people_names()
    return FileInputs(
        head=head,
        rows=tuple(
            FileRow(
                number=one.number,
                opened_ms=one.opened_ms,
                customer=customers.get(one.customer),
                fault=asked.fault(one.code),
                engineer=people.get(one.engineer or "", one.engineer or ""),
                state=one.state,
                steps=one.steps,
                files=one.files,
                reviewed_by="" if one.review is None else people.get(one.review.who, one.review.who),
                reviewed_ms=None if one.review is None else one.review.at_ms,
                accepted=None if one.review is None else one.review.accepted,
            )
            for one in found
        ),
    )
