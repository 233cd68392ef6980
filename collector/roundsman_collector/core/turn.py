"""What the next piece of evidence means: `turn(state, item, book) -> Change | None`; what time alone means: `tick`.

    item in order (later than all before)   ->  Change: the new state, segments told anew, conditions
    item late, or tied with another          ->  None: the device is dirty from its time and is rebuilt (rebuild.py)
    tick(state, now, book)                   ->  silence: nothing came within `arrive_by`

Every sample is judged by the rules in force for its device at its time (`book`). Where they change while a fault holds,
it ends and goes on under the new ones; a fault that the new rules do not know ends.

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

A fault that comes and goes is held as one. Each time a rule's verdict on a component turns, `flap_ms` of restlessness
are poured in, and what was poured in leaks away as time passes, so only time counts and not how often is reported:

    level   0 |...............| 2 x flap_ms |...............| 4 x flap_ms (full)
            calm again: at or below half            flapping: when full

While it flaps the fault needs no `for` and does not clear; when it is calm again it is over since the first sample of
the run without it, as always.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from roundsman_collector.core.gaps import THINNED, told
from roundsman_collector.core.model import (
    Accounted,
    Change,
    Condition,
    DeviceState,
    Flap,
    Item,
    Milliseconds,
    Piece,
    Poll,
    Ref,
    Retold,
    Span,
    Spec,
    Thinned,
    Track,
    UnitState,
)
from roundsman_collector.core.policy import SILENT, UNREACHABLE, Policy, Rule, judged
from roundsman_collector.core.rulebook import Rulebook
from roundsman_collector.core.timeline import (
    ANSWERED,
    COARSE,
    GAP,
    NO_ANSWER,
    cover,
    explained_to,
    first_difference,
    forget,
    is_resting,
    leave_open,
    tell,
)

RUNS_KEPT = 100
"""How many faults and suspicions a device may have at once: inventing components fills neither memory nor desk."""
ACCOUNTED_KEPT = 256
"""How many ranges of numbers that bring no sample are kept ahead."""
BOOTS_KEPT = 32
"""How many restarts of a device are remembered at most."""
RESTART_MS = 60_000
"""A device started anew if it says it was up since this much later than before; less is its clock running slow."""
FLAP_FULL, FLAP_CALM = 4, 2
"""In `flap_ms`: how much restlessness makes a fault flap, and how little lets it be calm again."""
SPANS_KEPT = 64
"""How many explanations are kept for a device that is not heard of while its agent lives; older ones give way."""


def in_order(state: UnitState, item: Item) -> bool:
    """Whether `item` comes after everything judged so far; ties are left to a rebuild."""
    if item.t > state.last_t:
        return True
    if item.t < state.last_t or item.stream != state.stream or item.n <= state.n or item.record["kind"] == "gap":
        return False  # what a gap tells of a time is known before the samples of that time are judged
    device = item.record.get("device")
    return all(d.last_t < item.t for d in state.devices if d.device == device)


def turn(state: UnitState, item: Item, book: Rulebook) -> Change | None:
    """Judge one item; None when it is not in order."""
    after = _goes_on(state, item, book)
    if after is not None:
        return Change(state=after)
    return fold(state, item, book) if in_order(state, item) else None


def _goes_on(state: UnitState, item: Item, book: Rulebook) -> UnitState | None:
    """The state after the next sample of a device that answers on and is well, as `fold` would have it; else None.

    Nearly every report is one: here it costs a tenth. Law 1 compares it with the long way, and with `go_on`.
    """
    if not _follows(item, state.last_t, state.n, state) or not _is_settled(state):
        return None
    devices, name = state.devices, item.record["device"]
    place = 0
    while place < len(devices) and devices[place].device != name:
        place += 1
    if place == len(devices) or not _is_idle(devices[place]):
        return None
    device = devices[place]
    booted_ms = _well_since(device, device.covered_to, device.booted_ms, item, book)
    if booted_ms is None:
        return None
    heard = _on(device, item.t, _speaks_to(item), booted_ms)
    others = (*devices[:place], heard, *devices[place + 1 :]) if len(devices) > 1 else (heard,)
    return _with(state, item.t, item.n, others)


def go_on(state: UnitState, items: Sequence[Item], place: int, book: Rulebook) -> tuple[UnitState, int]:
    """Judge `items` from `place` on while each is the next sample of a device that answers on and is well.

    The same as `turn`, one after the other, but the state is made once at their end: what a rebuild is nearly all
    made of. Returns the state then, and the place of the first item that is something else.
    """
    if not _is_settled(state):
        return state, place
    idle = {device.device: device for device in state.devices if _is_idle(device)}
    heard: dict[str, _Heard] = {}
    last_t, n = state.last_t, state.n
    while place < len(items):
        item = items[place]
        if not _follows(item, last_t, n, state):
            break
        name = item.record["device"]
        device = idle.get(name)
        if device is None:
            break
        _, covered_to, booted_ms = heard.get(name) or _Heard(0, device.covered_to, device.booted_ms)
        since_ms = _well_since(device, covered_to, booted_ms, item, book)
        if since_ms is None:
            break
        heard[name] = _Heard(item.t, _speaks_to(item), since_ms)
        last_t, n, place = item.t, item.n, place + 1
    if not heard:
        return state, place
    after = tuple(_on(device, *heard[device.device]) if device.device in heard else device for device in state.devices)
    return _with(state, last_t, n, after), place


class _Heard(NamedTuple):
    """What changes of a device that answers on and is well: when it was heard last, to when that speaks, its start."""

    t: Milliseconds
    to_ms: Milliseconds
    booted_ms: Milliseconds


def _follows(item: Item, last_t: Milliseconds, n: int, state: UnitState) -> bool:
    """Whether an item is the sample after number `n` of `last_t`: in time, of the same stream, boot and birth."""
    t, stream, item_n, record, spec = item
    return (
        last_t < t <= last_t + state.arrive_by_ms
        and item_n == n + 1
        and stream == state.stream
        and record["kind"] == "sample"
        and record["boot"] == state.boot
        and (spec is None or spec.hash == state.birth)
        and not record.get("failed")
    )


def _is_settled(state: UnitState) -> bool:
    """Whether no silence, no gap and no undecided poll is waiting to be explained."""
    if state.silent or state.spans or state.accounted or state.thinned:
        return False
    for device in state.devices:  # noqa: SIM110 - of a gateway's many devices `all` costs twice as much
        if device.pending is not None:
            return False
    return True


_PLAIN = (ANSWERED, "")


def _is_idle(device: DeviceState) -> bool:
    """Whether a device answers on and nothing is suspected of it."""
    troubled = device.quiet or device.faults or device.tracks or device.flaps or device.boots
    return not troubled and bool(device.pieces) and device.pieces[-1][2:] == _PLAIN


def _well_since(
    device: DeviceState, covered_to: Milliseconds, booted_ms: Milliseconds, item: Item, book: Rulebook
) -> Milliseconds | None:
    """When an idle device started, if an item within `covered_to` finds it well and not started anew; else None."""
    if item.t > covered_to or not has_answer(item.record):
        return None
    readings = item.record["readings"]
    policy = book.at(device.device, item.t)
    if not policy.finds_well(readings):
        return None
    uptime_ms = None if device.local else policy.uptime_ms(readings)
    if uptime_ms is None:
        return booted_ms
    return None if item.t - uptime_ms > booted_ms + RESTART_MS else item.t - uptime_ms


def _on(device: DeviceState, t: Milliseconds, to_ms: Milliseconds, booted_ms: Milliseconds) -> DeviceState:
    """An idle device after it was heard again at `t`, which speaks to `to_ms`."""
    name, local, by_ms, _, _, _, _, pieces = device[:8]
    return DeviceState(name, local, by_ms, t, to_ms, True, to_ms, pieces, (), (), None, False, (), booted_ms, ())


def _with(state: UnitState, t: Milliseconds, n: int, devices: tuple[DeviceState, ...]) -> UnitState:
    """A settled state after its next sample."""
    agent, _, stream, _, boot, birth, arrive_by_ms = state[:7]
    return UnitState(agent, t, stream, n, boot, birth, arrive_by_ms, False, devices, (), (), ())


def fold(state: UnitState, item: Item, book: Rulebook) -> Change:
    """Judge one item that comes after everything in `state`."""
    if item.spec is not None and item.spec.hash != state.birth:
        state = _born(state, item.spec)
    if state.boot and item.record["boot"] != state.boot and item.record["kind"] != "gap":
        state = _machine_restarted(state, item, book)
    kind = item.record["kind"]
    spans = _explained(state, item)
    devices = {d.device: d for d in state.devices} if kind == "sample" else {}
    touched: dict[str, DeviceState] = {}
    if kind == "sample":
        touched = _sampled(devices, item, state.thinned, spans, book)
    retold: list[Retold] = []
    conditions: list[Condition] = []
    for name, device in touched.items():
        before = devices.get(name)
        devices[name] = device
        moved = before is None or before.pieces is not device.pieces or before.faults is not device.faults
        if not moved and before is not None and not before.quiet:
            continue
        new = tell(device)
        from_ms = first_difference(tell(before) if before is not None else [], new)
        if from_ms is not None:
            retold.append(Retold(name, from_ms, tuple(s for s in new if s.from_ms >= from_ms)))
        if moved:
            known = before.faults if before is not None else ()
            conditions += [fault for fault in device.faults if fault not in known]
            devices[name] = forget(device, new)
    after = _advanced(state, item, spans, tuple(devices.values()) if touched else state.devices)
    ended, whole = _silence_ended(state, item, spans, book)
    return Change(state=after, retold=tuple(retold), conditions=(*conditions, *ended), whole=whole)


def tick(state: UnitState, now: Milliseconds, book: Rulebook) -> Change | None:
    """What the time `now` means if nothing came; None when it means nothing new."""
    if not state.last_t or not state.arrive_by_ms:
        return None
    silent = state.silent
    conditions: tuple[Condition, ...] = ()
    if not silent and now >= state.last_t + state.arrive_by_ms:
        silent = True
        rule = _rule_of_silence(state, book)
        if rule is not None and not _rests(state):
            conditions = (_silence(state, rule, None, ""),)
    devices = []
    retold = []
    for device in state.devices:
        if device.quiet or not device.pieces or now < due_of(device):
            devices.append(device)
            continue
        quiet = device._replace(quiet=True)
        new = tell(quiet)
        from_ms = first_difference(tell(device), new)
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


def _machine_restarted(state: UnitState, item: Item, book: Rulebook) -> UnitState:
    """The agent's machine started anew: so did the devices that are this machine."""
    booted = max(state.last_t, item.t - item.record["mono"])
    devices = tuple(_started(d, booted, book.at(d.device, item.t)) if d.local else d for d in state.devices)
    return state._replace(devices=devices)


