"""Run the making of reports: `python -m roundsman_collector.web.issuing --data FOLDER [--config FILE]`.

The collector starts this as a child as soon as there is anything to report. Several may run, on several machines: each
report is made once (store/issued.py). PDFs are pressed in a process of their own (press/), one at a time.
"""

import argparse
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog

from roundsman_collector import clock
from roundsman_collector.api.inspection import freeze_next
from roundsman_collector.config import Config, ConfigError, load, rule_set
from roundsman_collector.issuing.clockwork import due
from roundsman_collector.issuing.kinds import kind_of
from roundsman_collector.issuing.making import DAY_MS, Maker, NoPaper, Setting, Step, Trouble
from roundsman_collector.issuing.post import Later, Never, Post
from roundsman_collector.notify import mail
from roundsman_collector.notify.__main__ import mail_server
from roundsman_collector.notify.outcome import Reject, Retry
from roundsman_collector.press import LIMITS, PressError, press
from roundsman_collector.reports.document import Document
from roundsman_collector.reports.dossier import Company
from roundsman_collector.rules.told import labels
from roundsman_collector.store import Deed, Office, StoreError, View
from roundsman_collector.store.issued import ReportRow
from roundsman_collector.store.report_desk import CONFIRM
from roundsman_collector.store.report_mails import MailRow
from roundsman_collector.web.__main__ import CONFIG_ERROR, NO_DATABASE, company_of, opened
from roundsman_collector.web.letterhead import LetterheadError
from roundsman_collector.web.report_letter import letter
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.sheet import sheet_file
from roundsman_collector.web.workbook import workbook
from roundsman_wire.catalogue import Language

LOOK_EVERY_S = 2.0
SCHEDULES_EVERY_S = 60.0
AFTER_TROUBLE_S = 10.0
ROBOT = "roundsman"
ASIDE = "press-"
LEFT_MS = round(1000 * (LIMITS.wait_s + LIMITS.wall_s))
FOR_GOOD = ("absent", "library", "font")
"""Why no PDF can be made here at all: the report goes without it."""

log = structlog.get_logger(__name__)


