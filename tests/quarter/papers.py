"""The reports of the town: made, issued, sent and confirmed as the quarter goes; one that late truth restates.

    with smtp_server() as server, pytest.MonkeyPatch.context() as patch:
        Papers(quarter, folder, server, patch)        schedules are entered; letters go to this mail server
        quarter.pass_until(...)

The bank has its monthly reports by themselves; wang looks at the metro's quarterly ones and issues them; the metro's
Ms Qian confirms the one about her contract by the link in her letter. What one agent kept comes ten days later.
"""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from roundsman_collector import clock
from roundsman_collector.api.desk import Desk
from roundsman_collector.config import load
from roundsman_collector.issuing.about import ScopeWord
from roundsman_collector.issuing.making import Step
from roundsman_collector.roles import EVERYTHING
from roundsman_collector.store import Deed
from roundsman_collector.store.issued import ReportFilter
from roundsman_collector.store.report_mails import NewSchedule
from roundsman_collector.web.issuing import bureau
from roundsman_collector.web.site import site
from tests.collector.notify.servers import SmtpServer
from tests.quarter.quarter import FIRST, LAST, Quarter, wall

BY_THEMSELVES = ("bank-1", "bank-2")
"""Sites that have their report of each month, in time, without anybody's doing."""
LOOKED_AT: tuple[tuple[str, ScopeWord, str], ...] = (("sla", "contract", "metro"), ("cctv_quarter", "site", "metro-2"))
OWED = (*(("kiosk-phone", site) for site in BY_THEMSELVES), ("security-upkeep", "metro-2"))
"""Tasks whose report nobody hands in: issuing it does."""
QIAN, CHEN, BANK = "qian@metro.example", "chen@metro.example", "sun@bank.example"
ORIGIN = "https://rounds.example"
WORDS = "情况属实"
TURNS = ("11-01 09:00", "11-02 10:00", "12-01 09:00", "12-02 10:00", "01-01 09:00", "01-02 10:00", "01-11 10:00")
FOUND = ("01-13 10:00", "01-14 10:30")
"""Late truth is noticed, and has settled."""
CONFIGURED = f"""
[api]
public_url = "{ORIGIN}"
[company]
name = "犇犇服务"
[mail]
host = "127.0.0.1"
port = %d
security = "none"
sender = "rounds@example.com"
"""


class Papers:
    """Whoever makes reports in the town, and who reads them."""

    def __init__(self, quarter: Quarter, folder: Path, server: SmtpServer, patch: pytest.MonkeyPatch) -> None:
        self.quarter, self.server = quarter, server
        patch.setattr(clock, "now_ms", lambda: quarter.now_ms)
        file = folder / "roundsman.toml"
        file.write_text(CONFIGURED % server.port, "utf-8")
        self.bureau = bureau(load(file, folder), quarter.view, quarter.office)
        self.bureau.maker.setting = replace(self.bureau.maker.setting, pdf=_pressed)
        self.desk = quarter.office.reports
        for site_id in BY_THEMSELVES:
            self._schedule("site_inspection", "site", site_id, "month", (BANK,), auto_issue=True)
        for kind, scope, about in LOOKED_AT:
            self._schedule(kind, scope, about, "quarter", (QIAN, CHEN))
        for said in (*TURNS, *FOUND):
            quarter.at(wall(said), self._turn)
        for said in ("01-02 10:30", "01-14 11:00"):
            quarter.at(wall(said), self._issue)
        quarter.at(wall("01-03 15:00"), self._confirm)

    def _schedule(
        self, kind: str, scope: str, about: str, cycle: str, to: tuple[str, ...], *, auto_issue: bool = False
    ) -> None:
        new = NewSchedule(
            kind=kind,
            scope=scope,
            about=about,
            cycle=cycle,
            recipients=to,
            auto_issue=auto_issue,
            from_ms=FIRST,
        )
        self.desk.put_schedule(new, deed=Deed(who="zhao", at_ms=self.quarter.now_ms))

    def _turn(self) -> None:
        """What is due is made, and sent."""
        self.bureau.ask()
        while self.bureau.maker.step() or self.bureau.post.step():
            pass

    def _issue(self) -> None:
        """Wang has read what is final, and issues it."""
        for row in self.quarter.view.reports(EVERYTHING, ReportFilter(state="final")):
            self.desk.issue(row.id, deed=Deed(who="wang", at_ms=self.quarter.now_ms), digest=row.digest)
        self._turn()

    def _confirm(self) -> None:
        """Ms Qian opens the link in her letter, and says yes."""
        (letter,) = (one for one in self.server.letters if one.to == [QIAN] and "SLA" in one.message["subject"])
        key = letter.part("plain").partition(f"{ORIGIN}/confirm/")[2].split()[0]
        desk = Desk(
            view=self.quarter.view,
            office=self.quarter.office,
            now_ms=lambda: self.quarter.now_ms,
            port=443,
            token_place="",
            public_url=ORIGIN,
        )
        with TestClient(site(desk), base_url=ORIGIN) as browser:
            said: Any = {"data": {"name": "钱女士", "words": WORDS}, "files": {"signature": ("", b"")}}
            answer = browser.post(f"/confirm/{key}", headers={"Origin": ORIGIN}, **said)
        assert answer.status_code == 200, answer.text


def _pressed(page: str, say: Step) -> bytes:
    """In place of the paper press, which has stories of its own (tests/collector/issuing)."""
    return b"%PDF-1.7 " + hashlib.sha256(page.encode()).digest()


assert wall(TURNS[-1]) > LAST