def _started(device: DeviceState, booted_ms: Milliseconds, policy: Policy) -> DeviceState:
    """The device started at `booted_ms`; remembered while a rule may count it."""
    boots = (*device.boots, booted_ms)[-BOOTS_KEPT:] if policy.restarts_within_ms else device.boots
    return device._replace(booted_ms=booted_ms, boots=boots)


def _explained(state: UnitState, item: Item) -> tuple[Span, ...]:
    """The spans known after `item`: why there may be no samples between the record before and this one."""
    record = item.record
    spans = state.spans
    if record["kind"] == "gap":
        length = _gap_length(record)
        if record["reason"] == THINNED:
            return spans
        span = Span(item.t, item.t + length, str(record["reason"]))
        return spans if not length or span in spans else (span, *spans)  # a checkpoint may know of it already
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
    judged_to = state.last_t if item.record["kind"] == "gap" else item.t  # gaps come ahead of what they speak of
    thinned = tuple(one for one in state.thinned if one.to_ms > judged_to) if state.thinned else ()
    if item.record["kind"] == "gap":
        one = _thinned(item)
        if one is not None and one not in thinned:
            thinned = (*thinned, one)[-SPANS_KEPT:]
        return state._replace(spans=kept, devices=devices, accounted=_accounted(state, item), thinned=thinned)
    same = item.stream == state.stream
    n = max(item.n, state.n) if same else item.n
    accounted = tuple(one for one in state.accounted if one.last > n) if same and state.accounted else ()
    boot = item.record["boot"]
    head = state.agent, item.t, item.stream, n, boot, state.birth, state.arrive_by_ms, False
    return UnitState(*head, devices, kept, accounted, thinned)


