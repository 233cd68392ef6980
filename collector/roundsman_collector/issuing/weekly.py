"""What the weekly report is made of: /conversations, /kept by source, and the tickets of the week."""

from collections import Counter

from roundsman_collector.core.kept import LEFT_OUT
from roundsman_collector.issuing.about import Asked
from roundsman_collector.issuing.figures import MOST
from roundsman_collector.issuing.names import labels
from roundsman_collector.reports.head import Head
from roundsman_collector.reports.weekly import Request, SourceRow, Talk, WeeklyInputs
from roundsman_collector.reports.words import SOURCES
from roundsman_collector.roles import EVERYTHING
from roundsman_collector.store import TicketRow, View
from roundsman_collector.store.kept import Behind, KeptAsked
from roundsman_collector.store.records import KINDS
from roundsman_wire.catalogue import Label

ASKED = Label(zh="咨询", en="inquiry")


def gather(view: View, asked: Asked, head: Head) -> WeeklyInputs:
    """Everything that the report says."""
    wanted = KeptAsked(scope=EVERYTHING, from_ms=asked.from_ms, to_ms=asked.to_ms, now_ms=asked.known_ms, by="source")
    found = view.kept(wanted)
    total: Counter[str] = Counter()
    for counts in found.counts.values():
        total.update(counts)
    talks = talks_of(view, asked)
    kinds = Counter(one.kind.en for one in talks)
    order = {source: place for place, source in enumerate(SOURCES)}
    return WeeklyInputs(
        head=head,
        kinds=tuple((Label(zh=zh, en=en), kinds[en]) for zh, en in KINDS.values()),
        talks=talks,
        sources=tuple(
            SourceRow(source=source or "", counts=counts)
            for source, counts in sorted(found.counts.items(), key=lambda one: order.get(one[0] or "", len(order)))
        ),
        total=total,
        requests=_requests(view, asked, wanted),
    )


def talks_of(view: View, asked: Asked) -> tuple[Talk, ...]:
    """What was said with customers in the period."""
    found = view.conversations(EVERYTHING, (asked.from_ms, min(asked.to_ms, asked.known_ms)))
    customers = labels(view, "customer", (one.customer for one in found))
    sites = labels(view, "site", (one.site for one in found))
    people = view.people_names()
    return tuple(
        Talk(
            at_ms=one.at_ms,
            kind=Label(zh=KINDS[one.kind][0], en=KINDS[one.kind][1]),
            way=one.way,
            number=one.number,
            customer=customers.get(one.customer),
            site=sites.get(one.site),
            fault=asked.fault(one.code) if one.code else ASKED,
            who=people.get(one.who, one.who),
            is_reached=one.is_reached,
            words=one.words,
        )
        for one in found
    )


def _requests(view: View, asked: Asked, wanted: KeptAsked) -> tuple[Request, ...]:
    """In the order of their numbers, those that are in no figure, too."""
    rows: list[TicketRow] = view.kept_behind(wanted, Behind(count="tickets"), before_id=None, limit=MOST)
    for state in LEFT_OUT:
        rows += view.kept_behind(wanted, Behind(left_out=state), before_id=None, limit=MOST)
    customers = labels(view, "customer", (row.customer for row in rows))
    sites = labels(view, "site", (row.site for row in rows))
    people = view.people_names()
    return tuple(
        Request(
            number=row.number,
            opened_ms=row.opened_ms,
            source=row.source,
            customer=customers.get(row.customer),
            site=sites.get(row.site),
            fault=asked.fault(row.code),
            engineer=people.get(row.engineer or "", row.engineer or ""),
            state=row.state,
        )
        for row in sorted(rows, key=lambda row: row.id)
    )
