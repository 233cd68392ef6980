"""What the bulletin of vehicles online is made of, as /ratios/vehicles tells it: of one centre, or of the company."""

from collections.abc import Iterator, Mapping

from roundsman_collector.core.ratios import Vehicle, centre, ranked
from roundsman_collector.issuing.about import Asked
from roundsman_collector.issuing.names import labels
from roundsman_collector.reports.head import Head
from roundsman_collector.reports.online_bulletin import FAULT, NOWHERE, BulletinInputs, CentreRow, MissingRow
from roundsman_collector.roles import EVERYTHING
from roundsman_collector.store import View
from roundsman_collector.store.reckon import Frame
from roundsman_collector.store.vehicles import VehicleOver
from roundsman_wire.catalogue import Label


def gather(view: View, asked: Asked, head: Head) -> BulletinInputs:
    """Everything that the bulletin says."""
    frame = Frame(
        from_ms=asked.from_ms, to_ms=asked.to_ms, now_ms=asked.now_ms, known_ms=asked.known_ms, scope=EVERYTHING
    )
    found = view.vehicles(frame, {"group": asked.about.id} if asked.about.id else {})
    groups: dict[str | None, list[Vehicle]] = {}
    for one in found:
        groups.setdefault(one.facts.group, []).append(one.counted)
    names = labels(view, "group", groups)
    missing = [one for one in found if one.is_missing]
    return BulletinInputs(
        head=head,
        total=centre(None, (one.counted for one in found)),
        centres=tuple(CentreRow(name=names.get(one.key, NOWHERE), centre=one) for one in ranked(groups)),
        missing=tuple(_missing(view, asked, frame, missing, names)),
    )


def _missing(
    view: View, asked: Asked, frame: Frame, missing: list[VehicleOver], centres: Mapping[str | None, Label]
) -> Iterator[MissingRow]:
    """By centre and id: whoever answers for a centre finds its vehicles together."""
    absent = view.vehicles_absent(missing, frame)
    sites = labels(view, "site", (one.facts.site for one in missing))
    points = labels(view, "point", (one.facts.point for one in missing))
    people = view.people_names()
    for one in sorted(missing, key=lambda one: (one.facts.group is None, one.facts.group or "", one.device)):
        facts, reason, held = one.facts, one.reason, absent[one.device]
        yield MissingRow(
            name=Label(zh=facts.name_zh, en=facts.name_en),
            device=facts.device,
            cause="" if reason is None else reason.cause,
            fault=asked.fault(reason.fault) if reason is not None and reason.cause == FAULT and reason.fault else None,
            last_up_ms=held.last_up_ms,
            centre=centres.get(facts.group, NOWHERE),
            site=sites.get(facts.site),
            point=points.get(facts.point),
            engineer=people.get(facts.engineer or "", facts.engineer or ""),
            ticket=held.ticket,
        )
