"""What an agent may tell of devices: of those it speaks for, and of the time since it does. Pure.

    gw-2 speaks for nvr-2   |------------|
    gw-9 speaks for nvr-2                |-----------------        own(change, devices, since) of each keeps to its part
    nobody knows how it is         |-----|                         parted(state, {"nvr-2"}) tells that of gw-2

A device that moves leaves its past with the agent that saw it: that agent's silence, its late samples and its rebuilds
say nothing of the time in which another one speaks. What held when it left is ended there: nobody looks at it any more.
Its tickets stay as they are, for a person to say what became of them.
"""

from collections.abc import Collection, Iterable, Mapping

from roundsman_collector.core.model import UNKNOWN, Change, Condition, Retold, Segment, UnitState
from roundsman_collector.store.register import AssignmentRow

NOT_POLLED = "not_polled"


def own(change: Change, devices: Collection[str], since: Mapping[str, int]) -> Change:
    """The part of a change that is this agent's to tell. `since`: devices that another agent spoke for before."""
    told = {one.device for one in change.retold} | {one.subject for one in change.conditions}
    told |= {subject for subject, _ in change.whole}
    if all(subject.startswith("@") or (subject in devices and subject not in since) for subject in told):
        return change
    return Change(
        state=change.state,
        retold=tuple(
            cut
            for one in change.retold
            if one.device in devices and (cut := _cut(one, since.get(one.device, 0))) is not None
        ),
        conditions=tuple(one for one in change.conditions if _is_own(one, devices, since)),
        whole=tuple(
            (subject, max(from_ms, since.get(subject, 0)))
            for subject, from_ms in change.whole
            if subject.startswith("@") or subject in devices
        ),
    )


def _cut(told: Retold, since_ms: int) -> Retold | None:
    if told.from_ms >= since_ms:
        return told
    kept = [
        segment._replace(from_ms=max(segment.from_ms, since_ms))
        for segment in told.segments
        if segment.to_ms is None or segment.to_ms > since_ms
    ]
    return Retold(told.device, since_ms, tuple(kept)) if kept else None


def _is_own(condition: Condition, devices: Collection[str], since: Mapping[str, int]) -> bool:
    if condition.subject.startswith("@"):
        return True
    is_past = condition.to_ms is not None and condition.to_ms <= since.get(condition.subject, 0)
    return condition.subject in devices and not is_past


def parted(state: UnitState, gone: Collection[str]) -> Change | None:
    """What is told of devices when their agent speaks for them no more; None when it had nothing to say of them."""
    leaving = [one for one in state.devices if one.device in gone]
    if not leaving:
        return None
    return Change(
        state=state._replace(devices=tuple(one for one in state.devices if one.device not in gone)),
        retold=tuple(
            Retold(one.device, one.covered_to, (Segment(one.covered_to, None, UNKNOWN, NOT_POLLED, ""),))
            for one in leaving
            if one.pieces and not one.quiet
        ),
        conditions=tuple(
            fault._replace(to_ms=max(one.covered_to, fault.from_ms + 1))
            for one in leaving
            for fault in one.faults
            if fault.to_ms is None
        ),
    )


def since_of(assignments: Iterable[AssignmentRow]) -> dict[str, int]:
    """Since when its present agent speaks for a device, of devices that another one spoke for before."""
    found: dict[str, int] = {}
    voices: dict[str, set[int]] = {}
    for one in assignments:
        voices.setdefault(one.device, set()).add(one.agent_no)
        if one.to_ms is None:
            found[one.device] = one.from_ms
    return {device: from_ms for device, from_ms in found.items() if len(voices[device]) > 1}
