"""A collector in thirty lines, for tests of the core: takes items in any order, rebuilds when told, keeps the ledger.

The cast: agent gw-2 runs on the machine gw-2 and polls nvr-2 and ups-2; agent kiosk-7 looks after itself.
"""

from collections.abc import Iterable
from typing import Any

from roundsman_collector.core.model import Change, Condition, Item, Segment, Spec, UnitState, newborn
from roundsman_collector.core.policy import Above, Builtin, Effect, Fails, Is, Policy, Rule
from roundsman_collector.core.rebuild import rebuild, resting
from roundsman_collector.core.rulebook import Rulebook, book_of
from roundsman_collector.core.state import dump, load
from roundsman_collector.core.turn import tick, turn

SECOND = 1000
MINUTE = 60 * SECOND
START = 1_795_257_600_000  # 2026-11-21 16:00 UTC
GATEWAY = Spec("9a41c2", (("gw-2", True, 3 * MINUTE), ("nvr-2", False, 3 * MINUTE), ("ups-2", False, 3 * MINUTE)))
KIOSK = Spec("77aa01", (("kiosk-7", True, 3 * MINUTE),))


def rule(code: str, when: Any, for_s: int = 0, clear_for_s: int = 0, effect: Effect = "down", flap_s: int = 0) -> Rule:
    return Rule(
        code=code,
        zh=code,
        en=code,
        when=when,
        for_ms=for_s * SECOND,
        clear_for_ms=clear_for_s * SECOND,
        severity=2,
        service_class="clerk",
        function={"down": "device", "degraded": "cash"}.get(effect, ""),
        effect=effect,
        rests=effect == "rests",
        ticket=effect != "rests",
        flap_ms=flap_s * SECOND,
    )


POLICY = Policy(
    rules=(
        rule("printer.paper_end", Is(reading="printer.paper", words=("end",)), for_s=60, clear_for_s=60),
        rule("printer.cover_open", Is(reading="printer.cover", words=("open",))),
        rule("printer.offline", Fails(probe="escpos", component="printer"), for_s=60),
        rule("host.cpu_high", Above(reading="host.cpu_percent", limit=90, clear=80), for_s=120, effect=""),
        rule("host.unreachable", Builtin(what="unanswered"), for_s=120),
        rule("agent.silent", Builtin(what="silent"), effect=""),
    )
)


def at(minutes: float) -> int:
    """Milliseconds of `minutes` after the start of the story."""
    return START + round(minutes * MINUTE)


class Recorder:
    """Makes the records of one stream, numbered, on a machine that booted an hour before the story."""

    def __init__(self, stream: str, spec: Spec | None, valid_s: float = 90) -> None:
        self.stream, self.spec, self.valid_s = stream, spec, valid_s
        self.n = 0
        self.boot, self.booted = "b1", START - 60 * MINUTE

    def _item(self, t: int, kind: str, **fields: Any) -> Item:
        self.n += 1
        record = {"n": self.n, "kind": kind, "boot": self.boot, "mono": t - self.booted, "t": t, **fields}
        return Item(record.pop("_at", t), self.stream, self.n, record, self.spec)

    def sample(self, minutes: float, device: str, /, _failed: dict[str, Any] | None = None, **readings: Any) -> Item:
        said = {name.replace("__", "."): value for name, value in readings.items()}
        fields: dict[str, Any] = {"device": device, "valid_s": self.valid_s, "readings": said}
        if _failed:
            fields["failed"] = _failed
        return self._item(at(minutes), "sample", **fields)

    def no_answer(self, minutes: float, device: str) -> Item:
        return self.sample(minutes, device, {"snmp": ["timeout", "no answer in 3 s"]})

    def reboot(self, minutes: float, orderly: bool | None = None) -> Item:
        """The machine came up at `minutes`; its boot record is written 10 s later."""
        self.boot, self.booted = f"b{int(self.boot[1:]) + 1}", at(minutes)
        return self._item(at(minutes) + 10 * SECOND, "boot", orderly=orderly)

    def thinned(self, from_minutes: float, to_minutes: float, left_out: tuple[int, int], every_s: float) -> Item:
        """Of these numbers a sample every `every_s` was kept; the record is written at the end of that time."""
        span = {"lost": left_out, "from_t": at(from_minutes), "to_t": at(to_minutes), "count": 1}
        return self._item(at(to_minutes), "gap", _at=at(from_minutes), **span, reason="thinned", every_s=every_s)

    def gap(self, from_minutes: float, to_minutes: float, lost: tuple[int, int] | None, reason: str) -> Item:
        fields = {"lost": lost, "from_t": at(from_minutes), "to_t": at(to_minutes), "count": 1, "reason": reason}
        return self._item(at(to_minutes), "gap", _at=at(from_minutes), **fields)


