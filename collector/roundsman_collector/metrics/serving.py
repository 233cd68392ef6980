"""/metrics: who may read it, and what is kept for how long.

    Route("/metrics", application(desk))

The collector's own tallies are cheap and taken every TALLY_S at most. A pass over the fleet is not: it runs on a thread
of its own, one at a time, only because somebody asked, and rests REST times as long as it works; the next one comes
when SHARE times its work has gone by. So it costs a twentieth of a core at most, whatever the size of the fleet.

A request gets the last pass and starts the next one when that has grown old; it waits, WAIT_S at most, only where there
is none worth telling. A pass that is too old is not told: its samples are missing, and the rest is there.
"""

import threading
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Annotated, NamedTuple

import structlog
from fastapi import Depends, FastAPI, Request, Response

from roundsman_collector.api.access import needs
from roundsman_collector.api.desk import Desk
from roundsman_collector.api.problem import Problem
from roundsman_collector.api.server import with_problems
from roundsman_collector.metrics import collector, fleet
from roundsman_collector.metrics.names import ALONE, Samples, text
from roundsman_collector.roles import Who
from roundsman_collector.store import StoreError, View

TEXT = "text/plain; version=0.0.4; charset=utf-8"
TALLY_S = 1.0
PASS_S = 15.0
SHARE = 20.0
"""A pass that is older than PASS_S, and than SHARE times the work in it, is renewed when somebody asks."""
OLD = 3.0
"""One that is so many times older than that is waited for."""
WAIT_S = 3.0
LOST_S = 300.0
"""One that is older than this, and than twice the time until a new one should be there, is not told any more."""
REST = 3.0

log = structlog.get_logger()


class Pass(NamedTuple):
    """What a pass found, when it was begun (monotonic), how long it took, and how long of that it worked."""

    body: bytes
    begun_s: float
    took_s: float
    worked_s: float

    @property
    def good_for_s(self) -> float:
        """How old it may get before the next one is begun."""
        return max(PASS_S, SHARE * self.worked_s)

    @property
    def lost_after_s(self) -> float:
        """How old it may get before it is not told any more."""
        return max(LOST_S, 2 * (self.good_for_s + self.took_s))


NEVER = Pass(b"", float("-inf"), 0.0, 0.0)


class Watch:
    """What is kept between two readings."""

    def __init__(self, view: View, now_ms: Callable[[], int]) -> None:
        self._view = view
        self._now_ms = now_ms
        self._lock = threading.Lock()
        self._last = NEVER
        self._running: threading.Event | None = None
        self._has_failed = False
        self._tallies = b""
        self._tallied_s = float("-inf")

    def text(self) -> bytes:
        """All samples as of now, or not long ago; StoreError when the database cannot be read."""
        return self._own() + self._fleet()

    def _own(self) -> bytes:
        with self._lock:
            if time.monotonic() - self._tallied_s >= TALLY_S:
                self._tallies = text(collector.told(self._view.tallies(), version("roundsman-collector")))
                self._tallied_s = time.monotonic()
            return self._tallies

    def _fleet(self) -> bytes:
        age_s = time.monotonic() - self._last.begun_s
        if age_s >= self._last.good_for_s:
            done = self._start()
            if age_s >= OLD * self._last.good_for_s:
                done.wait(WAIT_S)
        last = self._last
        return last.body if time.monotonic() - last.begun_s <= last.lost_after_s else b""

    def _start(self) -> threading.Event:
        """Begin a pass if none is under way; the event is set when it is over."""
        with self._lock:
            if self._running is None:
                self._running = threading.Event()
                threading.Thread(target=self._pass, args=(self._running,), name="metrics", daemon=True).start()
            return self._running

    def _pass(self, done: threading.Event) -> None:
        begun_s = time.monotonic()
        now_ms = self._now_ms()
        try:
            pace = Pace()
            samples = fleet.reckon(self._view, now_ms, pace.rest)
            took_s = time.monotonic() - begun_s
            body = text({**samples, **_of_pass(now_ms, took_s)})
            self._last = Pass(body, begun_s, took_s, pace.worked_s)
            self._told_once(None)
        except StoreError as error:
            self._told_once(error)
        finally:
            with self._lock:
                self._running = None
            done.set()

    def _told_once(self, error: StoreError | None) -> None:
        if error is not None and not self._has_failed:
            log.error("the fleet's metrics cannot be reckoned; tried again when asked for", cause=str(error))
        if error is None and self._has_failed:
            log.warning("the fleet's metrics are there again")
        self._has_failed = error is not None


class Pace:
    """Rests REST times as long as was worked since the last rest."""

    def __init__(self) -> None:
        self._from_s = time.monotonic()
        self.worked_s = 0.0

    def rest(self) -> None:
        """Rest now."""
        worked_s = time.monotonic() - self._from_s
        self.worked_s += worked_s
        time.sleep(REST * worked_s)
        self._from_s = time.monotonic()


def application(desk: Desk) -> FastAPI:
    """The address as an application of its own, so that errors are told as the API tells them."""
    app = FastAPI(openapi_url=None)
    app.state.desk = desk
    watch = Watch(desk.view, desk.now_ms)

    def metrics(request: Request, who: Annotated[Who, Depends(needs("see"))]) -> Response:
        if not who.scope.everything:
            raise _only_a_part(request)
        return Response(watch.text(), headers={"Content-Type": TEXT})

    app.add_api_route("/metrics", metrics, methods=["GET"])
    return with_problems(app)


def _only_a_part(request: Request) -> Problem:
    return Problem(
        403,
        "not_yours",
        what="metrics tell of the whole fleet, and you reach a part of it",
        where=request.url.path,
        expected="a token whose scope is everything",
        do="ask an administrator for a token of the role viewer whose scope is everything",
    )


def _of_pass(now_ms: int, took_s: float) -> Samples:
    return {
        "roundsman_fleet_timestamp_seconds": [(ALONE, now_ms / 1000)],
        "roundsman_fleet_pass_seconds": [(ALONE, took_s)],
    }