def _thinned(item: Item) -> Thinned | None:
    """What a gap record tells of samples that were left out, if it does."""
    every_s = item.record.get("every_s")
    if item.record["reason"] != THINNED or not every_s:
        return None
    length = _gap_length(item.record)
    return Thinned(item.t, item.t + length, round(every_s * 1000)) if length else None


def _accounted(state: UnitState, item: Item) -> tuple[Accounted, ...]:
    if item.stream != state.stream:
        return state.accounted
    lost = item.record["lost"]
    ranges = {*state.accounted, Accounted(item.n, item.n, False)}
    if lost is not None and item.record["reason"] == THINNED:  # what is kept of them is on its way
        ranges.add(Accounted(lost[0], lost[1], False))
    elif lost is not None:  # numbers that speak of no time at all were reserved and never used
        is_loss = item.record["from_t"] is None or _gap_length(item.record) > 0
        ranges.update(Accounted(first, last, is_loss) for first, last in told(item.record))
    return tuple(sorted(one for one in ranges if one.last > state.n)[:ACCOUNTED_KEPT])


def _rests(state: UnitState) -> bool:
    """Whether silence is to be expected of an agent: its own machine rests, or all that it speaks for does."""
    machines = [device for device in state.devices if device.local]
    return bool(state.devices) and all(is_resting(device) for device in machines or state.devices)


