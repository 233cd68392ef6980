"""What befalls the town in its quarter: faults all over it, lines that are cut, a disk that fills."""

import random
from datetime import datetime

from tests.quarter import town
from tests.quarter.people import Visit
from tests.quarter.quarter import FIRST, HOUR, LAST, MINUTE, SHANGHAI, Quarter, wall

FAULTS = {
    "kiosk": (
        {"app[checkout].state": "dead"},
        {"printer.paper": "end"},
        {"printer.error": "mechanical"},
        {"cash.state": "jam"},
    ),
    "nvr": ({"nvr.state": "fault"}, {"channel[2].state": "no_stream"}, {"disk[1].state": "abnormal"}),
    "vehicle": ({"gnss.fix": "none"}, {"modem.network": "none"}, {"terminal.power": "lost"}),
}
VISITED = ("bank", "metro", "centre")
"""Whose faults somebody goes to; the others' are over by themselves."""
LATE_EVERY = 9
MISSED_LINE = ("metro-2-gw", "12-29 10:00", "01-12 08:00")
"""What it kept comes when the quarter's report has been issued."""
OFF_THE_NET = ("centre-2-bus-05", "11-20 09:00", "12-02 15:00")
"""A vehicle that is not online for a whole week."""
EARLY_LINE = ("bank-4-gw", "10-20 08:00", "10-21 20:00")


def write(quarter: Quarter, seed: int = 4) -> None:
    """Let it happen: a fault for every device in turn, by day; some devices have several, every ninth visit is late."""
    chance = random.Random(seed)
    devices = [device for _, _, found in town.sites() for device in found]
    visits = 0
    for number, device in enumerate(devices * 2):
        kind = {"bus": "vehicle"}.get(device.split("-")[-2], device.split("-")[-2])
        since_ms = FIRST + chance.randrange(2, 86) * 24 * HOUR + (8 * 60 + chance.randrange(360)) * MINUTE
        is_visited = device.startswith(VISITED) and number < len(devices)
        visits += is_visited
        is_late = is_visited and visits % LATE_EVERY == 0
        until_ms = since_ms + (400 if is_late else chance.randrange(240, 420)) * MINUTE
        if _is_cut(device, since_ms, until_ms) or since_ms > LAST:
            continue
        since, until = _said(since_ms), _said(until_ms)
        quarter.breaks(device, since, until, **FAULTS[kind][(number * 7 + chance.randrange(2)) % len(FAULTS[kind])])
        if is_visited:
            Visit(quarter, device, since, until, late_min=200 if is_late else 0)
    quarter.breaks(*OFF_THE_NET, modem__network="none")
    quarter.drifts("bank-2-kiosk-01", "disk[/].used_percent", 0.25)
    quarter.silent(*EARLY_LINE)
    quarter.silent(*MISSED_LINE)


def _is_cut(device: str, since_ms: int, until_ms: int) -> bool:
    """Whether its line is cut meanwhile: nobody would see its fault then."""

    return any(
        device.startswith(agent.removesuffix("-gw"))
        and since_ms < wall(until) + 12 * HOUR
        and until_ms > wall(since) - 12 * HOUR
        for agent, since, until in (EARLY_LINE, MISSED_LINE)
    )


def _said(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, SHANGHAI):%m-%d %H:%M}"
