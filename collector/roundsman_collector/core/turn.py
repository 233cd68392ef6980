"""What the next piece of evidence means: `turn(state, item, policy) -> Change | None`; what time alone means: `tick`.

    item in order (later than all before)   ->  Change: the new state, segments told anew, conditions
    item late, or tied with another          ->  None: the device is dirty from its time and is rebuilt (rebuild.py)
    tick(state, now, policy)                 ->  silence: nothing came within `arrive_by`

What silence means (ARCHITECTURE law 4), as the cause of the time between two records of an agent:

    numbers between them are missing        missing         unknown until they come or are declared lost
    none missing, a new boot                off             down for the agent's own machine, others unknown (agent_off)
      … from the boot to the first record   starting        unknown
    none missing, the same boot             agent_stopped   unknown
    all declared lost, the same boot        lost            unknown
    a gap record speaks of it               its reason      unknown

A device that does not answer is *down* only if its road was well: a neighbour, polled by the same agent and not the
agent's own machine, answered at that very moment or both before and after it without a break. Otherwise everything
behind the agent is silent: unknown, cause `uplink`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from roundsman_collector.core.model import (
    Accounted,
    Change,
    Condition,
    DeviceState,
    Item,
    Milliseconds,
    Piece,
    Poll,
    Ref,
    Retold,
    Span,
    Spec,
    Track,
    UnitState,
)
from roundsman_collector.core.policy import SILENT, UNREACHABLE, Policy, Rule, holds
from roundsman_collector.core.timeline import (
    ANSWERED,
    GAP,
    NO_ANSWER,
    cover,
    explained_to,
    first_difference,
    forget,
    leave_open,
    tell,
)

RUNS_KEPT = 100
"""How many faults and suspicions a device may have at once: inventing components fills neither memory nor desk."""
ACCOUNTED_KEPT = 256
"""How many ranges of numbers that bring no sample are kept ahead."""
SPANS_KEPT = 64
"""How many explanations are kept for a device that is not heard of while its agent lives; older ones give way."""


def in_order(state: UnitState, item: Item) -> bool:
    """Whether `item` comes after everything judged so far; ties are left to a rebuild."""
    if item.t > state.last_t:
        return True
    if item.t < state.last_t or item.stream != state.stream or item.n <= state.n:
        return False
    device = item.record.get("device")
    return all(d.last_t < item.t for d in state.devices if d.device == device)


def turn(state: UnitState, item: Item, policy: Policy) -> Change | None:
    """Judge one item; None when it is not in order."""
    after = _goes_on(state, item, policy)
    if after is not None:
        return Change(state=after)
    return fold(state, item, policy) if in_order(state, item) else None


def _goes_on(state: UnitState, item: Item, policy: Policy) -> UnitState | None:
    """The state after the next sample of a device that answers on and is well, as `fold` would have it; else None.

    Nearly every report is one: here it costs a tenth. A rebuild folds everything the long way; law 1 compares the two.
    """
    _, last_t, stream, n, boot, birth, arrive_by_ms, silent, devices, spans, accounted = state
    t, item_stream, item_n, record, spec = item
    if (
        not last_t < t <= last_t + arrive_by_ms
        or item_n != n + 1
        or item_stream != stream
        or record["kind"] != "sample"
        or record["boot"] != boot
        or (spec is not None and spec.hash != birth)
        or silent
        or spans
        or accounted
        or record.get("failed")
    ):
        return None
    name, place = record["device"], -1
    for at, device in enumerate(devices):
        if device.pending is not None:
            return None
        if device.device == name:
            place = at
    if place < 0:
        return None
    device = devices[place]
    _, local, device_arrive_by_ms, _, _, _, covered_to, pieces, faults, tracks, _, quiet = device
    if quiet or faults or tracks or not pieces or pieces[-1].kind != ANSWERED or t > covered_to:
        return None
    if not has_answer(record) or not policy.finds_well(record["readings"]):
        return None
    to_ms = _speaks_to(item)
    heard = DeviceState(name, local, device_arrive_by_ms, t, to_ms, True, to_ms, pieces, (), (), None, False)
    others = (*devices[:place], heard, *devices[place + 1 :]) if len(devices) > 1 else (heard,)
    return UnitState(state.agent, t, stream, item_n, boot, birth, arrive_by_ms, False, others, (), ())


def fold(state: UnitState, item: Item, policy: Policy) -> Change:
    """Judge one item that comes after everything in `state`."""
    if item.spec is not None and item.spec.hash != state.birth:
        state = _born(state, item.spec)
    kind = item.record["kind"]
    spans = _explained(state, item)
    devices = {d.device: d for d in state.devices} if kind == "sample" else {}
    touched: dict[str, DeviceState] = {}
    if kind == "sample":
        touched = _sampled(devices, item, spans, policy)
    retold: list[Retold] = []
    conditions: list[Condition] = []
    for name, device in touched.items():
        before = devices.get(name)
        devices[name] = device
        moved = before is None or before.pieces is not device.pieces or before.faults is not device.faults
        if not moved and before is not None and not before.quiet:
            continue
        new = tell(device, policy.counts_down)
        from_ms = first_difference(tell(before, policy.counts_down) if before is not None else [], new)
        if from_ms is not None:
            retold.append(Retold(name, from_ms, tuple(s for s in new if s.from_ms >= from_ms)))
        if moved:
            known = before.faults if before is not None else ()
            conditions += [fault for fault in device.faults if fault not in known]
            devices[name] = forget(device, new, policy.counts_down)
    after = _advanced(state, item, spans, tuple(devices.values()) if touched else state.devices)
    ended, whole = _silence_ended(state, item, spans, policy)
    return Change(state=after, retold=tuple(retold), conditions=(*conditions, *ended), whole=whole)


def tick(state: UnitState, now: Milliseconds, policy: Policy) -> Change | None:
    """What the time `now` means if nothing came; None when it means nothing new."""
    if not state.last_t or not state.arrive_by_ms:
        return None
    silent = state.silent
    conditions: tuple[Condition, ...] = ()
    if not silent and now >= state.last_t + state.arrive_by_ms:
        silent = True
        if policy.rule(SILENT) is not None:
            ref = Ref(state.stream, state.n, state.last_t)
            conditions = (Condition(f"@{state.agent}", "agent", SILENT, state.last_t, None, ref, ref),)
    devices = []
    retold = []
    for device in state.devices:
        if device.quiet or not device.pieces or now < due_of(device):
            devices.append(device)
            continue
        quiet = device._replace(quiet=True)
        new = tell(quiet, policy.counts_down)
        from_ms = first_difference(tell(device, policy.counts_down), new)
        if from_ms is not None:
            retold.append(Retold(device.device, from_ms, tuple(s for s in new if s.from_ms >= from_ms)))
        devices.append(quiet)
    if silent == state.silent and tuple(devices) == state.devices:
        return None
    return Change(
        state=state._replace(silent=silent, devices=tuple(devices)), retold=tuple(retold), conditions=conditions
    )


def due_of(device: DeviceState) -> Milliseconds:
    """When a device that says nothing more becomes quiet: `arrive_by` after the end of what was heard of it."""
    return device.covered_to + max(1, device.arrive_by_ms)


def wake_at(state: UnitState) -> Milliseconds | None:
    """When `tick` would have something to say if nothing came; None when it never would."""
    if not state.last_t or not state.arrive_by_ms:
        return None
    times = [due_of(d) for d in state.devices if not d.quiet and d.pieces]
    if not state.silent:
        times.append(state.last_t + state.arrive_by_ms)
    return min(times, default=None)


# --- the agent ---------------------------------------------------------------------------------------------------


def _born(state: UnitState, spec: Spec) -> UnitState:
    """A birth tells whose machine it is and by when each device reports; it is no sign of life of any device."""
    known = {d.device: d for d in state.devices}
    for name, local, arrive_by_ms in spec.devices:
        known[name] = (known.get(name) or _unseen(name))._replace(local=local, arrive_by_ms=arrive_by_ms)
    arrive_by = min((arrive_by_ms for _, _, arrive_by_ms in spec.devices), default=state.arrive_by_ms)
    return state._replace(birth=spec.hash, devices=tuple(known.values()), arrive_by_ms=arrive_by)


def _unseen(name: str) -> DeviceState:
    return DeviceState(name, False, 0, 0, 0, False, 0, (), (), (), None, False)


def _explained(state: UnitState, item: Item) -> tuple[Span, ...]:
    """The spans known after `item`: why there may be no samples between the record before and this one."""
    record = item.record
    spans = state.spans
    if record["kind"] == "gap":
        length = _gap_length(record)
        told = Span(item.t, item.t + length, str(record["reason"]))
        return spans if not length or told in spans else (told, *spans)  # a checkpoint may know of it already
    if not state.last_t or item.t <= state.last_t:
        return spans
    if not _is_next(state, item):
        return (*spans, Span(state.last_t, item.t, "missing"))
    if record["boot"] != state.boot:
        booted = item.t - record["mono"]
        if booted > state.last_t:
            spans = (*spans, Span(state.last_t, booted, "off"))
        return (*spans, Span(max(booted, state.last_t), item.t, "starting"))
    if _follows_a_loss(state, item):
        return (*spans, Span(state.last_t, item.t, "lost"))
    heard_to = max((d.covered_to for d in state.devices), default=state.last_t)
    if item.t > heard_to:
        cause = "starting" if heard_to <= item.t - record["mono"] else "agent_stopped"
        spans = (*spans, Span(max(heard_to, state.last_t), item.t, cause))
    return spans


def _gap_length(record: Mapping[str, Any]) -> Milliseconds:
    """How long the time is that a gap record speaks of; 0 when it names none."""
    if record["from_t"] is None or record["to_t"] is None:
        return 0
    length: Milliseconds = record["to_t"] - record["from_t"]
    return max(0, length)


def _is_next(state: UnitState, item: Item) -> bool:
    """Whether no number between the last record and this one is missing or brings a sample."""
    if item.stream != state.stream:
        return not state.stream
    at = state.n + 1
    for one in state.accounted:
        if one.first <= at <= one.last:
            at = one.last + 1
    return item.n <= at


def _follows_a_loss(state: UnitState, item: Item) -> bool:
    """Whether numbers between the last record and this one are declared lost."""
    return item.stream == state.stream and any(
        one.lost and one.first < item.n and state.n < one.last for one in state.accounted
    )


def _advanced(state: UnitState, item: Item, spans: tuple[Span, ...], devices: tuple[DeviceState, ...]) -> UnitState:
    oldest = min((d.covered_to for d in devices if d.pieces), default=0)
    kept = tuple(span for span in spans if span.to_ms > oldest) if spans else spans
    if len(kept) > SPANS_KEPT:
        kept = kept[:1] + kept[2:]
    if item.record["kind"] == "gap":
        return state._replace(spans=kept, devices=devices, accounted=_accounted(state, item))
    same = item.stream == state.stream
    n = max(item.n, state.n) if same else item.n
    accounted = tuple(one for one in state.accounted if one.last > n) if same and state.accounted else ()
    boot = item.record["boot"]
    return UnitState(
        state.agent, item.t, item.stream, n, boot, state.birth, state.arrive_by_ms, False, devices, kept, accounted
    )


def _accounted(state: UnitState, item: Item) -> tuple[Accounted, ...]:
    if item.stream != state.stream:
        return state.accounted
    lost = item.record["lost"]
    ranges = {*state.accounted, Accounted(item.n, item.n, False)}
    if lost is not None:  # numbers that speak of no time at all were reserved and never used
        is_loss = item.record["from_t"] is None or _gap_length(item.record) > 0
        ranges.add(Accounted(lost[0], lost[1], is_loss))
    return tuple(sorted(one for one in ranges if one.last > state.n)[:ACCOUNTED_KEPT])


def _silence_ended(
    state: UnitState, item: Item, spans: Sequence[Span], policy: Policy
) -> tuple[tuple[Condition, ...], tuple[tuple[str, Milliseconds], ...]]:
    """The silence before `item`, if it was one: told as ended, or taken back if it proves shorter than `arrive_by`."""
    if item.record["kind"] == "gap" or not state.last_t or not state.arrive_by_ms or policy.rule(SILENT) is None:
        return (), ()
    subject = f"@{state.agent}"
    whole = ((subject, state.last_t),) if state.silent else ()
    if item.t - state.last_t <= state.arrive_by_ms:
        return (), whole
    ref = Ref(state.stream, state.n, state.last_t)
    causes = {span.cause for span in spans if span.to_ms > state.last_t}
    cause = next((cause for cause in ("missing", "off", "starting") if cause in causes), "agent_stopped")
    return (Condition(subject, "agent", SILENT, state.last_t, item.t, ref, ref, cause),), whole


# --- the devices -------------------------------------------------------------------------------------------------


def _sampled(
    devices: Mapping[str, DeviceState], item: Item, spans: Sequence[Span], policy: Policy
) -> dict[str, DeviceState]:
    """The devices a sample changes: its own, and neighbours whose polls wait for a sign that their road was well."""
    record = item.record
    name: str = record["device"]
    device = devices.get(name) or _unseen(name)
    ref = Ref(item.stream, item.n, item.t)
    to_ms = _speaks_to(item)
    touched: dict[str, DeviceState] = {}
    if has_answer(record):
        if not device.local and len(devices) > 1:
            touched = _neighbours_confirmed(devices, device, item.t, spans, policy)
        touched[name] = _answered(device, ref, to_ms, record, spans, policy)
    else:
        touched[name] = _unanswered(device, ref, to_ms, devices, spans, policy)
    return touched


def _speaks_to(item: Item) -> Milliseconds:
    """Until when a sample speaks if no other follows."""
    valid_ms: int = max(1, round(item.record["valid_s"] * 1000))
    return item.t + valid_ms


def has_answer(record: Mapping[str, Any]) -> bool:
    """Whether a sample holds any reading at all; nulls alone are no answer."""
    return any(value is not None for value in record["readings"].values())


def _answered(
    device: DeviceState,
    ref: Ref,
    to_ms: Milliseconds,
    record: Mapping[str, Any],
    spans: Sequence[Span],
    policy: Policy,
) -> DeviceState:
    if device.pending is None and device.pieces and device.pieces[-1][2] == ANSWERED and ref.t <= device.covered_to:
        # It answers on: the one path of nearly every sample, so one new state and no more.
        name, local, arrive_by_ms, *_, pieces, faults, tracks, _, _ = device
        device = DeviceState(name, local, arrive_by_ms, ref.t, to_ms, True, to_ms, pieces, faults, tracks, None, False)
        return _judged(device, ref, record, policy)
    device = _poll_given_up(device, ref.t, spans)
    device = cover(device, ref.t, to_ms, ANSWERED, spans)
    device = device._replace(last_t=ref.t, valid_to=to_ms, answered=True)
    return _judged(device, ref, record, policy)


def _unanswered(
    device: DeviceState,
    ref: Ref,
    to_ms: Milliseconds,
    devices: Mapping[str, DeviceState],
    spans: Sequence[Span],
    policy: Policy,
) -> DeviceState:
    device = _poll_given_up(device, ref.t, spans)
    device = device._replace(last_t=ref.t, valid_to=to_ms, answered=False, pending=Poll(ref, to_ms))
    if any(d.answered and d.last_t == ref.t for d in devices.values() if not d.local and d.device != device.device):
        device = _confirmed(device, spans, policy)
    return device


def _neighbours_confirmed(
    devices: Mapping[str, DeviceState], witness: DeviceState, t: Milliseconds, spans: Sequence[Span], policy: Policy
) -> dict[str, DeviceState]:
    """`witness` answers at `t`: polls of its neighbours since its answer before (or at `t`) went over a good road."""
    since = witness.last_t if witness.answered and t <= witness.valid_to else t
    return {
        other.device: _confirmed(other, spans, policy)
        for other in devices.values()
        if other.pending is not None and other.device != witness.device and since <= other.pending.ref.t
    }


def _confirmed(device: DeviceState, spans: Sequence[Span], policy: Policy) -> DeviceState:
    """The pending poll went over a good road: the device did not answer."""
    poll = device.pending
    assert poll is not None
    device = device._replace(pending=None, tracks=tuple(t for t in device.tracks if t.code == UNREACHABLE))
    if not device.pieces or poll.to_ms > device.covered_to:
        device = cover(device, poll.ref.t, poll.to_ms, NO_ANSWER, spans)
    rule = policy.rule(UNREACHABLE)
    return _observed(device, rule, "host", True, poll.ref) if rule is not None else device


def _poll_given_up(device: DeviceState, t: Milliseconds, spans: Sequence[Span]) -> DeviceState:
    """A poll that no neighbour vouched for before the next one: nobody knows whether the road was well."""
    poll = device.pending
    if poll is None:
        return device
    device = device._replace(pending=None)
    to_ms = min(t, poll.to_ms)
    if not device.pieces:
        return device._replace(pieces=(Piece(poll.ref.t, None, GAP, "uplink"),), covered_to=to_ms)
    if poll.ref.t > device.covered_to:
        device = explained_to(device, poll.ref.t, spans)
    return leave_open(device, to_ms, "uplink")


def _judged(device: DeviceState, ref: Ref, record: Mapping[str, Any], policy: Policy) -> DeviceState:
    """Every rule that has something to say of this sample."""
    busy = bool(device.faults or device.tracks)
    failed = record.get("failed") or {}
    if not busy and not failed and policy.finds_well(record["readings"]):
        return device
    for name, value in record["readings"].items():
        for rule, component in policy.judges(name):
            active = busy and _is_active(device, rule.code, component)
            verdict = holds(rule.when, value, active)
            if verdict or (verdict is False and active):
                device = _observed(device, rule, component, verdict, ref)
                busy = True
    if failed or busy:
        device = _failures_judged(device, ref, record["readings"], failed, policy)
    if busy and _is_active(device, UNREACHABLE, "host"):
        rule_unreachable = policy.rule(UNREACHABLE)
        if rule_unreachable is not None:
            device = _observed(device, rule_unreachable, "host", False, ref)
    return device


def _failures_judged(
    device: DeviceState, ref: Ref, readings: Mapping[str, Any], failed: Mapping[str, Any], policy: Policy
) -> DeviceState:
    """A probe that fails while the device answers; it is well again when readings of its component are there."""
    for rule in policy.failure_rules:
        probe, component, codes = rule.when.probe, rule.when.component, rule.when.codes  # type: ignore[union-attr]
        if probe in failed:
            if not codes or failed[probe][0] in codes:
                device = _observed(device, rule, component, True, ref)
        elif _is_active(device, rule.code, component) and any(
            name.startswith((component + ".", component + "[")) for name in readings
        ):
            device = _observed(device, rule, component, False, ref)
    return device


def _is_active(device: DeviceState, code: str, component: str) -> bool:
    return any(f.code == code and f.component == component and f.to_ms is None for f in device.faults) or any(
        t.code == code and t.component == component for t in device.tracks
    )


def _observed(device: DeviceState, rule: Rule, component: str, holding: bool, ref: Ref) -> DeviceState:
    """One observation of one rule, the table of a fault's life:

    well        holds      -> suspected since now     (a fault at once when `for` is over)
    suspected   holds      -> a fault since the first of the run when `for` is over
    suspected   does not   -> well
    faulty      does not   -> recovering since now    (over at once when `clear_for` is over)
    recovering  does not   -> over since the first of that run when `clear_for` is over
    recovering  holds      -> faulty
    """
    track = next((t for t in device.tracks if t.code == rule.code and t.component == component), None)
    others = tuple(t for t in device.tracks if t is not track)
    open_fault = next(
        (f for f in device.faults if f.code == rule.code and f.component == component and f.to_ms is None), None
    )
    if holding == (open_fault is not None):
        return device._replace(tracks=others) if track is not None else device
    if track is None and open_fault is None and len(device.faults) + len(device.tracks) >= RUNS_KEPT:
        return device
    run = track or Track(rule.code, component, open_fault is not None, ref)
    if ref.t - run.first.t < (rule.clear_for_ms if open_fault is not None else rule.for_ms):
        return device if track is not None else device._replace(tracks=(*device.tracks, run))
    if open_fault is None:
        fault = Condition(device.device, component, rule.code, run.first.t, None, run.first, ref)
        return device._replace(tracks=others, faults=(*device.faults, fault))
    faults = tuple(f._replace(to_ms=run.first.t) if f is open_fault else f for f in device.faults)
    return device._replace(tracks=others, faults=faults)
