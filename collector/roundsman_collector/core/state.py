"""A unit's state as JSON and back, exactly: what the store keeps for a restart and as checkpoints."""

import json
from collections.abc import Sequence
from typing import Any

from roundsman_collector.core.model import (
    Accounted,
    Condition,
    DeviceState,
    Flap,
    Piece,
    Poll,
    Ref,
    Span,
    Thinned,
    Track,
    UnitState,
)

FORMAT = 2
OLD = 1
"""The format before conditions had effects: read with nothing in the newer fields; who has such a state rebuilds it."""


def dump(state: UnitState) -> str:
    """The state as compact JSON; equal states give equal text (devices by name)."""
    return json.dumps(plain(state), separators=(",", ":"), ensure_ascii=False)


def load(text: str) -> UnitState:
    """The state a `dump` came from. Raises ValueError for another format."""
    return state_of(json.loads(text))


def plain(state: UnitState) -> tuple[int, UnitState]:
    """The state as what JSON has arrays for, to stand in a larger document; equal states give equal ones."""
    if len(state.devices) > 1:
        state = state._replace(devices=tuple(sorted(state.devices, key=lambda d: d.device)))
    return FORMAT, state


def state_of(said: Sequence[Any]) -> UnitState:
    """The state that `plain` gave, back from JSON. Raises ValueError for another format."""
    form, body = said
    if form == OLD:
        body = _newer(body)
    elif form != FORMAT:
        raise ValueError(
            f"unit state in format {form!r}; this version reads {FORMAT}: rebuild the unit from its evidence"
        )
    *head, devices, spans, accounted, thinned = body
    kept = (
        tuple(_device(d) for d in devices),
        tuple(Span(*s) for s in spans),
        tuple(Accounted(*a) for a in accounted),
        tuple(Thinned(*t) for t in thinned),
    )
    return UnitState._make((*head, *kept))


def _newer(body: Sequence[Any]) -> list[Any]:
    """A body of the old format as one of this."""
    *head, devices, spans, accounted = body
    return [*head, [_newer_device(one) for one in devices], spans, accounted, ()]


def _newer_device(body: Sequence[Any]) -> list[Any]:
    *head, faults, tracks, pending, quiet = body
    return [*head, [(*fault, "", "", "", False) for fault in faults], tracks, pending, quiet, (), 0, ()]


def _device(body: list) -> DeviceState:  # type: ignore[type-arg]
    *head, pieces, faults, tracks, pending, quiet, flaps, booted_ms, boots = body
    kept = (
        tuple(Piece(*p) for p in pieces),
        tuple(_condition(c) for c in faults),
        tuple(Track(code, component, recovering, Ref(*first)) for code, component, recovering, first in tracks),
        Poll(Ref(*pending[0]), pending[1]) if pending is not None else None,
        quiet,
        tuple(Flap(*one) for one in flaps),
        booted_ms,
        tuple(boots),
    )
    return DeviceState._make((*head, *kept))


def _condition(body: list) -> Condition:  # type: ignore[type-arg]
    *head, first, confirmed, cause, effect, function, explains, flapping = body
    return Condition._make((*head, Ref(*first), Ref(*confirmed), cause, effect, function, explains, flapping))
