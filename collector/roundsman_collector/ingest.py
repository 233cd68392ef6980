"""MQTT in, acknowledgements out: one step of the collector's loop.

    live, history --take--> door --> Arrival | Rejected --> engine.take (committed) --> settle, acks

Law 2 in one place: nothing is acknowledged, neither to the broker nor to an agent, before the commit. What the door
refuses is acknowledged to the broker too, so that nothing blocks the queue. When the store is full or locked the batch
is held and tried again; meanwhile nothing new is taken, and brokers and agents keep what they have.
"""

from collections.abc import Iterable, Sequence
from zlib import crc32

import structlog

from roundsman_collector import clock, door, fault
from roundsman_collector.engine.engine import Engine, Owed, Rejected
from roundsman_collector.engine.intake import Arrival, Bad
from roundsman_collector.mqtt import Message, Subscription
from roundsman_collector.store.errors import StoreError
from roundsman_wire.codec import BIRTH_BYTES, DEFLATE_WITH_BIRTH, CodecError, birth_dictionary, unpack
from roundsman_wire.report import Birth
from roundsman_wire.topics import (
    ACK,
    BIRTH,
    STATE,
    Address,
    TopicError,
    down,
    is_collector_state,
    parse_up,
)

log = structlog.get_logger(__name__)

DICTIONARIES_KEPT = 50_000
RETRY_S = 1.0
PRESSED_S = 10.0
"""So long more than can be stored has to come before agents are asked to slow down, and so long they are asked."""
SLOW_DOWN_S = (5, 16)
NEVER_FULL = float("inf")
NEVER = float("-inf")


class Door:
    """Raw messages -> arrivals that the engine may trust, and what was rejected."""

    def __init__(self) -> None:
        self._dictionaries: dict[tuple[str, str], bytes] = {}
        """By agent and birth: a birth's name has 24 bits, a fleet has more agents than that keeps apart."""

    def sort(self, messages: Iterable[Message]) -> tuple[list[Arrival], list[Rejected]]:
        """Split messages into arrivals and rejected ones, in their order."""
        arrivals, rejected = [], []
        for message in messages:
            address = None
            try:
                address = parse_up(message.topic)
                arrivals.append(self._open(address, message.payload))
            except (TopicError, CodecError, door.Refusal) as error:
                if is_collector_state(message.topic):
                    continue  # our own greeting: the filter for agents' states catches it too
                cause = "topic" if isinstance(error, TopicError) else error.cause
                agent = address.agent if address is not None else ""
                rejected.append(
                    Rejected(topic=message.topic, agent=agent, cause=cause, detail=str(error), raw=message.payload)
                )
        return arrivals, rejected

    def _open(self, address: Address, payload: bytes) -> Arrival:
        plain = unpack(payload, self._dictionary(address.agent, payload))
        if address.leaf == BIRTH:
            birth = door.validate_birth(plain)
            self._learn(address.agent, birth)
            return Arrival(address, birth, plain)
        if address.leaf == STATE:
            return Arrival(address, door.validate_state(plain), plain)
        try:
            return Arrival(address, door.validate_report(plain), plain)
        except door.Refusal as refusal:
            if refusal.cause in ("json", "version"):
                raise
        report, refused = door.split_report(plain)
        bad = tuple(Bad(one.n, one.last, one.cause, f"{one.where}: {one.detail}") for one in refused)
        return Arrival(address, report, plain, bad)

    def _dictionary(self, agent: str, payload: bytes) -> dict[str, bytes]:
        """The one that a payload asks for, if it is known."""
        birth = payload[1 : 1 + BIRTH_BYTES].hex() if payload[:1] == bytes([DEFLATE_WITH_BIRTH]) else ""
        found = self._dictionaries.get((agent, birth))
        return {} if found is None else {birth: found}

    def _learn(self, agent: str, birth: Birth) -> None:
        if birth["pages"] == 1 and "dictionary" in birth["capabilities"]:
            if len(self._dictionaries) >= DICTIONARIES_KEPT:
                del self._dictionaries[next(iter(self._dictionaries))]
            self._dictionaries[agent, birth["hash"]] = birth_dictionary(birth["devices"], birth.get("points", ()))


