"""What people and programs may see: the door for processes that do not write, like API, console and command line.

    view = View.open("/var/lib/roundsman/roundsman.sqlite3")
    view.devices(limit=100) · view.intervals("nvr-2", a, b) · view.intervals("nvr-2", a, b, known_ms=yesterday)
    view.ask(who="wang", verb="acknowledge", args={"ticket": 7}, now_ms=now)      the only thing that it adds: a command

What can be read stands in views/, a file for each subject. Every call has a connection and a snapshot of its own: a
View may be used by many threads. Times are `_ms`, UTC.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from roundsman_collector.store import commands, migrate, schema
from roundsman_collector.store.commands import CommandRow
from roundsman_collector.store.connect import Place, connector, place, transaction
from roundsman_collector.store.errors import StoreError
from roundsman_collector.store.views.agents import AgentReads
from roundsman_collector.store.views.devices import DeviceReads, DeviceView, SamplePage
from roundsman_collector.store.views.duty import DutyReads
from roundsman_collector.store.views.figures import FigureReads
from roundsman_collector.store.views.health import HealthReads, Keeping, Status
from roundsman_collector.store.views.labels import LabelReads
from roundsman_collector.store.views.overlays import OverlayReads
from roundsman_collector.store.views.people import PeopleReads
from roundsman_collector.store.views.places import PlaceReads
from roundsman_collector.store.views.reports import ReportReads
from roundsman_collector.store.views.rounds import RoundReads
from roundsman_collector.store.views.rules import RuleReads
from roundsman_collector.store.views.slips import SlipReads
from roundsman_collector.store.views.spares import SpareReads
from roundsman_collector.store.views.tasks import TaskReads
from roundsman_collector.store.views.tickets import TicketReads
from roundsman_collector.store.views.trends import TrendReads

__all__ = ["DeviceView", "Keeping", "SamplePage", "Status", "View"]


class View(
    AgentReads,
    DeviceReads,
    DutyReads,
    FigureReads,
    HealthReads,
    LabelReads,
    OverlayReads,
    PeopleReads,
    PlaceReads,
    ReportReads,
    RoundReads,
    RuleReads,
    SlipReads,
    SpareReads,
    TaskReads,
    TicketReads,
    TrendReads,
):
    """The readers' door. Make it with View.open()."""

    def __init__(self, where: Place) -> None:
        super().__init__(where)
        self._ask = connector(where, writes=True)

    @classmethod
    def open(cls, where: str | Path) -> "View":
        """Open a database that a collector has made."""
        at = place(where)
        if at.path and not at.path.is_file():
            raise _missing(at)
        view = cls(at)
        try:
            with view._reading("the schema") as connection:
                found = migrate.revision(connection)
            migrate.refuse_newer(found, str(at))
            if not found:
                raise _missing(at)
            if found < schema.REVISION:
                raise StoreError(
                    what=f"the database has schema {found}, older than this program's {schema.REVISION}",
                    where=str(at),
                    do="start the collector once: it brings the schema up to date",
                    cause="older",
                )
        except BaseException:
            view.close()
            raise
        return view

    def close(self) -> None:
        """Let go of the database."""
        self._read.dispose()
        self._ask.dispose()

    def __enter__(self) -> "View":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, *, who: str, verb: str, args: Mapping[str, Any], now_ms: int, key: str | None = None) -> int:
        """Ask the engine for something; returns the command's id. The answer stands in command(id) when it is done.

        `key`: of the asker's choice; what was asked under it before is not done again, and has the id of before.
        """
        with transaction(self._ask, f"asking for {verb}", self._place) as connection:
            return commands.ask(connection, who=who, verb=verb, args=args, now_ms=now_ms, key=key)

    def command(self, command_id: int) -> CommandRow | None:
        """A command and what became of it."""
        with self._reading("a command") as connection:
            return commands.one(connection, command_id)


def _missing(at: Place) -> StoreError:
    return StoreError(
        what="there is no Roundsman database",
        where=str(at),
        do="start the collector first (`roundsman up`), or check [store] in its configuration",
        cause="missing",
    )
