"""Sends the letters that reports go by: one to each recipient, none twice, and failures told with the report.

    Post(view, desk, send, now_ms=...).step() -> bool        one was due; False: none is

`send` raises Later (tried again, ever more rarely, for two days) or Never. Between the mail server's yes and our note
of it lies the only moment in which a kill makes a letter go twice; its Message-ID is then the same.
"""

from collections.abc import Callable
from dataclasses import dataclass

from roundsman_collector.store import ReportDesk, View
from roundsman_collector.store.issued import ReportRow
from roundsman_collector.store.report_mails import MailRow

FIRST_MS = 60_000
LONGEST_MS = 3 * 3_600_000
GIVEN_UP_MS = 2 * 86_400_000
DOUBLINGS = 8


class Later(Exception):
    """It did not go, and may go later."""


class Never(Exception):
    """It will not go: the recipient is refused."""


Send = Callable[[MailRow, ReportRow], None]


@dataclass(kw_only=True)
class Post:
    """See the module."""

    view: View
    desk: ReportDesk
    send: Send
    now_ms: Callable[[], int]

    def step(self) -> bool:
        """Send the next letter that is due; False: none is."""
        letter = self.desk.due_letter(self.now_ms())
        if letter is None:
            return False
        row = self.view.report(letter.report_id)
        assert row is not None, "letters belong to reports"
        try:
            self.send(letter, row)
        except Later as problem:
            self._put_off(letter, str(problem))
        except Never as problem:
            self.desk.letter_dead(letter.id, self.now_ms(), str(problem))
        else:
            self.desk.letter_sent(letter.id, self.now_ms())
        return True

    def _put_off(self, letter: MailRow, problem: str) -> None:
        now_ms = self.now_ms()
        if now_ms - letter.made_ms >= GIVEN_UP_MS:
            self.desk.letter_dead(letter.id, now_ms, problem)
        else:
            wait_ms = min(LONGEST_MS, FIRST_MS << min(letter.tries - 1, DOUBLINGS))
            self.desk.letter_again(letter.id, now_ms + wait_ms, problem)