def _rule_of_silence(state: UnitState, book: Rulebook) -> Rule | None:
    return book.at(f"@{state.agent}", state.last_t).rule(SILENT)


def _silence(state: UnitState, rule: Rule, to_ms: Milliseconds | None, cause: str) -> Condition:
    """The silence of the agent since its last record."""
    ref = Ref(state.stream, state.n, state.last_t)
    marks = rule.effect, rule.function, rule.explains
    return Condition(f"@{state.agent}", "agent", SILENT, state.last_t, to_ms, ref, ref, cause, *marks)


def _silence_ended(
    state: UnitState, item: Item, spans: Sequence[Span], book: Rulebook
) -> tuple[tuple[Condition, ...], tuple[tuple[str, Milliseconds], ...]]:
    """The silence before `item`, if it was one: told as ended, or taken back if it proves shorter than `arrive_by`."""
    if item.record["kind"] == "gap" or not state.last_t or not state.arrive_by_ms:
        return (), ()
    rule = _rule_of_silence(state, book)
    if rule is None:
        return (), ()
    subject = f"@{state.agent}"
    whole = ((subject, state.last_t),) if state.silent else ()
    if _rests(state):
        return (), whole
    left_out = any(one.from_ms <= state.last_t and item.t <= one.to_ms for one in state.thinned)
    if item.t - state.last_t <= state.arrive_by_ms or left_out:
        return (), whole
    causes = {span.cause for span in spans if span.to_ms > state.last_t}
    cause = next((cause for cause in ("missing", "off", "starting") if cause in causes), "agent_stopped")
    return (_silence(state, rule, item.t, cause),), whole


# --- the devices -------------------------------------------------------------------------------------------------


