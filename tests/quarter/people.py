"""What people do with the tickets of the town: who answers, who goes, who signs; on time but for those who are late."""

from functools import cached_property
from hashlib import sha256
from typing import Any

from roundsman_collector.core.media import Media
from roundsman_collector.store import Deed
from roundsman_collector.store.files import FileLimits, NewFile
from tests.quarter.quarter import MINUTE, Quarter, wall


class Visit:
    """A fault that somebody goes to: promised, gone to, mended as the device is well again, signed, closed.

    `late_min`: so many minutes later than well in time.
    """

    def __init__(self, quarter: Quarter, device: str, since: str, until: str, *, late_min: int = 0) -> None:
        self.quarter, self.device = quarter, device
        self.since_ms, self.until_ms = wall(since), wall(until)
        level = device.split("-", maxsplit=1)[0]
        answer, go = {"bank": (self._bank_answers, 90), "metro": (self._metro_answers, 120)}.get(
            level, (self._buses_answer, 150)
        )
        quarter.at(self.since_ms + 15 * MINUTE, answer)
        quarter.at(self.since_ms + (go + late_min) * MINUTE, lambda: self.does("li", "arrive"))
        quarter.at(self.until_ms - 5 * MINUTE, self._mends)
        quarter.at(self.until_ms + 60 * MINUTE, self._closes)

    @cached_property
    def ticket(self) -> int:
        """Its ticket: the device's newest when somebody answers."""
        found = self.quarter.view.tickets(subject=self.device, limit=1)
        assert found, f"{self.device} has no ticket at {self.quarter.now_ms}"
        return found[0].id

    def does(self, who: str, verb: str, text: str = "", **data: Any) -> None:
        """A step, which has to be allowed."""
        answer = self.quarter.does(who, verb, ticket=self.ticket, text=text, may_overrule=who == "zhao", data=data)
        assert answer.state == "done", (self.device, verb, answer.result)

    def _bank_answers(self) -> None:
        self.does("wang", "acknowledge", reply="phone")
        self.does("wang", "plan", mode="visit")
        self.does("wang", "dispatch", engineer="li")

    def _metro_answers(self) -> None:
        self.does("wang", "acknowledge", reply="visit", arrival_ms=self.since_ms + 130 * MINUTE)
        self.does("wang", "dispatch", engineer="li")

    def _buses_answer(self) -> None:
        self.does("wang", "appoint", arrival_ms=self.since_ms + 180 * MINUTE, agreed_by="the driver")
        self.does("wang", "dispatch", engineer="li")

    def _mends(self) -> None:
        self.does("li", "fix", work="a new part", cause="product")
        for side in ("service", "customer"):
            self.does("li", "sign", side=side, name=side, file=self._drawn(side))

    def _drawn(self, side: str) -> int:
        drawn = NewFile(
            owner_id=self.ticket,
            kind="signature",
            name=f"{side}.png",
            media=Media("image/png", ".png", 300, 100),
            size=len(side),
            sha256=sha256(side.encode()).hexdigest(),
        )
        deed = Deed(who="li", at_ms=self.quarter.now_ms)
        return self.quarter.office.add_file(drawn, [side.encode()], limits=FileLimits(), deed=deed).id

    def _closes(self) -> None:
        self.does("li", "confirm", name="Chen", rating=5)
        self.does("li", "report", forms=["work_order"])
        self.does("wang", "follow_up", reached=True, satisfied=True)
        if self.device.startswith("bank"):
            self.does("zhao", "review", accepted=True)
        self.does("wang", "close")