class AckDesk:
    """Acknowledgements owed to agents, at most one per agent and stream every `every_s`; at once after a birth."""

    def __init__(self, epoch: str, every_s: float) -> None:
        self.epoch = epoch
        self.every_s = every_s
        self._sent: dict[str, float] = {}
        """When an agent was told last: in this stretch of `every_s`, or (`_before`) in the one before."""
        self._before: dict[str, float] = {}
        self._since = NEVER
        self._waiting: dict[tuple[str, str], Owed] = {}
        self._next_look = 0.0

    def add(self, owed: Iterable[Owed], mono_s: float) -> list[Owed]:
        """Note what is owed; return what may go now."""
        now = []
        self._turn_over(mono_s)
        for one in owed:
            before = self._waiting.pop((one.agent, one.stream), None)
            joined = one if before is None else _joined(before, one)
            is_pressing = joined.is_birth or joined.need_birth or joined.refused
            if is_pressing or mono_s - self._told_at(one.agent) >= self.every_s:
                now.append(joined)
            else:
                self._waiting[one.agent, one.stream] = joined
        for one in now:
            self._sent[one.agent] = mono_s
        return now

    def keep(self, owed: Iterable[Owed]) -> None:
        """Note what is owed while the broker cannot be told: it is due as soon as it can."""
        for one in owed:
            before = self._waiting.pop((one.agent, one.stream), None)
            self._waiting[one.agent, one.stream] = one if before is None else _joined(before, one)
            self._sent.pop(one.agent, None)
            self._before.pop(one.agent, None)

    def due(self, mono_s: float) -> list[Owed]:
        """What has waited long enough."""
        if not self._waiting or mono_s < self._next_look:
            return []
        self._next_look = mono_s + min(0.2, self.every_s / 4)
        self._turn_over(mono_s)
        ready = [one for one in self._waiting.values() if mono_s - self._told_at(one.agent) >= self.every_s]
        for one in ready:
            del self._waiting[one.agent, one.stream]
            self._sent[one.agent] = mono_s
        return ready

    def _told_at(self, agent: str) -> float:
        at = self._sent.get(agent)
        return self._before.get(agent, NEVER) if at is None else at

    def _turn_over(self, mono_s: float) -> None:
        """Forget those who were told so long ago that they may be told again: the others are few."""
        if mono_s - self._since >= self.every_s:
            self._before = self._sent if mono_s - self._since < 2 * self.every_s else {}
            self._sent, self._since = {}, mono_s

    def written(self, owed: Owed, at_ms: int, *, is_pressed: bool = False) -> tuple[str, bytes]:
        """Topic and payload of an ack, packed by hand: at 6,700 a second a JSON library would be half of the budget.

        `is_pressed`: the agent is asked to send nothing for some seconds, and not all agents for as many.
        """
        said = (
            f'{{"v":1,"stream":"{owed.stream}","epoch":"{self.epoch}","upto":{owed.upto},'
            f'"at":{at_ms},"echo":{owed.echo}'
        )
        if owed.also:
            said += ',"also":[' + ",".join(f"[{a},{b}]" for a, b in owed.also) + "]"
        if owed.refused:
            said += ',"refused":[' + ",".join(f'[{a},{b},"{cause}"]' for a, b, cause in owed.refused) + "]"
        if owed.need_birth:
            said += ',"need_birth":true'
        if is_pressed:
            said += f',"slow_down_s":{SLOW_DOWN_S[0] + crc32(owed.agent.encode()) % (SLOW_DOWN_S[1] - SLOW_DOWN_S[0])}'
        return down(owed.group, owed.agent, ACK), (said + "}").encode()


