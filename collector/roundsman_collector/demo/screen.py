"""What a person sees: plain lines as things happen and, in a terminal, the site's uptime strips below them.

    with Screen(lang, is_live=True) as screen:
        screen.say("14:02:11  …")       screen.show(picture)

The strips are the pages' strips in characters (web/strip.py): up full, unknown shaded, down low; never by colour alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from roundsman_collector.demo import words
from roundsman_collector.demo.checks import Told
from roundsman_collector.web.strip import Stretch, StripState, cells
from roundsman_wire.catalogue import Language

STRIP_MS: Final = 3 * 60_000
STRIP_LEAST, STRIP_MOST = 20, 72
OTHER_COLUMNS: Final = 42
"""What device, state and cause need beside the strip."""
TICKETS_SHOWN: Final = 4
CELLS: Final[dict[StripState, tuple[str, str]]] = {
    "up": ("█", "green"),
    "unknown": ("▒", "bright_black"),
    "down": ("▄", "red"),
    "warning": ("▆", "yellow"),
    "maintenance": ("▬", "blue"),
    "future": (" ", ""),
}


@dataclass(frozen=True, kw_only=True)
class Picture:
    """What there is to show: devices as they stand, their ledgers by id, open tickets."""

    now_ms: int
    devices: Sequence[Told]
    ledgers: dict[str, Told]
    tickets: Sequence[Told]


class Screen:
    """See the module. Not live: lines alone, for logs and for programs."""

    def __init__(self, lang: Language, *, is_live: bool) -> None:
        self._lang = lang
        self._console = Console(highlight=False, soft_wrap=True)
        self._live = Live(console=self._console, auto_refresh=False, transient=False) if is_live else None

    def __enter__(self) -> "Screen":
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.rest()

    def rest(self) -> None:
        """Draw no more; lines still come."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    @property
    def is_live(self) -> bool:
        """Whether pictures are shown."""
        return self._live is not None

    def say(self, line: str) -> None:
        """A line, above the strips."""
        if self._live is None:
            print(line, flush=True)
        else:
            self._console.print(Text(line))

    def show(self, picture: Picture) -> None:
        """The strips and the open tickets as they are now."""
        if self._live is not None:
            self._live.update(self.drawn(picture, self._console.width), refresh=True)

    def drawn(self, picture: Picture, width: int) -> Group:
        """The picture for a terminal of that width."""
        strip = max(STRIP_LEAST, min(STRIP_MOST, width - OTHER_COLUMNS))
        table = Table(box=None, pad_edge=False, padding=(0, 1), title_justify="left")
        for key in ("device", "state"):
            table.add_column(words.text(key, self._lang), no_wrap=True)
        table.add_column(words.text("strip_of", self._lang, minutes=STRIP_MS / 60_000), no_wrap=True)
        table.add_column("", no_wrap=True, overflow="ellipsis")
        for device in picture.devices:
            table.add_row(device["id"], *self._row(device, picture, strip))
        return Group(table, Text(words.text("legend", self._lang), style="dim"), *self._tickets(picture))

    def _row(self, device: Told, picture: Picture, width: int) -> tuple[Text, Text, Text]:
        icon, name, colour = words.STATES[device["state"]]
        line = strip_line(picture.ledgers.get(device["id"]), picture.now_ms, width)
        return Text(f"{icon} {name.of(self._lang)}", style=colour), line, Text(device["why"], style="dim")

    def _tickets(self, picture: Picture) -> list[Text]:
        if not picture.tickets:
            return [Text(words.text("no_tickets", self._lang), style="dim")]
        lines = [Text(words.text("open_tickets", self._lang), style="bold")]
        for one in picture.tickets[:TICKETS_SHOWN]:
            since = words.text("since", self._lang, from_=words.clock_time(one["fault_from_ms"]))
            name = one[f"name_{self._lang}"]
            lines.append(Text(f"  {one['number']}  {one['subject']}  {name}  {since}", style="yellow"))
        return lines


def strip_line(ledger: Told | None, now_ms: int, width: int) -> Text:
    """The last minutes of a device's ledger in characters."""
    text = Text()
    for state in cells(stretches(ledger, now_ms), (now_ms - STRIP_MS, now_ms), now_ms, width):
        sign, colour = CELLS[state]
        text.append(sign, style=colour)
    return text


def stretches(ledger: Told | None, now_ms: int) -> list[Stretch]:
    """The ledger's intervals; the open one ends where evidence does."""
    if ledger is None:
        return []
    covered_to_ms = min(now_ms, ledger["covered_to_ms"] or 0)
    return [
        Stretch(
            one["from_ms"], max(one["from_ms"], covered_to_ms) if one["to_ms"] is None else one["to_ms"], one["state"]
        )
        for one in ledger["intervals"]
    ]