def main(argv: list[str] | None = None) -> int:
    """Make reports until told to stop; the exit code says what was wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m roundsman_collector.web.issuing", description="Roundsman's making of reports."
    )
    parser.add_argument("--data", type=Path, required=True, metavar="FOLDER", help="the collector's data folder")
    parser.add_argument("--config", type=Path, metavar="FILE", help="the collector's configuration")
    options = parser.parse_args(argv)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    try:
        config = load(options.config, options.data)
        sweep(config.data.folder)
        with opened(config.database) as view, Office.open(config.database) as office:
            bureau(config, view, office).run(stopping)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return CONFIG_ERROR
    except StoreError as error:
        print(error, file=sys.stderr)
        return NO_DATABASE
    return 0


def bureau(config: Config, view: View, office: Office) -> "Bureau":
    """Everything that makes and sends reports, as configured."""
    desk = office.reports
    faults = labels(rule_set(config))
    maker = Maker(
        view=view,
        desk=desk,
        setting=setting(company_of(config), config.data.folder),
        name=f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}",
        faults=faults,
        settle_ms=round(config.reports.settle_days * DAY_MS),
        now_ms=clock.now_ms,
    )
    post = Post(view=view, desk=desk, send=partial(_send, config, view, office), now_ms=clock.now_ms)
    return Bureau(view=view, office=office, maker=maker, post=post, now_ms=clock.now_ms)


@dataclass(kw_only=True)
class Bureau:
    """Asks for what schedules want, makes what is due, sends what waits; writes down rounds that nobody looked at."""

    view: View
    office: Office
    maker: Maker
    post: Post
    now_ms: Callable[[], int]
    schedules_at: float = 0.0

    def run(self, stopping: threading.Event) -> None:
        """Until told to stop. The one net: what breaks is logged, and everything else goes on."""
        pause = 0.0
        while not stopping.wait(pause):
            try:
                pause = 0.0 if self.step() else LOOK_EVERY_S
            except StoreError as error:
                log.error("the database cannot be used; it is tried again", problem=str(error))
                pause = AFTER_TROUBLE_S
            except Exception:
                log.exception("a report could not be made; its lease runs out, and it is tried again")
                pause = AFTER_TROUBLE_S

    def step(self) -> bool:
        """One turn; False: there was nothing to do."""
        if clock.mono_s() >= self.schedules_at:
            self.ask()
            self.schedules_at = clock.mono_s() + SCHEDULES_EVERY_S
        return self.maker.step() | self.post.step() | freeze_next(self.view, self.office, self.now_ms())

    def ask(self) -> None:
        """Ask for what schedules want now."""
        now_ms = self.now_ms()
        for wish in list(due(self.view, now_ms)):
            self.office.reports.ask(wish, deed=Deed(who=ROBOT, at_ms=now_ms))


# --- files -----------------------------------------------------------------------------------------------------------


def setting(company: Company, folder: Path) -> Setting:
    """How documents become files here. `folder`: where a PDF lies while it is made."""

    def page(document: Document, language: str) -> str:
        try:
            return sheet_file(document, company, _saying(language), {})
        except LetterheadError as error:
            raise Trouble(str(error)) from error

    def book(document: Document, language: str) -> bytes:
        with workbook(document, company, _saying(language)) as made:
            return made.read()

    return Setting(page=page, workbook=book, pdf=partial(_pressed, folder))


def sweep(folder: Path) -> None:
    """Remove what makers that were killed while a PDF was made have left: folders older than any PDF may take."""
    for left in folder.glob(f"{ASIDE}*"):
        with suppress(OSError):  # somebody else's is theirs, and may be gone by now
            if clock.now_ms() - 1000 * left.stat().st_mtime > LEFT_MS:
                shutil.rmtree(left)


def _pressed(folder: Path, page: str, say: Step) -> bytes:
    with tempfile.TemporaryDirectory(dir=folder, prefix=ASIDE) as aside:
        to = Path(aside) / "report.pdf"
        try:
            press(page, to, on_page=lambda number: say(f"pdf {number}"), turn=folder / ".press")
        except PressError as error:
            if error.kind in FOR_GOOD:
                raise NoPaper(str(error)) from error
            raise Trouble(str(error)) from error
        return to.read_bytes()


def _saying(language: str) -> Saying:
    return Saying(language=_language(language), now_ms=clock.now_ms())


def _language(text: str) -> Language:
    return "en" if text == "en" else "zh"


# --- letters ---------------------------------------------------------------------------------------------------------


def _send(config: Config, view: View, office: Office, waiting: MailRow, row: ReportRow) -> None:
    """Hand a letter to the mail server; with a link of its own, where customers can open one."""
    server = mail_server(config)
    if server is None:
        raise Later("no mail server is configured: set host and sender in [mail], and start the collector anew")
    now_ms = clock.now_ms()
    link = ""
    if config.api.public_url:
        expires_ms = now_ms + config.reports.link_days * DAY_MS
        subject, deed = f"report:{row.id}:{waiting.id}", Deed(who=ROBOT, at_ms=now_ms)
        _, key = office.make_link(CONFIRM, subject, for_whom=waiting.recipient, expires_ms=expires_ms, deed=deed)
        link = f"{config.api.public_url}/confirm/{key}"
    files = {one.form: b"".join(view.file_pieces(one.sha256)) for one in view.report_files(row.id)}
    message = letter(
        row,
        kind_of(row.kind).title,
        files,
        link,
        _saying(row.language),
        to=waiting.recipient,
        sender=server.sender,
        now_ms=now_ms,
        serial=waiting.id,
    )
    try:
        mail.send(message, server)
    except Retry as error:
        raise Later(str(error)) from error
    except Reject as error:
        raise Never(str(error)) from error


if __name__ == "__main__":
    sys.exit(main())