def _joined(one: Owed, later: Owed) -> Owed:
    return later._replace(
        refused=(*one.refused, *later.refused)[-32:],
        need_birth=later.need_birth,
        is_birth=one.is_birth or later.is_birth,
    )


class Ingest:
    """One step of the loop: take, decide, commit, acknowledge."""

    def __init__(
        self,
        engine: Engine,
        live: Subscription,
        history: Subscription,
        *,
        ack_every_s: float,
        batch_max: int,
        window: int,
    ) -> None:
        self.engine = engine
        self.live = live
        self.history = history
        self.batch_max = batch_max
        self.window = window
        self.acks = AckDesk(engine.store.epoch, ack_every_s)
        self.batches = 0
        self.last_batch = 0
        self._door = Door()
        self._held: tuple[list[Message], list[Message]] | None = None
        self._retry_at = 0.0
        self._is_blocked = False
        self._full_since = NEVER_FULL
        """Since when more reports have come than one batch takes."""
        self._blocked_since = 0.0
        self._pressed_until = NEVER

    def step(self) -> int:
        """Take what is there, commit it, acknowledge it; return how many messages were settled."""
        mono = clock.mono_s()
        if self._held is None:
            live = self.live.take(0, self.batch_max)
            history = self.history.take(0, self.window)
            if not live and not history:
                self._acknowledge((), mono)
                return 0
            self._held = live, history
        elif mono < self._retry_at:
            self.live.step(0)
            self.history.step(0)
            return 0
        live, history = self._held
        fault.hit("ingest.before_take")
        arrivals, rejected = self._door.sort((*live, *history))
        try:
            owed = self.engine.take(arrivals, rejected, clock.now_ms())
        except StoreError as error:
            self._blocked(error, mono)
            return 0
        self._unblocked(mono)
        self._feel(len(live), mono)
        self._held = None
        fault.hit("ingest.before_settle")
        self.live.settle(live)
        self.history.settle(history)
        fault.hit("ingest.before_ack")
        self._acknowledge(owed, mono)
        fault.hit("ingest.after_ack")
        self.batches += 1
        self.last_batch = len(live) + len(history)
        return self.last_batch

    def _acknowledge(self, owed: Sequence[Owed], mono: float) -> None:
        """Tell the agents; if the line is not up, later: a broker may deliver before it grants the subscription."""
        if not self.live.connected:
            self.acks.keep(owed)
            return
        ready = [*self.acks.add(owed, mono), *self.acks.due(mono)]
        if ready:
            at_ms, is_pressed = clock.now_ms(), mono < self._pressed_until
            self.live.publish_many([self.acks.written(one, at_ms, is_pressed=is_pressed) for one in ready])

    def _feel(self, live: int, mono: float) -> None:
        """Whether live reports come in faster than they are stored, and have for some time: then agents are told."""
        if live < self.batch_max:
            self._full_since = NEVER_FULL
        elif self._full_since == NEVER_FULL:
            self._full_since = mono
        elif mono - self._full_since >= PRESSED_S:
            self._press(mono, "reports come in faster than they are stored; agents are asked to slow down")

    def _press(self, mono: float, why: str) -> None:
        if mono >= self._pressed_until:
            log.warning(why)
        self._pressed_until = mono + PRESSED_S

    def _blocked(self, error: StoreError, mono: float) -> None:
        if not error.again:
            raise error
        self._retry_at = mono + RETRY_S
        if not self._is_blocked:
            log.error("the store does not take the batch; it is tried again until it does", cause=str(error))
            self._blocked_since = mono
        self._is_blocked = True

    def _unblocked(self, mono: float) -> None:
        if self._is_blocked:
            log.info("the store takes batches again")
            if mono - self._blocked_since >= PRESSED_S:
                self._press(mono, "much has come meanwhile; agents are asked to slow down")
        self._is_blocked = False