def _sampled(
    devices: Mapping[str, DeviceState],
    item: Item,
    thinned: Sequence[Thinned],
    spans: Sequence[Span],
    book: Rulebook,
) -> dict[str, DeviceState]:
    """The devices a sample changes: its own, and neighbours whose polls wait for a sign that their road was well."""
    record = item.record
    name: str = record["device"]
    device = devices.get(name) or _unseen(name)
    if device.faults or device.tracks:
        for edge in book.edges(name, device.last_t, item.t):
            device = _under_other_rules(device, edge, book.at(name, edge))
    ref = Ref(item.stream, item.n, item.t)
    to_ms, mark = _speaks_to(item), ""
    thin = [min(item.t + one.every_ms, one.to_ms) for one in thinned if one.from_ms <= item.t < one.to_ms]
    if thin:
        to_ms, mark = max(to_ms, *thin), COARSE
    touched: dict[str, DeviceState] = {}
    if has_answer(record):
        if not device.local and len(devices) > 1:
            touched = _neighbours_confirmed(devices, device, item.t, spans, book)
        touched[name] = _answered(device, ref, to_ms, mark, record, spans, book.at(name, item.t))
    else:
        touched[name] = _unanswered(device, ref, to_ms, devices, spans, book)
    return touched


def _under_other_rules(device: DeviceState, at_ms: Milliseconds, policy: Policy) -> DeviceState:
    """From `at_ms` on other rules hold: open faults end there, and go on as what the new rules make of them."""
    faults: list[Condition] = []
    for fault in device.faults:
        rule = policy.rule(fault.code)
        marks = (rule.effect, rule.function, rule.explains) if rule is not None else None
        if fault.to_ms is not None or marks == (fault.effect, fault.function, fault.explains):
            faults.append(fault)
            continue
        faults.append(fault._replace(to_ms=at_ms))
        if rule is not None:
            goes_on = fault._replace(from_ms=at_ms, effect=rule.effect, function=rule.function, explains=rule.explains)
            faults.append(goes_on)
    tracks = tuple(track for track in device.tracks if policy.rule(track.code) is not None)
    return device._replace(faults=tuple(faults) if tuple(faults) != device.faults else device.faults, tracks=tracks)


def _speaks_to(item: Item) -> Milliseconds:
    """Until when a sample speaks if no other follows."""
    valid_ms: int = max(1, round(item.record["valid_s"] * 1000))
    return item.t + valid_ms


def has_answer(record: Mapping[str, Any]) -> bool:
    """Whether a sample holds any reading at all; nulls alone are no answer."""
    for value in record["readings"].values():  # noqa: SIM110  half the time of any(...), once for every report
        if value is not None:
            return True
    return False


def _answered(
    device: DeviceState,
    ref: Ref,
    to_ms: Milliseconds,
    mark: str,
    record: Mapping[str, Any],
    spans: Sequence[Span],
    policy: Policy,
) -> DeviceState:
    goes_on = device.pieces and device.pieces[-1][2:] == (ANSWERED, mark) and ref.t <= device.covered_to
    if goes_on and device.pending is None:
        answered = device._replace(last_t=ref.t, valid_to=to_ms, answered=True, covered_to=to_ms, quiet=False)
        return _judged(answered, ref, record, policy)
    device = _poll_given_up(device, ref.t, spans)
    device = cover(device, ref.t, to_ms, ANSWERED, spans, mark)
    device = device._replace(last_t=ref.t, valid_to=to_ms, answered=True)
    return _judged(device, ref, record, policy)


def _unanswered(
    device: DeviceState,
    ref: Ref,
    to_ms: Milliseconds,
    devices: Mapping[str, DeviceState],
    spans: Sequence[Span],
    book: Rulebook,
) -> DeviceState:
    device = _poll_given_up(device, ref.t, spans)
    device = device._replace(last_t=ref.t, valid_to=to_ms, answered=False, pending=Poll(ref, to_ms))
    if any(d.answered and d.last_t == ref.t for d in devices.values() if not d.local and d.device != device.device):
        device = _confirmed(device, spans, book)
    return device


