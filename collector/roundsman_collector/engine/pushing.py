"""Configurations to the broker: published retained, and noted as sent when the broker has confirmed them, not before.

    pushing = Pushing(engine, keeper);  pushing.step(now_ms)       every second

Publishing takes a turn of the line; what is on its way is remembered here alone. After a restart it is published once
more, which is harmless: the broker keeps one configuration for an agent, and the agent knows what it has by its hash.
"""

from typing import Protocol

from roundsman_collector.engine.engine import Engine
from roundsman_collector.store import batch as stored
from roundsman_collector.store.pushed import PushOut
from roundsman_wire.codec import encode
from roundsman_wire.topics import CONFIG, down

AT_ONCE = 50
"""So many are on their way at once: each may have 128 KiB."""


class Keeper(Protocol):
    """A line to the broker that keeps messages (mqtt.Subscription is one)."""

    @property
    def connected(self) -> bool:
        """Whether there is a line now."""

    @property
    def unconfirmed(self) -> int:
        """How many retained messages the broker has not confirmed."""

    def publish_retained(self, topic: str, payload: bytes) -> None:
        """Publish, to be kept; sent again until the broker confirms."""


class Pushing:
    """What is on its way to the broker."""

    def __init__(self, engine: Engine, keeper: Keeper | None) -> None:
        self.engine = engine
        self.keeper = keeper
        self._on_their_way: list[PushOut] = []

    def step(self, now_ms: int) -> int:
        """Note what the broker has confirmed, publish what waits; returns how many were published."""
        if self.keeper is None or not self.keeper.connected:
            return 0
        if self._on_their_way and self.keeper.unconfirmed == 0:
            self.engine.store.commit(
                stored.Batch(
                    now_ms=now_ms,
                    pushes_sent=[one.id for one in self._on_their_way if one.body is not None],
                    pushes_withdrawn=[one.id for one in self._on_their_way if one.body is None],
                )
            )
            self._on_their_way = []
        if self._on_their_way:
            return 0
        waiting = self.engine.store.pushes_out(AT_ONCE)
        for one in waiting:
            self.keeper.publish_retained(*written(one))
        self._on_their_way = waiting
        return len(waiting)


def written(one: PushOut) -> tuple[str, bytes]:
    """The message; an empty one withdraws."""
    topic = down(one.group, one.agent, CONFIG)
    if one.body is None:
        return topic, b""
    said = {"v": 1, "hash": one.hash, "agent": one.agent, "body": one.body, "rollback_s": one.rollback_s}
    return topic, encode(said)
