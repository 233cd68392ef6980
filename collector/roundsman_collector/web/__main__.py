"""Run the API and its pages: `python -m roundsman_collector.web --data FOLDER [--config FILE] [--port N]`.

The collector starts this as a child. It waits for the database to be made, listens on loopback, ends on SIGTERM.
"""

import argparse
import gc
import sys
import threading
import time
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from roundsman_collector import clock
from roundsman_collector.api.desk import Desk
from roundsman_collector.api.summary import Summary
from roundsman_collector.config import TOKEN, Config, ConfigError, advice, load, rule_set
from roundsman_collector.core.label import LabelTerms
from roundsman_collector.core.rulebook import Function
from roundsman_collector.reports.dossier import Company
from roundsman_collector.roles import EVERYTHING
from roundsman_collector.rules.catalogue import Advice
from roundsman_collector.rules.told import labels
from roundsman_collector.store import Office, StoreError, View
from roundsman_collector.store.files import FileLimits
from roundsman_collector.web.site import site, summary_of
from roundsman_wire.catalogue import Label

WAIT_S = 30.0
LOOK_EVERY_S = 0.25
WORTH_WAITING = ("missing", "older", "locked")
"""What the collector is about to mend when it has only just been started."""
GARBAGE_THRESHOLDS = (20_000, 20, 20)
"""As Python comes it looks for garbage every 700 new objects: where figures of thousands of devices are reckoned, that
is a third of the time."""
SWITCH_S = 0.0005
"""A page asks the database some dozens of times, and each time stands in line behind whoever computes: not for Python's
5 ms, or it takes a quarter of a second longer while the past of the fleet is worked out beside it."""
CONFIG_ERROR = 78
NO_DATABASE = 69


def main(argv: list[str] | None = None) -> int:
    """Serve until told to stop; the exit code says what was wrong."""
    options = _options(argv)
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    sys.setswitchinterval(SWITCH_S)
    try:
        config = load(options.config, options.data)
        desk_facts = _catalogue(config)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return CONFIG_ERROR
    port = config.api.port if options.port is None else options.port
    try:
        view = opened(config.database)
    except StoreError as error:
        print(f"no database after {WAIT_S:g} s: {error}", file=sys.stderr)
        return NO_DATABASE
    with view, Office.open(config.database) as office:
        faults, advised, functions, takes = desk_facts
        desk = Desk(
            view=view,
            office=office,
            now_ms=clock.now_ms,
            port=port,
            token_place=str(config.data.folder / TOKEN),
            faults=faults,
            advice=advised,
            functions=functions,
            takes=takes,
            labels=LabelTerms(phone=config.labels.phone, tells=config.labels.tells),
            public_url=config.api.public_url,
            has_mail=bool(config.mail.host),
            company=company_of(config),
            file_limits=_file_limits(config),
        )
        summary = summary_of(desk)
        threading.Thread(target=_warm, args=(summary, desk), daemon=True).start()
        serve(site(desk, summary), config.api.host, port, has_proxy=bool(config.api.public_url))
    return 0


def _warm(summary: Summary, desk: Desk) -> None:
    """Read how every device stands before the first person asks: with a large fleet that takes a while."""
    try:
        summary.counts(EVERYTHING, desk.now_ms())
    except StoreError as error:
        print(f"the lists were not read ahead, whoever asks first waits: {error}", file=sys.stderr, flush=True)


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m roundsman_collector.web", description="Roundsman's API and pages.")
    parser.add_argument("--data", type=Path, required=True, metavar="FOLDER", help="the collector's data folder")
    parser.add_argument("--config", type=Path, metavar="FILE", help="the collector's configuration")
    parser.add_argument("--port", type=_port, metavar="N", help="the TCP port; [api] port if not given")
    return parser.parse_args(argv)


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text) <= 65_535:
        return int(text)
    raise argparse.ArgumentTypeError(f"expected a TCP port from 1 to 65535, not {text!r}")


def _catalogue(config: Config) -> tuple[dict[str, Label], dict[str, Advice], dict[str, Function], dict[str, str]]:
    """Names of faults, what helps against them, what devices are there for, and which of it each fault takes away."""
    rules = rule_set(config)
    functions = {one.name: one for one in rules.functions}
    return labels(rules), dict(advice(config)), functions, {one.code: one.function for one in rules.rules if one.ticket}


def company_of(config: Config) -> Company:
    """What stands on every form."""
    said = config.company
    return Company(
        name=Label(zh=said.name, en=said.name_en or said.name),
        service_phone=said.service_phone,
        supervision_phone=said.supervision_phone,
        copies=said.copies,
        letterhead=str(said.letterhead or ""),
    )


def _file_limits(config: Config) -> FileLimits:
    """How large files of tickets may be."""
    said = config.files
    return FileLimits(
        photo=said.photo_bytes,
        document=said.document_bytes,
        video=said.video_bytes,
        signature=said.signature_bytes,
        ticket=said.ticket_bytes,
        total=said.total_bytes,
    )


def opened(database: str | Path) -> View:
    """The database's door, waited for while the collector is still making it; StoreError when it does not come."""
    until = time.monotonic() + WAIT_S
    has_told = False
    while True:
        try:
            return View.open(database)
        except StoreError as error:
            if error.cause not in WORTH_WAITING or time.monotonic() >= until:
                raise
            if not has_told:
                print(f"waiting up to {WAIT_S:g} s for the collector: {error}", file=sys.stderr, flush=True)
                has_told = True
        time.sleep(LOOK_EVERY_S)


def serve(app: ASGIApp, host: str, port: int, *, has_proxy: bool) -> None:
    """Answer until SIGTERM. No access log: an address may hold a key. Who asks is told by a proxy, if there is one."""
    print(f"the API listens on http://{host}:{port}/", file=sys.stderr, flush=True)
    uvicorn.run(
        app,
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=has_proxy,
        timeout_graceful_shutdown=3,
        h11_max_incomplete_event_size=32 * 1024,
    )


if __name__ == "__main__":
    sys.exit(main())