def _neighbours_confirmed(
    devices: Mapping[str, DeviceState], witness: DeviceState, t: Milliseconds, spans: Sequence[Span], book: Rulebook
) -> dict[str, DeviceState]:
    """`witness` answers at `t`: polls of its neighbours since its answer before (or at `t`) went over a good road."""
    since = witness.last_t if witness.answered and t <= witness.valid_to else t
    return {
        other.device: _confirmed(other, spans, book)
        for other in devices.values()
        if other.pending is not None and other.device != witness.device and since <= other.pending.ref.t
    }


def _confirmed(device: DeviceState, spans: Sequence[Span], book: Rulebook) -> DeviceState:
    """The pending poll went over a good road: the device did not answer."""
    poll = device.pending
    assert poll is not None
    device = device._replace(pending=None, tracks=tuple(t for t in device.tracks if t.code == UNREACHABLE))
    if not device.pieces or poll.to_ms > device.covered_to:
        device = cover(device, poll.ref.t, poll.to_ms, NO_ANSWER, spans)
    rule = book.at(device.device, poll.ref.t).rule(UNREACHABLE)
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
    readings = record["readings"]
    if not device.local:
        device = _uptime_read(device, ref, readings, policy)
    if device.flaps:
        device = device._replace(flaps=tuple(one for one in device.flaps if _level(one, ref.t)))
    failed = record.get("failed") or {}
    active = _active(device)
    wrong = policy.finds_wrong(readings)
    if not wrong and not active and not failed and not device.boots:
        return device
    for name in readings:
        judges = policy.judges(name)
        if name not in wrong and not any((rule.code, component) in active for rule, component in judges):
            continue
        for rule, component in judges:
            is_active = (rule.code, component) in active
            verdict = judged(rule, name, component, readings, is_active)
            if verdict or (verdict is False and is_active):
                device = _observed(device, rule, component, verdict, ref)
                active = _active(device)
    if failed or active:
        device = _failures_judged(device, ref, readings, failed, policy)
    if device.boots or active:
        device = _restarts_judged(device, ref, policy)
    if (UNREACHABLE, "host") in active:
        rule_unreachable = policy.rule(UNREACHABLE)
        if rule_unreachable is not None:
            device = _observed(device, rule_unreachable, "host", False, ref)
    return device


def _uptime_read(device: DeviceState, ref: Ref, readings: Mapping[str, Any], policy: Policy) -> DeviceState:
    """A device that the agent only looks at tells by its uptime when it started."""
    uptime_ms = policy.uptime_ms(readings)
    if uptime_ms is None:
        return device
    booted = ref.t - uptime_ms
    if device.booted_ms and booted > device.booted_ms + RESTART_MS:
        return _started(device, booted, policy)
    return device if booted == device.booted_ms else device._replace(booted_ms=booted)


def _restarts_judged(device: DeviceState, ref: Ref, policy: Policy) -> DeviceState:
    """The rules that count restarts; those too long ago for any rule are forgotten."""
    boots = tuple(at for at in device.boots if at > ref.t - policy.restarts_within_ms)
    if len(boots) != len(device.boots):
        device = device._replace(boots=boots)
    for rule, when in policy.restart_rules:
        holding = sum(1 for at in boots if at > ref.t - when.within_ms) >= when.count
        if holding or _is_active(device, rule.code, "host"):
            device = _observed(device, rule, "host", holding, ref)
    return device


def _failures_judged(
    device: DeviceState, ref: Ref, readings: Mapping[str, Any], failed: Mapping[str, Any], policy: Policy
) -> DeviceState:
    """A probe that fails while the device answers; it is well again when readings of its component are there.

    The second probe of a name in a device (`http#2`) has a component of its own (`web#2`).
    """
    for rule in policy.failure_rules:
        probe, component, codes = rule.when.probe, rule.when.component, rule.when.codes  # type: ignore[union-attr]
        for name in failed:
            is_meant = name == probe or (name.startswith(probe + "#") and name[len(probe) + 1 :].isdigit())
            if is_meant and (not codes or failed[name][0] in codes):
                device = _observed(device, rule, component + name[len(probe) :], True, ref)
        if not any(name.startswith((component + ".", component + "[")) for name in readings):
            continue
        for code, of in sorted(_active(device)):
            if code == rule.code and of.startswith(component) and probe + of[len(component) :] not in failed:
                device = _observed(device, rule, of, False, ref)
    return device


