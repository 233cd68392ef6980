"""Which tickets a list shows: one shape for the console's page, for its file, and for the file of the API.

    state=todo|mended|over|open|…|all&severity=urgent&source=phone&engineer=li.na&site=metro-a&waiting=any
    &look=late|unsent|mine|unchecked&device=nvr-2

`look`: late (a clock is overdue, or due within two hours), unsent (nobody was sent yet), mine (taken by me, or I go),
unchecked (待核实: somebody called, and how to call back or which device it is nobody has written down).
"""

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from roundsman_collector.api.shapes import TicketState
from roundsman_collector.core.lifecycle import LIVE, MENDED, OVER, TO_MEND, UNSENT, WAITING
from roundsman_collector.roles import Who
from roundsman_collector.store import TicketFilter

SOON_MS = 2 * 3_600_000
"""A clock that is due within so long is looked for with those that are overdue."""
GROUPS: Mapping[str, tuple[str, ...]] = {"": LIVE, "todo": TO_MEND, "mended": MENDED, "over": OVER, "all": ()}
"""States that are asked for together; without any, what is not over."""
NO_STATE = ("none",)
"""In which no ticket is: what is over and was never sent anybody to, for instance."""


class Asked(BaseModel):
    """Which tickets; without a state: what is not over."""

    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True)

    state: TicketState | Literal["", "todo", "mended", "over", "all"] = ""
    severity: Literal["", "urgent", "major", "minor"] = ""
    source: Literal["", "monitoring", "phone", "qr", "api"] = ""
    waiting: Literal[
        "", "any", "customer_absent", "rescheduled", "customer_network", "force_majeure", "parts", "other"
    ] = ""
    look: Literal["", "late", "unsent", "mine", "unchecked"] = ""
    engineer: str = Field(default="", max_length=80, description="who was sent, by login name")
    site: str = Field(default="", max_length=80)
    device: str = Field(default="", max_length=80)

    @property
    def states(self) -> tuple[str, ...]:
        """The states that are shown."""
        chosen = GROUPS.get(self.state, (self.state,))
        if self.look != "unsent":
            return chosen
        return tuple(one for one in UNSENT if not chosen or one in chosen) or NO_STATE

    @property
    def is_narrowed(self) -> bool:
        """Whether anything but the page of the list was chosen."""
        return bool(self.model_dump(exclude={"before"}, exclude_defaults=True))

    def wanted(self, who: Who, now_ms: int) -> TicketFilter:
        """The same as the store reads it, for somebody at a time."""
        return TicketFilter(
            states=self.states,
            severities=(self.severity,) if self.severity else (),
            sources=(self.source,) if self.source else (),
            waiting=tuple(WAITING) if self.waiting == "any" else (self.waiting,) if self.waiting else (),
            sent=(self.engineer,) if self.engineer else (),
            sites=(self.site,) if self.site else (),
            subject=self.device or None,
            of=who.id if self.look == "mine" else None,
            due_before_ms=now_ms + SOON_MS if self.look == "late" else None,
            is_unchecked=self.look == "unchecked",
        )
