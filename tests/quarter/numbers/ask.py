"""The API, asked for the window of a report and for what it is about, known at the same time.

    ask = Ask(api, preview)
    ask("/ratios/vehicles", limit=1000)        with from, to
    ask.availability("device")                 as known when the report was made
    ask.kept(by="source")                      promises and counts of tickets
    list(ask.tickets(count="unsolved"))        the tickets behind a number
    ask.ticket("T2026-000012")                 one with its log and clocks
    ask.of_now("/rounds", site="bank-1")       without a window

Nothing is asked twice.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from starlette.testclient import TestClient

PAGE = 100
MOST = 1000


class Ask:
    """What the API says of the window of a report."""

    def __init__(self, api: TestClient, found: Mapping[str, Any]) -> None:
        self.api, self.found = api, found
        self._answers: dict[tuple[str, str], Any] = {}

    def of_now(self, path: str, **params: Any) -> Any:
        """What it says without a window."""
        key = path, repr(sorted(params.items()))
        if key not in self._answers:
            answer = self.api.get(f"/api/v1{path}", params=params)
            assert answer.status_code == 200, answer.text
            self._answers[key] = answer.json()
        return self._answers[key]

    def __call__(self, path: str, **params: Any) -> Any:
        window = {"from": self.found["from_ms"], "to": self.found["to_ms"]}
        return self.of_now(path, **{**window, **params})

    def availability(self, by: str = "", **more: Any) -> Any:
        """Figures of what the report is about, as known when it was made."""
        return self("/availability", **{"by": by, "limit": MOST, "of": self.of, **self.as_known, **more})

    def kept(self, **more: Any) -> Any:
        """Promises of what the report is about."""
        return self("/kept", **self.narrow, **more)

    def tickets(self, **number: Any) -> Iterator[Mapping[str, Any]]:
        """The tickets behind a number of kept(), the newest first; of all that count, if none is named."""
        before: dict[str, int] = {}
        while True:
            page = self("/kept/tickets", **self.narrow, **(number or {"count": "tickets"}), limit=PAGE, **before)
            yield from page["tickets"]
            if page["next_before"] is None:
                return
            before = {"before": page["next_before"]}

    def ticket(self, number: str) -> Any:
        """A ticket with its log and clocks."""
        return self.of_now(f"/tickets/{number}")

    def conditions(self, device: str, **window: Any) -> Iterator[Mapping[str, Any]]:
        """What was wrong with a device, as known when the report was made."""
        offset: int | None = 0
        while offset is not None:
            asked = {**self.as_known, "limit": PAGE, "offset": offset, **window}
            page = self(f"/devices/{device}/conditions", **asked)
            yield from page["conditions"]
            offset = page["next_offset"]

    @property
    def past_to_ms(self) -> int:
        """The end of the window, or of what is known of it."""
        end_ms: int = min(self.found["to_ms"], self.found["known_ms"])
        return end_ms

    @property
    def as_known(self) -> dict[str, int]:
        """Known when the report is."""
        return {"known": self.found["known_ms"]}

    @property
    def of(self) -> list[str]:
        """What it is about, as /availability, /ratios and /forecasts ask for it."""
        return [f"{self.found['scope']}:{self.found['id']}"] if self.found["id"] else []

    @property
    def narrow(self) -> dict[str, str]:
        """What it is about, as /kept and /statistics ask for it."""
        return {self.found["scope"]: self.found["id"]} if self.found["id"] else {}
