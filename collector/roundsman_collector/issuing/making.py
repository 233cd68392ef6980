"""Makes the reports that are due, one after the other; whoever else does so as well never makes the same one.

    Maker(view, desk, setting, faults, settle_ms).step(now_ms) -> bool        looked at one; False: nothing is due

    provisional or final    gather, build, set as page, PDF and workbook, and store all of it at once
    issued or confirmed     gather again: does it still say the same? If not, the next revision begins

Whatever goes wrong is told with the report, which is tried again later; what was stored before stays.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version

from roundsman_collector.issuing.about import SCOPES, Asked, ReportError, asked
from roundsman_collector.issuing.kinds import kind_of
from roundsman_collector.reports.document import Document
from roundsman_collector.reports.lines import Line, differences, digest, lines, read, written
from roundsman_collector.reports.restated import restated
from roundsman_collector.store import ReportDesk, StoreError, View
from roundsman_collector.store.issued import CHECK_EVERY_MS, FROZEN, Form, Made, NewBody, ReportRow, State
from roundsman_wire.catalogue import Label

ALGORITHM = 1
"""Goes up when the same evidence gives other numbers than before."""
DAY_MS = 86_400_000
SETTLE_PART = 14
WATCH_MS = 400 * DAY_MS
"""So long after its period an issued report is compared with what is known."""
WATCH_PART = 7
"""Looked at again when its age has grown by one part in so many, a day at least: late news comes soon or hardly."""
AGAIN_MS = 60_000
LONGEST_MS = 6 * 3_600_000
TRIES = 9
Step = Callable[[str], None]
"""Says how far it is; raises Lost where somebody else has the report now."""


class Lost(Exception):
    """The lease ran out, and somebody else makes the report: nothing of ours is stored."""


class NoPaper(Exception):
    """A file that cannot be made here, and what to do; the report goes without it."""


class Trouble(Exception):
    """A file that could not be made this time: a full disk, a limit, a template that is broken."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """How a document becomes a file, in a language. Each may raise Trouble; `pdf` NoPaper where it is not installed."""

    page: Callable[[Document, str], str]
    workbook: Callable[[Document, str], bytes]
    pdf: Callable[[str, Step], bytes]


@dataclass(kw_only=True)
class Maker:
    """See the module. `name` tells makers apart: a process, on a machine."""

    view: View
    desk: ReportDesk
    setting: Setting
    name: str
    faults: Mapping[str, Label] = field(default_factory=dict)
    settle_ms: int = DAY_MS
    now_ms: Callable[[], int]

    def step(self) -> bool:
        """Look at the next report that is due; False: none is."""
        row = self.desk.claim(self.name, self.now_ms())
        if row is None:
            return False
        try:
            if row.state in FROZEN:
                self._compare(row)
            else:
                self._make(row)
        except Lost:
            return True
        except (ReportError, Trouble, OSError) as error:
            self._put_off(row, str(error))
        except StoreError as error:
            if error.again:
                raise
            self._put_off(row, str(error))
        return True

    def _put_off(self, row: ReportRow, problem: str) -> None:
        wait_ms = min(LONGEST_MS, AGAIN_MS << min(row.tries, TRIES))
        self.desk.failed(row, problem, self.now_ms() + wait_ms)

    def _say(self, row: ReportRow) -> Step:
        def step(words: str) -> None:
            if not self.desk.hold(row, words, self.now_ms()):
                raise Lost

        return step

    def _document(self, row: ReportRow, state: State) -> tuple[Asked, Document]:
        scope = next(one for one in SCOPES if one == row.scope)
        wanted = asked(self.view, scope, row.about, row.period, now_ms=self.now_ms(), faults=self.faults)
        document = kind_of(row.kind).document(
            self.view, wanted, revision=row.revision, is_provisional=state == "provisional"
        )
        return wanted, document

    # --- made anew ---------------------------------------------------------------------------------------------------

    def _make(self, row: ReportRow) -> None:
        """Make it as final once late news has settled, and as provisional before."""
        final_ms = max(row.to_ms, row.asked_ms if row.revision > 1 else 0) + self._settle_ms(row)
        state: State = "final" if self.now_ms() >= final_ms else "provisional"
        say = self._say(row)
        say("gather")
        wanted, document = self._document(row, state)
        told = lines(document)
        if row.revision > 1:
            document = self._restated(row, document, told)
        made_files, problem = self._files(document, row.language, say)
        made = Made(
            known_ms=wanted.known_ms,
            body=written(told),
            digest=digest(told),
            versions=self._versions(),
            files=made_files,
            problem=problem,
        )
        wake_at_ms = final_ms if state == "provisional" else None
        self.desk.keep(row, made, state=state, wake_at_ms=wake_at_ms, now_ms=self.now_ms())

    def _settle_ms(self, row: ReportRow) -> int:
        """How long late news may still change it: a week's, that is due on the Monday, for half a day at most."""
        return min(self.settle_ms, (row.to_ms - row.from_ms) // SETTLE_PART)

    def _restated(self, row: ReportRow, document: Document, told: tuple[Line, ...]) -> Document:
        before = next(one for one in self.view.report_revisions(row) if one.revision == row.revision - 1)
        body = self.view.report_body(before.id)
        assert body is not None and before.known_ms is not None, "only what was issued is restated"
        return restated(document, differences(read(body), told), before.known_ms, revision=row.revision)

    def _files(self, document: Document, language: str, say: Step) -> tuple[list[NewBody], str]:
        """Page, PDF and workbook, and what is missing of them."""
        say("page")
        page = self.setting.page(document, language)
        found = [_body("page", page.encode())]
        say("pdf")
        problem = ""
        try:
            found.append(_body("pdf", self.setting.pdf(page, say)))
        except NoPaper as error:
            problem = str(error)
        say("xlsx")
        found.append(_body("xlsx", self.setting.workbook(document, language)))
        return found, problem

    def _versions(self) -> str:
        """By what the numbers were made."""
        rules = self.view.rules_at()
        said = {
            "algorithm": ALGORITHM,
            "roundsman": version("roundsman-collector"),
            "rules": "" if rules is None else rules.hash,
        }
        return json.dumps(said)

    # --- issued ------------------------------------------------------------------------------------------------------

    def _compare(self, row: ReportRow) -> None:
        """Whether an issued report still says what is known; a newer revision is compared in its place."""
        now_ms = self.now_ms()
        if self.view.report_revisions(row)[0].id != row.id or now_ms > row.to_ms + WATCH_MS:
            self.desk.leave(row, None)
            return
        self._say(row)("compare")
        _, document = self._document(row, row.state)
        if digest(lines(document)) == row.digest:
            self.desk.leave(row, now_ms + max(CHECK_EVERY_MS, (now_ms - row.to_ms) // WATCH_PART))
        else:
            self.desk.restate(row, now_ms)


def _body(form: Form, content: bytes) -> NewBody:
    return NewBody(form, hashlib.sha256(content).hexdigest(), content)
