"""The REST API as the demo sees it: what any program with the token may ask.

    look = Look(port, token)
    look.devices() · look.samples("kiosk-7", a, b) · look.intervals("bus-31", a, b, known_ms=k) · look.ticket(number)

LookError when there is no answer or not the expected one; the story asks again.
"""

from collections.abc import Mapping
from typing import Any, Final

import httpx2

Told = dict[str, Any]
"""An object of the API."""

TIMEOUT_S: Final = 5.0
PAGE: Final = 1000


class LookError(Exception):
    """The API did not answer as it should."""


class Look:
    """One connection to the API on loopback."""

    def __init__(self, port: int, token: str) -> None:
        self._client = httpx2.Client(
            base_url=f"http://127.0.0.1:{port}/api/v1",
            headers={"Authorization": f"Bearer {token}"},
            timeout=TIMEOUT_S,
            trust_env=False,  # no proxy stands between us and ourselves
        )

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def is_there(self) -> bool:
        """Whether the API answers."""
        try:
            self._get("/health")
        except LookError:
            return False
        return True

    def devices(self) -> dict[str, Told]:
        """All devices as they stand, by id."""
        return {one["id"]: one for one in self._get("/devices", limit=PAGE)["devices"]}

    def device(self, device: str) -> Told:
        """One device with its newest readings."""
        return self._get(f"/devices/{device}")

    def samples(self, device: str, from_ms: int, to_ms: int) -> list[Told]:
        """A device's samples of a window, by time."""
        found: dict[tuple[str, int], Told] = {}
        before: int | None = None
        while True:
            asked: dict[str, int] = {"from": from_ms, "to": to_ms, "limit": PAGE}
            page = self._get(f"/devices/{device}/readings", **asked, **({} if before is None else {"before": before}))
            found.update({(one["stream"], one["n"]): one for one in page["samples"]})
            before = page["next_before"]
            if before is None:
                return sorted(found.values(), key=lambda one: (one["t_ms"], one["n"]))

    def intervals(self, device: str, from_ms: int, to_ms: int, known_ms: int | None = None) -> Told:
        """The ledger of a window: `intervals`, and `covered_to_ms`, up to which the open one counts."""
        known = {} if known_ms is None else {"known": known_ms}
        return self._get(f"/devices/{device}/intervals", **{"from": from_ms, "to": to_ms}, **known)

    def availability(self, device: str, from_ms: int, to_ms: int) -> Told:
        """Up, down, unknown and excluded milliseconds of a window."""
        return self._get(f"/devices/{device}/availability", **{"from": from_ms, "to": to_ms})

    def tickets(self, subject: str | None = None) -> list[Told]:
        """Tickets, the newest first; of one device, or of `@` and an agent."""
        return list(self._get("/tickets", limit=100, **({} if subject is None else {"device": subject}))["tickets"])

    def ticket(self, number: str) -> Told:
        """A ticket with its log and the records it stands on."""
        return self._get(f"/tickets/{number}")

    def _get(self, path: str, **asked: object) -> Told:
        try:
            answer = self._client.get(path, params={name: str(value) for name, value in asked.items()})
        except httpx2.HTTPError as error:
            raise LookError(f"GET {path}: {type(error).__name__}: {error}") from error
        if answer.status_code != httpx2.codes.OK:
            raise LookError(f"GET {path}: {answer.status_code}: {answer.text[:300]}")
        body: object = answer.json()
        if not isinstance(body, Mapping):
            raise LookError(f"GET {path}: an object was expected, not {type(body).__name__}")
        return dict(body)
