"""One made-up device as a process: `python -m roundsman_collector.demo.fakes printer --control FILE --link FILE`.

printer    a receipt printer on a pseudo-terminal, FILE of --link leads to it
receiver   a satellite receiver, its track generated
cable      a TCP line to --to PORT that can be cut; --link FILE is written with the port it listens on
"""

import argparse
import asyncio
from datetime import UTC, datetime
from pathlib import Path

from roundsman_collector import clock
from roundsman_collector.demo.fakes.cable import Cable
from roundsman_collector.demo.fakes.escpos_printer import EscposPrinter
from roundsman_collector.demo.fakes.nmea_source import NmeaSource


def _now() -> datetime:
    return datetime.fromtimestamp(clock.now_ms() / 1000, UTC)


def main() -> None:
    """Be a device until the process is ended."""
    parser = argparse.ArgumentParser(prog="python -m roundsman_collector.demo.fakes", description=__doc__)
    parser.add_argument("device", choices=("printer", "receiver", "cable"))
    parser.add_argument("--control", type=Path, required=True, help="the file that holds the device's mode")
    parser.add_argument("--link", type=Path, required=True, help="where the agent finds the device")
    parser.add_argument("--to", type=int, default=0, help="cable: the TCP port on this machine that it leads to")
    told = parser.parse_args()
    match told.device:
        case "printer":
            EscposPrinter(control=told.control, link=told.link).run()
        case "receiver":
            NmeaSource(now=_now, control=told.control, link=told.link).run()
        case _:
            asyncio.run(Cable(control=told.control, link=told.link, to=told.to).run())


if __name__ == "__main__":
    main()
