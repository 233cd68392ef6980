"""How every device stands, for lists: kept on a board in memory, brought up to date when somebody asks.

    summary = Summary(view)
    summary.fleet(who.scope, FleetFilter(words=("fault",)), now_ms)     a page, worst first, with its total
    summary.counts(who.scope, now_ms)                                  {"fault": 3, "offline": 0, ...}
    summary.pooled(who.scope, "24h", now_ms)                           a Figure of all, and when it was worked out

What is read to bring it up to date is what changed: new rows of the ledger, faults and tickets that are open, devices
whose evidence may have ended. The whole fleet is read again when the register may have changed, and now and then.
A change of less than `every_s` ago may not be on it yet; its own device's page has it.

    a page asks --> older than every_s? --no--> answered from the board
                          | yes
                          +--> one thread refreshes; the page waits at most PATIENCE_S for it, then takes what is there
"""

import threading
import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

from roundsman_collector.api.standing import OVERDUE_MS, WORDS, Word, standing_of
from roundsman_collector.core.availability import Figure
from roundsman_collector.core.model import UNKNOWN
from roundsman_collector.core.policy import SILENT
from roundsman_collector.roles import Scope
from roundsman_collector.store import Board, BoardPage, BoardRow, FleetFilter, StoreError, View
from roundsman_collector.store.board import ALL, Order
from roundsman_collector.store.fleet import DeviceFacts, FleetNews, Past