class Desk:
    """Takes evidence as it comes; `truth` is what it then believes."""

    def __init__(self, agent: str, rules: Policy | Rulebook = POLICY) -> None:
        self.book = book_of(rules) if isinstance(rules, Policy) else rules
        self.state: UnitState = newborn(agent)
        self.evidence: dict[tuple[str, int], Item] = {}
        self.checkpoints: list[UnitState] = [newborn(agent)]
        self.dirty_from: int | None = None
        self.segments: dict[str, tuple[Segment, ...]] = {}
        self.conditions: dict[tuple[str, str, str, int], Condition] = {}

    def take(self, item: Item) -> None:
        if (item.stream, item.n) in self.evidence:
            return
        self.evidence[item.stream, item.n] = item
        change = turn(self.state, item, self.book)
        if change is None:
            self.dirty_from = item.t if self.dirty_from is None else min(item.t, self.dirty_from)
        else:
            self.apply(change)

    def take_all(self, items: Iterable[Item]) -> "Desk":
        for item in items:
            self.take(item)
        return self

    def checkpoint(self) -> None:
        if self.dirty_from is None:
            self.checkpoints.append(load(dump(resting(self.state))))

    def settle(self) -> None:
        """Rebuild what late evidence made dirty."""
        if self.dirty_from is None:
            return
        self.checkpoints = [c for c in self.checkpoints if c.last_t < self.dirty_from]
        self.apply(rebuild(self.checkpoints[-1], self.evidence.values(), self.book))
        self.dirty_from = None

    def tick(self, now: int) -> "Desk":
        self.settle()
        change = tick(self.state, now, self.book)
        if change is not None:
            self.apply(change)
        return self

    def apply(self, change: Change) -> None:
        for one in change.retold:
            kept = [s for s in self.segments.get(one.device, ()) if s.from_ms < one.from_ms]
            if kept and (kept[-1].to_ms is None or kept[-1].to_ms > one.from_ms):
                kept[-1] = kept[-1]._replace(to_ms=one.from_ms)
            self.segments[one.device] = (*kept, *one.segments)
        for subject, from_ms in change.whole:
            for key, c in list(self.conditions.items()):
                if c.subject == subject and (c.to_ms is None or c.to_ms > from_ms):
                    del self.conditions[key]
        for c in change.conditions:
            self.conditions[c.subject, c.component, c.code, c.from_ms] = c
            if c.from_ms == c.to_ms:  # taken back
                del self.conditions[c.subject, c.component, c.code, c.from_ms]
        self.state = change.state

    @property
    def truth(self) -> tuple[dict[str, tuple[Segment, ...]], list[Condition], str]:
        """Ledger, conditions and the resting state."""
        told = {device: segments for device, segments in sorted(self.segments.items()) if segments}
        return told, sorted(self.conditions.values()), dump(resting(self.state))


def from_nothing(agent: str, items: Iterable[Item], now: int, rules: Policy | Rulebook = POLICY) -> Desk:
    """A desk that knows the whole set at once and rebuilds it."""
    desk = Desk(agent, rules)
    desk.evidence = {(item.stream, item.n): item for item in items}
    desk.dirty_from = 0
    desk.checkpoints = [newborn(agent)]
    desk.apply(rebuild(newborn(agent), desk.evidence.values(), desk.book))
    desk.dirty_from = None
    return desk.tick(now)


def story(segments: Iterable[Segment]) -> list[tuple[float, float | None, str, str]]:
    """Segments as (from minute, to minute, state, fault or cause) for reading."""
    return [
        (
            (s.from_ms - START) / MINUTE,
            None if s.to_ms is None else (s.to_ms - START) / MINUTE,
            s.state,
            s.fault or s.cause,
        )
        for s in segments
    ]