def _active(device: DeviceState) -> frozenset[tuple[str, str]]:
    """What holds or is suspected of the device: (code, component) each."""
    if not device.faults and not device.tracks:
        return _NOTHING
    holding = {(fault.code, fault.component) for fault in device.faults if fault.to_ms is None}
    return frozenset(holding.union((track.code, track.component) for track in device.tracks))


_NOTHING: frozenset[tuple[str, str]] = frozenset()


def _is_active(device: DeviceState, code: str, component: str) -> bool:
    return any(f.code == code and f.component == component and f.to_ms is None for f in device.faults) or any(
        t.code == code and t.component == component for t in device.tracks
    )


def _observed(device: DeviceState, rule: Rule, component: str, holding: bool, ref: Ref) -> DeviceState:
    """One observation of one rule, the table of a fault's life:

    well        holds      -> suspected since now     (a fault at once when `for` is over, or while it flaps)
    suspected   holds      -> a fault since the first of the run when `for` is over
    suspected   does not   -> well
    faulty      does not   -> recovering since now    (over at once when `clear_for` is over)
    recovering  does not   -> over since the first of that run when `clear_for` is over and it does not flap
    recovering  holds      -> faulty
    """
    track = next((t for t in device.tracks if t.code == rule.code and t.component == component), None)
    others = tuple(t for t in device.tracks if t is not track)
    open_fault = next(
        (f for f in device.faults if f.code == rule.code and f.component == component and f.to_ms is None), None
    )
    flapping = False
    if rule.flap_ms:
        turned = holding == ((open_fault is not None) == (track is not None))
        device, flapping = _restless(device, rule, component, turned, ref.t)
        if flapping and open_fault is not None and not open_fault.flapping:
            marked = open_fault._replace(flapping=True)
            device = device._replace(faults=tuple(marked if f is open_fault else f for f in device.faults))
            open_fault = marked
    if holding == (open_fault is not None):
        return device._replace(tracks=others) if track is not None else device
    if track is None and open_fault is None and len(device.faults) + len(device.tracks) >= RUNS_KEPT:
        return device
    run = track or Track(rule.code, component, open_fault is not None, ref)
    held_for = ref.t - run.first.t
    if (held_for < rule.for_ms and not flapping) if open_fault is None else (held_for < rule.clear_for_ms or flapping):
        return device if track is not None else device._replace(tracks=(*device.tracks, run))
    if open_fault is None:
        where = device.device, component, rule.code, run.first.t, None, run.first, ref, ""
        fault = Condition(*where, rule.effect, rule.function, rule.explains, flapping)
        return device._replace(tracks=others, faults=(*device.faults, fault))
    faults = tuple(f._replace(to_ms=run.first.t) if f is open_fault else f for f in device.faults)
    return device._replace(tracks=others, faults=faults)


def _restless(
    device: DeviceState, rule: Rule, component: str, turned: bool, t: Milliseconds
) -> tuple[DeviceState, bool]:
    """The device with what is known of how restless this fault is, and whether it flaps."""
    known = next((one for one in device.flaps if one.code == rule.code and one.component == component), None)
    if known is None and (not turned or len(device.flaps) >= RUNS_KEPT):
        return device, False
    level = _level(known, t) if known is not None else 0
    if turned:
        level = min(FLAP_FULL * rule.flap_ms, level + rule.flap_ms)
    was = known is not None and known.flapping
    flapping = level > FLAP_CALM * rule.flap_ms if was else level >= FLAP_FULL * rule.flap_ms
    flap = Flap(rule.code, component, level, t, flapping)
    return device._replace(flaps=(*(one for one in device.flaps if one is not known), flap)), flapping


def _level(flap: Flap, t: Milliseconds) -> Milliseconds:
    return max(0, flap.level_ms - max(0, t - flap.at_ms))
