"""A ticket with what its page needs to know of it, read once.

found = Found(desk, saying, who, "2026-000007")         Problem where there is none that they reach
"""

from roundsman_collector.api.desk import Desk
from roundsman_collector.api.dossiers import dossier
from roundsman_collector.api.entries import DEFAULT_ZONE
from roundsman_collector.api.tickets import full, ticket_or_404
from roundsman_collector.core.lifecycle import Standing, standing_of
from roundsman_collector.core.ticket_log import Event
from roundsman_collector.reports.dossier import Dossier
from roundsman_collector.roles import Who
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.shown import component_name
from roundsman_collector.web.words import COMPONENTS


class Found:
    """A ticket, who looks at it, and whatever their page says."""

    def __init__(self, desk: Desk, saying: Saying, who: Who, number: str) -> None:
        self.desk, self.saying, self.who = desk, saying, who
        self.row, self._log = ticket_or_404(desk, who, number)
        self.told = full(desk, who, self.row, self._log)
        self.dossier: Dossier = dossier(desk, who, self.row)
        self.log: tuple[Event, ...] = self.dossier.log
        self.standing: Standing = standing_of(self.log)
        is_device = self.row.subject[0] not in "@#"
        self.device = desk.view.device(self.row.subject) if is_device else None
        self.card = None if self.device is None else desk.view.cards_named([self.device.id]).get(self.device.id)
        self.zone = self.dossier.time_zone or DEFAULT_ZONE

    @property
    def components(self) -> list[tuple[str, str]]:
        """Parts of the device that a step may be about: the ticket's first, then what the device reports, then all."""
        seen = [] if self.device is None else [name.partition(".")[0] for name in self.device.readings or ()]
        names = dict.fromkeys([self.row.component, *seen, *COMPONENTS])
        return [(name, component_name(self.saying, name)) for name in names if name]
