"""/metrics: who may read it, and how long an answer is kept.

    Route("/metrics", application(desk, summary))

An answer is made at most every EVERY_S seconds, by who asks first; who asks meanwhile gets the same. What it costs does
not grow with the ledger: tallies come from indexes, the fleet from the summary's board. In a very large fleet an answer
is kept longer, so that making it takes a twentieth of a core at most.
When the database cannot be read there is no answer (503), and Prometheus says `up` 0: nothing old is told as now.
"""

import threading
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Annotated

from fastapi import Depends, FastAPI, Request, Response

from roundsman_collector.api.access import needs
from roundsman_collector.api.desk import Desk
from roundsman_collector.api.problem import Problem
from roundsman_collector.api.server import with_problems
from roundsman_collector.api.summary import Summary
from roundsman_collector.metrics import collector, fleet
from roundsman_collector.metrics.names import text
from roundsman_collector.roles import Who
from roundsman_collector.store import View

TEXT = "text/plain; version=0.0.4; charset=utf-8"
EVERY_S = 5.0
"""Prometheus asks every 15 s or so; several of them, or impatient people, cost no more than one."""
SHARE = 20.0
"""An answer is kept at least so many times as long as it took to make."""


class Answer:
    """The answer, made anew when it has grown old. Many threads may ask."""

    def __init__(self, view: View, summary: Summary, now_ms: Callable[[], int], *, every_s: float = EVERY_S) -> None:
        """`every_s` 0: each answer is made anew."""
        self._view = view
        self._summary = summary
        self._now_ms = now_ms
        self._every_s = every_s
        self._making = threading.Lock()
        self._made = b""
        self._made_s = float("-inf")
        self._took_s = 0.0

    def text(self) -> bytes:
        """All samples in Prometheus' text format; StoreError when the database cannot be read."""
        if self._is_old():
            with self._making:
                if self._is_old():
                    begun_s = time.monotonic()
                    self._made = self._make()
                    self._made_s = time.monotonic()
                    self._took_s = self._made_s - begun_s
        return self._made

    def _is_old(self) -> bool:
        keep_s = max(self._every_s, SHARE * self._took_s) if self._every_s else 0.0
        return time.monotonic() - self._made_s >= keep_s

    def _make(self) -> bytes:
        own = collector.told(self._view.tallies(), version("roundsman-collector"))
        return text({**own, **fleet.told(self._summary, self._now_ms())})


def application(desk: Desk, summary: Summary) -> FastAPI:
    """The address as an application of its own, so that errors are told as the API tells them."""
    app = FastAPI(openapi_url=None)
    app.state.desk = desk
    answer = Answer(desk.view, summary, desk.now_ms)

    def metrics(request: Request, who: Annotated[Who, Depends(needs("see"))]) -> Response:
        if not who.scope.everything:
            raise _only_a_part(request)
        return Response(answer.text(), headers={"Content-Type": TEXT})

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