T = TypeVar("T")
HOUR_MS = 3_600_000
WINDOWS = {"10m": HOUR_MS // 6, "1h": HOUR_MS, "24h": 24 * HOUR_MS, "30d": 30 * 24 * HOUR_MS}
PLACES = {name: place for place, name in enumerate(WINDOWS)}
RANKS: dict[str, int] = {word: rank for rank, word in enumerate(WORDS)}
EVERY_S = 1.0
PATIENCE_S = 0.25
STALE_S = 15.0
REGISTER_EVERY_S = 60.0
PASTS_EVERY_S = 30.0
STALE_PASTS = 10
"""Figures are shown for so many times as long as they take between two times, whatever goes wrong."""
SHARE = 20
"""Reading everything again waits at least so many times as long as it took."""
CHUNK = 1000
LOOK_AGAIN_MS = 5_000
"""How soon a device is looked at again whose evidence has ended."""
DUE_LIMIT = 5_000
KEPT = 1_000


class Pool(NamedTuple):
    """The past of many devices as one figure, and the end of its window."""

    figure: Figure
    devices: int
    at_ms: int


class Summary:
    """How every device stands. Many threads may ask it."""

    def __init__(self, view: View, *, every_s: float = 0.0, fill: Callable[[], None] | None = None) -> None:
        """`every_s` 0: every answer is brought up to date first, by who asks: for tests and small fleets.

        `fill` is done before the whole fleet is read again: it writes what new devices are found by.
        """
        self.board = Board()
        self._view = view
        self._every_s = every_s
        self._fill = fill
        self._refreshing = threading.Lock()
        self._reckoning = threading.Lock()
        self._news: FleetNews | None = None
        self._fresh_s = self._whole_s = self._pasts_s = 0.0
        self._whole_cost_s = self._pasts_cost_s = 0.0
        self._has_pasts = False
        self._register: tuple[int, ...] = ()
        self._problem: StoreError | None = None
        self._pasts_problem: StoreError | None = None
        self._pasts_good_s = 0.0
        self._kept: dict[Hashable, Any] = {}

    # --- what it is asked ---------------------------------------------------------------------------------------------

    def fleet(
        self,
        scope: Scope,
        wanted: FleetFilter,
        now_ms: int,
        *,
        order: Order = "worst",
        offset: int = 0,
        limit: int = 50,
    ) -> BoardPage:
        """Rows of a list of devices from `offset` on, and how many there are."""
        self._bring_up(now_ms)
        return self.board.page(scope, wanted, order, offset, limit)

    def counts(self, scope: Scope, now_ms: int, wanted: FleetFilter = ALL) -> dict[Word, int]:
        """How many devices of a list stand under each of the six words."""
        self._bring_up(now_ms)
        found = self.board.counts(scope, wanted)
        return {word: found.get(word, 0) for word in WORDS}

    def facets(self, scope: Scope, name: str, now_ms: int) -> dict[str, int]:
        """What lists can be narrowed to by `kind`, `group`, `customer` or `site`, with the number of devices."""
        self._bring_up(now_ms)
        return self.kept(("facets", scope, name), lambda: self.board.facets(scope, name))

    def kept(self, key: Hashable, make: Callable[[], T]) -> T:
        """What follows from the register alone: made once, until the whole fleet is read again."""
        if not self._every_s:
            return make()
        kept = self._kept
        if key not in kept:
            if len(kept) >= KEPT:
                kept.clear()
            kept[key] = make()
        found: T = kept[key]
        return found

    def pooled(self, scope: Scope, window: str, now_ms: int, wanted: FleetFilter = ALL) -> Pool | None:
        """The figure of a whole list over one of WINDOWS; None until it is worked out for the first time.

        It is worked out anew every 30 s, in large fleets less often: its window ends at `at_ms`.
        """
        self._bring_up(now_ms)
        self._must_have_pasts()
        found = self.board.pooled(scope, wanted, PLACES[window])
        return None if found is None else Pool(figure_of(found.past), found.devices, found.at_ms)

    def figures(self, devices: Sequence[str], now_ms: int) -> dict[str, dict[str, Figure]]:
        """The figures of devices over all windows, as they were when the pool was worked out last."""
        self._bring_up(now_ms)
        self._must_have_pasts()
        pasts, at_ms = self.board.pasts(devices)
        if at_ms is None:
            return {}
        return {
            device: {name: figure_of(found[PLACES[name]]) for name in WINDOWS if PLACES[name] in found}
            for device, found in pasts.items()
        }

    # --- bringing it up to date ---------------------------------------------------------------------------------------

    def _bring_up(self, now_ms: int) -> None:
        """See to it that the board is no older than `every_s`, or that somebody is at it."""
        if self._news is None or not self._every_s:
            with self._refreshing:
                if self._news is None or not self._every_s:
                    self._refresh(now_ms)
            return
        if time.monotonic() - self._fresh_s < self._every_s or not self._refreshing.acquire(blocking=False):
            return
        worker = threading.Thread(target=self._refresh_and_let_go, args=(now_ms,), name="summary", daemon=True)
        worker.start()
        worker.join(PATIENCE_S)
        if self._problem is not None and time.monotonic() - self._fresh_s > STALE_S:
            raise self._problem

    def _refresh_and_let_go(self, now_ms: int) -> None:
        try:
            self._refresh(now_ms)
            self._problem = None
        except StoreError as error:  # told to who asks, once the board is too old to be shown
            self._problem = error
        finally:
            self._refreshing.release()

    def _refresh(self, now_ms: int) -> None:
        """Read what changed; everything, when it is time for it."""
        begun_s = time.monotonic()
        before = self._news
        if before is None:
            after = self._view.fleet_news(self._view.newest_interval(), now_ms)
            self._put_all(after, now_ms)
        else:
            after = self._view.fleet_news(before.last_interval, now_ms)
            if self._is_time_for_all(after, begun_s):
                self._put_all(after, now_ms)
            else:
                self._put_changed(before, after, now_ms)
        self._news = after
        self._fresh_s = time.monotonic()
        if before is None and self._every_s:
            self._fresh_s -= self._every_s  # who asks first does not wait for the past of all
        elif not self._has_pasts or begun_s - self._pasts_s > self._pasts_pace_s:
            self._bring_up_pasts(now_ms)

    def _is_time_for_all(self, news: FleetNews, mono_s: float) -> bool:
        """Whether the whole fleet is to be read again: for a change in the register soon, else now and then."""
        passed_s = mono_s - self._whole_s
        if news.register != self._register:
            return passed_s >= SHARE / 4 * self._whole_cost_s or not self._every_s
        return passed_s >= max(REGISTER_EVERY_S, SHARE * self._whole_cost_s)

    @property
    def _pasts_pace_s(self) -> float:
        return max(PASTS_EVERY_S, SHARE * self._pasts_cost_s) if self._every_s else 0.0

    def _put_all(self, news: FleetNews, now_ms: int) -> None:
        begun_s = time.monotonic()
        if self._fill is not None and self._news is not None:  # never the first time: somebody waits for the page
            with suppress(StoreError):  # what is missing is written the next time
                self._fill()
        self.board.begin_round()
        after = ""
        while part := self._view.fleet_facts(after, CHUNK):
            after = part[-1].id
            self.board.put(_rows(part, news, now_ms))
        self.board.end_round()
        self._register = news.register
        self._kept = {}
        self._whole_s = time.monotonic()
        self._whole_cost_s = self._whole_s - begun_s

    def _put_changed(self, before: FleetNews, after: FleetNews, now_ms: int) -> None:
        touched = set(after.told) | set(self.board.due(now_ms, DUE_LIMIT))
        subjects = _differing(before.conditions, after.conditions) | _differing(before.tickets, after.tickets)
        agents = {one[1:] for one in subjects if one.startswith("@")} | (before.silent ^ after.silent)
        touched.update(one for one in subjects if not one.startswith("@"))
        touched.update(_differing(before.shadows, after.shadows) | (before.maintained ^ after.maintained))
        touched.update(self.board.devices_of(sorted(agents)))
        if touched:
            self.board.put(_rows(self._view.fleet_facts_of(sorted(touched)), after, now_ms))

    def _bring_up_pasts(self, now_ms: int) -> None:
        """Work out the past of all; in a process with many readers beside what stands now, which must not wait."""
        if not self._every_s:
            self._put_pasts(now_ms)
        elif self._reckoning.acquire(blocking=False):
            threading.Thread(target=self._put_pasts_and_let_go, args=(now_ms,), name="pasts", daemon=True).start()

    def _put_pasts_and_let_go(self, now_ms: int) -> None:
        try:
            self._put_pasts(now_ms)
            self._pasts_problem = None
        except StoreError as error:  # told to who asks, once the figures are too old to be shown
            self._pasts_problem = error
        finally:
            self._reckoning.release()

    def _put_pasts(self, now_ms: int) -> None:
        begun_s = self._pasts_s = time.monotonic()
        self.board.put_pasts(self._view.fleet_pasts(now_ms, tuple(WINDOWS.values())), now_ms)
        self._pasts_s = self._pasts_good_s = time.monotonic()
        self._pasts_cost_s = self._pasts_s - begun_s
        self._has_pasts = True

    def _must_have_pasts(self) -> None:
        """Figures that cannot be worked out any more are shown for a while, then whoever asks is told why."""
        if self._pasts_problem is not None and time.monotonic() - self._pasts_good_s > STALE_PASTS * self._pasts_pace_s:
            raise self._pasts_problem


def _differing(before: Mapping[str, T], after: Mapping[str, T]) -> set[str]:
    """The keys whose values differ."""
    return {key for key, _ in before.items() ^ after.items()}


def figure_of(past: Past) -> Figure:
    """What the board keeps of a past, as a figure."""
    return Figure(
        up_ms=past.up_ms,
        down_ms=past.down_ms,
        unknown_ms=past.unknown_ms,
        excluded_ms=past.excluded_ms,
        base_ms=past.up_ms + past.down_ms + past.unknown_ms + past.excluded_ms,
        outages=past.outages,
        longest_ms=past.longest_ms,
    )


def _rows(facts: Iterable[DeviceFacts], news: FleetNews, now_ms: int) -> list[BoardRow]:
    return [_row(one, news, now_ms) for one in facts]


def _row(one: DeviceFacts, news: FleetNews, now_ms: int) -> BoardRow:
    agent = f"@{one.agent}"
    word, why = standing_of(
        one,
        condition=news.conditions.get(one.id, ""),
        is_agent_silent=one.agent in news.silent,
        now_ms=now_ms,
        shadow=news.shadows.get(one.id),
        is_maintained=one.id in news.maintained,
    )
    return BoardRow(
        device=one.id,
        rank=RANKS[word],
        word=word,
        why=why,
        kind=one.kind,
        name_zh=one.name_zh,
        name_en=one.name_en,
        agent=one.agent,
        group=one.group or one.site_group,
        place=one.place,
        site=one.site,
        site_group=one.site_group,
        customer=one.customer,
        since_ms=one.since_ms,
        tickets=" ".join((*news.tickets.get(one.id, ()), *news.tickets.get(agent, ()))),
        text=one.text or f"{one.id} {one.name_zh} {one.name_en}".lower(),
        look_ms=_look_ms(one, why, now_ms),
    )


def _look_ms(one: DeviceFacts, why: str, now_ms: int) -> int | None:
    """When the end of evidence could change a device's word: later evidence comes without any row in the ledger."""
    if why == "overdue":
        return now_ms + LOOK_AGAIN_MS
    if one.state in (None, UNKNOWN) or why == SILENT or one.covered_to_ms is None:
        return None
    return one.covered_to_ms + OVERDUE_MS + 1
