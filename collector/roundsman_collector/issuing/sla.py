"""What the SLA report of a contract is made of: the tickets and the time that were the contract's.

Tickets keep the contract that they were opened under, and time belongs to the contract that a device stood under then:
what a device did for another customer in the same month is in neither. Clocks stand as the engine saw them last.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from roundsman_collector.core import kept, reckoning
from roundsman_collector.core.intervals import normal
from roundsman_collector.issuing.about import Asked
from roundsman_collector.reports.head import Head
from roundsman_collector.reports.sla import Breach, Paused, SiteRow, SlaInputs
from roundsman_collector.roles import EVERYTHING
from roundsman_collector.rules.promised import Promised, promised_from
from roundsman_collector.store import TicketRow, View
from roundsman_collector.store.kept import Behind, KeptAsked
from roundsman_collector.store.reckon import Asked as Figures
from roundsman_collector.store.tickets import as_event
from roundsman_wire.catalogue import Label

LATE = ("missed", "breached", "recorded")
"""How clocks stand that are told one by one."""
AT_ONCE = 500
MOST = 1_000_000
STANDING_STILL = ("wait", "reopen", "recur")
"""Steps by which a clock stands still: from then on, or since the repair that did not hold."""


def gather(view: View, asked: Asked, head: Head) -> SlaInputs:
    """Everything that the report says."""
    wanted = KeptAsked(
        scope=EVERYTHING,  # the contract alone narrows: a device may have gone to another customer since
        from_ms=asked.from_ms,
        to_ms=asked.to_ms,
        now_ms=asked.known_ms,
        contract=asked.about.id,
    )
    found = view.kept(wanted)
    clocks = tuple(kept.kept_of(found.tallies).values())
    by_site = view.reckon(_figures(asked))
    names = view.entries_named("site", [row.key for row in by_site.rows if row.key])
    return SlaInputs(
        head=head,
        counts=found.counts.get(None, {}),
        clocks=clocks,
        left_out=tuple((one.state, one.tickets, one.breached) for one in found.left_out),
        breaches=tuple(_breaches(view, asked, wanted, clocks)),
        pauses=_pauses(view, asked, wanted),
        whole=reckoning.reckoned(by_site.total.whole),
        sites=tuple(
            SiteRow(
                name=Label(zh=names[row.key].fields["name_zh"], en=names[row.key].fields["name_en"])
                if row.key in names
                else Label(zh=row.key or "–", en=row.key or "–"),
                reckoned=reckoning.reckoned(row.whole),
            )
            for row in sorted(by_site.rows, key=lambda row: row.key or "")
        ),
        target_percent=by_site.target,
    )


def _figures(asked: Asked) -> Figures:
    return Figures(
        from_ms=asked.from_ms,
        to_ms=asked.to_ms,
        now_ms=asked.now_ms,
        known_ms=asked.known_ms,
        by="site",
        of={"contract": frozenset({asked.about.id})},
        limit=MOST,
    )


def _breaches(view: View, asked: Asked, wanted: KeptAsked, clocks: Sequence[kept.Kept]) -> Iterator[Breach]:
    """Clock by clock, the oldest ticket first."""
    for one in clocks:
        for stands in LATE:
            if not one.stands.get(stands):
                continue
            rows = view.kept_behind(wanted, Behind(clock=one.clock, stands=stands), before_id=None, limit=MOST)
            told = view.ticket_clocks([row.id for row in rows])
            where = _where(view, rows)
            for row in reversed(rows):
                clock = next(each for each in told[row.id] if each.clock == one.clock)
                yield Breach(
                    number=row.number,
                    fault=asked.fault(row.code),
                    where=where[row.id],
                    clock=one.clock,
                    stands=stands,
                    due_ms=clock.due_ms,
                    ended_ms=clock.ended_ms,
                )


def _where(view: View, rows: Sequence[TicketRow]) -> dict[int, Label]:
    """The site that each ticket was opened at; its subject where it had none."""
    names = view.entries_named("site", {row.site for row in rows if row.site})
    return {
        row.id: Label(zh=names[row.site].fields["name_zh"], en=names[row.site].fields["name_en"])
        if row.site in names
        else Label(zh=row.subject, en=row.subject)
        for row in rows
    }


# --- pauses ----------------------------------------------------------------------------------------------------------


def _pauses(view: View, asked: Asked, wanted: KeptAsked) -> tuple[Paused, ...]:
    """How long tickets stood still, by reason: the stretches in which any clock of a ticket was paused."""
    tickets: Counter[str] = Counter()
    times: Counter[str] = Counter()
    levels: dict[int, Promised | None] = {}
    for row in _waited(view, wanted):
        for reason, ms in _paused(view, levels, row, asked.known_ms).items():
            tickets[reason] += 1
            times[reason] += ms
    order = sorted(times, key=lambda reason: (-times[reason], reason))
    return tuple(Paused(reason=reason, tickets=tickets[reason], ms=times[reason]) for reason in order)


def _waited(view: View, wanted: KeptAsked) -> Iterator[TicketRow]:
    """The tickets of the period whose clocks may ever have stood still, of those that were promised something."""
    before: int | None = None
    while rows := view.kept_behind(wanted, Behind(count="tickets"), before_id=before, limit=AT_ONCE):
        lines = view.ticket_lines([row.id for row in rows], STANDING_STILL)
        yield from (row for row in rows if lines.get(row.id) and row.level_id is not None)
        before = rows[-1].id


def _paused(view: View, levels: dict[int, Promised | None], row: TicketRow, known_ms: int) -> dict[str, int]:
    assert row.level_id is not None
    if row.level_id not in levels:
        held = view.promised(row.level_id)
        levels[row.level_id] = None if held is None else promised_from(held[0].body, held[1])
    promised, found = levels[row.level_id], view.ticket(row.id)
    if promised is None or found is None:
        return {}
    spans: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for clock in promised.read([as_event(line) for line in found[1]], known_ms):
        for part in clock.segments:
            if part.kind == "paused":
                spans[part.reason].append((part.from_ms, part.to_ms))
    return {reason: sum(end - begin for begin, end in normal(pairs)) for reason, pairs in spans.items()}
