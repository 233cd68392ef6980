"""The door for what people keep: users and sessions, tokens, the register, ways of being told, rounds, the audit log.

    office = Office.open("/var/lib/roundsman/roundsman.sqlite3")        beside the engine, from any process
    with office.change("adding a customer") as change: ...              one short transaction, audited by who made it

The engine's tables are the engine's (door.py); what the engine has to know or to do is asked of it by a command
(reads.View.ask). Everything here is written in short transactions beside it. A change and its audit row are stored
together or not at all.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from roundsman_collector.core.days import Day
from roundsman_collector.core.duty import Pattern, Plan, SwapState
from roundsman_collector.core.looking import Line
from roundsman_collector.core.overlay import Verb
from roundsman_collector.core.recurrence import Cause
from roundsman_collector.core.slips import Wish as SlipWish
from roundsman_collector.core.stock import Level
from roundsman_collector.roles import EVERYTHING, Role, Scope
from roundsman_collector.rules.calendars import CalendarFile
from roundsman_collector.store import (
    asked,
    audit,
    calendars,
    commands,
    duty_patterns,
    duty_shifts,
    duty_swaps,
    entries,
    files,
    going,
    labels,
    links,
    notices,
    outbox,
    overlays,
    parts,
    people,
    pushed,
    quarantine,
    recurrence,
    report_words,
    reservations,
    round_log,
    rounds,
    rules,
    search,
    slips,
    spots,
    stock,
    stock_reads,
    stock_register,
    ways,
)
from roundsman_collector.store.asked import AskWish
from roundsman_collector.store.audit import Deed
from roundsman_collector.store.connect import Place, connector, place, transaction
from roundsman_collector.store.duty import Rota, ShiftWish, SwapRow
from roundsman_collector.store.entries import Became
from roundsman_collector.store.entry_kinds import KindName
from roundsman_collector.store.files import FileLimits, FileRow, NewFile
from roundsman_collector.store.labels import LabelRow, LabelWords
from roundsman_collector.store.links import LinkRow
from roundsman_collector.store.notices import NoticeRow
from roundsman_collector.store.overlays import By, OverlayRow, Wish
from roundsman_collector.store.parts import PartWish
from roundsman_collector.store.people import PersonRow
from roundsman_collector.store.pushed import PushWish
from roundsman_collector.store.report_desk import ReportDesk
from roundsman_collector.store.report_words import Place as ReportPlace
from roundsman_collector.store.reservations import Want
from roundsman_collector.store.round_log import NewLine
from roundsman_collector.store.stock import MoveWish
from roundsman_collector.store.stock_reads import Statement
from roundsman_collector.store.stock_register import ItemFields, LocationFields, Word
from roundsman_collector.store.timing import Timing
from roundsman_collector.store.ways import Filter, NewWay, WayRow

SEEN_KEPT = 10_000


class Office:
    """The door for what people keep. Make it with Office.open(); many threads may use it."""

    def __init__(self, where: Place) -> None:
        self._place = where
        self._write = connector(where, writes=True)
        self._read = connector(where, writes=False)
        self.reports = ReportDesk(where)
        self._seen: dict[tuple[str, str], int] = {}
        """Until when it need not be written down again that somebody saw numbers."""

    @classmethod
    def open(cls, where: str | Path) -> "Office":
        """Open a database that a collector has made (View.open says whether it is one)."""
        return cls(place(where))

    def close(self) -> None:
        """Let go of the database."""
        self._write.dispose()
        self._read.dispose()
        self.reports.close()

    def __enter__(self) -> "Office":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _change(self, doing: str) -> Iterator[Connection]:
        with transaction(self._write, doing, self._place) as connection:
            yield connection

    # --- people: people.py -------------------------------------------------------------------------------------------

    def add_person(
        self, person: str, *, name: str, role: Role, scope: Scope, email: str = "", language: str = "zh", deed: Deed
    ) -> None:
        """Enter a person, who cannot come in before they are invited."""
        with self._change(f"adding person {person}") as connection:
            people.add(connection, person, name=name, role=role, scope=scope, email=email, language=language, deed=deed)

    def change_person(
        self, person: str, *, name: str, role: Role, scope: Scope, email: str, language: str, deed: Deed
    ) -> None:
        """Change what is known of a person and what they may do."""
        with self._change(f"changing person {person}") as connection:
            people.change(
                connection, person, name=name, role=role, scope=scope, email=email, language=language, deed=deed
            )

    def disable_person(self, person: str, *, is_disabled: bool, deed: Deed) -> None:
        """Shut somebody out at once, sessions included; or let them in again."""
        with self._change(f"shutting out person {person}") as connection:
            people.disable(connection, person, is_disabled=is_disabled, deed=deed)

    def unlock_person(self, person: str, deed: Deed) -> None:
        """Forget the wrong passwords."""
        with self._change(f"unlocking person {person}") as connection:
            people.unlock(connection, person, deed)

    def invite(self, person: str, *, expires_ms: int, deed: Deed) -> str:
        """The key of a one-time link for a person; older links of theirs no longer work."""
        with self._change(f"inviting person {person}") as connection:
            return people.invite(connection, person, expires_ms=expires_ms, deed=deed)

    def accept(self, key: str, password_hash: str, deed: Deed) -> PersonRow | None:
        """Use a link: the person has this password from now on. None: the link is not known, used, or over."""
        with self._change("accepting an invitation") as connection:
            return people.accept(connection, key, password_hash, deed)

    def change_password(self, person: str, password_hash: str, deed: Deed) -> None:
        """Give a person another password; all their sessions end."""
        with self._change(f"changing the password of person {person}") as connection:
            people.change_password(connection, person, password_hash, deed)

    def login_failed(self, person: str, deed: Deed) -> None:
        """Count a wrong password; several in a row lock the person for a while."""
        with self._change("counting a wrong password") as connection:
            people.failed(connection, person, deed)

    def begin_session(self, person: str, *, expires_ms: int, browser: str, deed: Deed) -> str:
        """Let a person in; return the key of the new session."""
        with self._change(f"signing in person {person}") as connection:
            return people.begin_session(connection, person, expires_ms=expires_ms, browser=browser, deed=deed)

    def session_seen(self, session: str, now_ms: int, expires_ms: int) -> None:
        """A session was used, and lives on."""
        with self._change("prolonging a session") as connection:
            people.seen(connection, session, now_ms, expires_ms)

    def end_session(self, session: str, deed: Deed) -> None:
        """Sign out of one session, named by its hash."""
        with self._change("ending a session") as connection:
            people.end_session(connection, session, deed)

    def add_token(
        self,
        key: str,
        *,
        name: str,
        role: Role,
        scope: Scope = EVERYTHING,
        expires_ms: int | None = None,
        deed: Deed,
    ) -> None:
        """Let a program in that bears `key`; its SHA-256 is kept, not the key."""
        with self._change(f"adding token {name}") as connection:
            people.add_token(connection, key, name=name, role=role, scope=scope, expires_ms=expires_ms, deed=deed)

    def token_used(self, token: str, now_ms: int) -> None:
        """A token, named by its hash, was used."""
        with self._change("noting the use of a token") as connection:
            people.used(connection, token, now_ms)

    def revoke_token(self, token: str, deed: Deed) -> None:
        """A token, named by its hash, opens nothing any more."""
        with self._change("revoking a token") as connection:
            people.revoke_token(connection, token, deed)

    def note(
        self,
        deed: Deed,
        verb: str,
        subject: str,
        *,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        """Write into the audit log what was done elsewhere: by the engine, or outside the database."""
        with self._change("writing the audit log") as connection:
            audit.add(connection, deed, verb, subject, before=before, after=after)

    def settle_knock(self, agent: str, device: str, *, how: str, deed: Deed) -> bool:
        """Take an entry out of the inbox, as `how` says; who knocks again is entered again. False: it was not there."""
        with self._change("settling an entry of the inbox") as connection:
            was_there = quarantine.settled(connection, agent, device)
            if was_there:
                subject = f"device:{device}" if device else f"agent:{agent}"
                audit.add(connection, deed, f"inbox.{how}", subject, after={"agent": agent, "device": device})
            return was_there

    # --- the register: entries.py ------------------------------------------------------------------------------------

    def put_entry(
        self,
        kind: KindName,
        entry: str,
        fields: Mapping[str, object],
        *,
        deed: Deed,
        from_ms: int | None = None,
        scope: Scope = EVERYTHING,
    ) -> Became:
        """Let an entry be like this, from now or from an earlier time on. Raises EntryError."""
        with self._change(f"entering {kind} {entry}") as connection:
            became = entries.put(connection, kind, entry, fields, deed=deed, from_ms=from_ms, scope=scope)
            if became != "same":
                search.fill_of(connection, kind, [entry])
                rules.tell_moved(connection, kind, [entry], from_ms, deed)
        return became

    def end_entry(
        self, kind: KindName, entry: str, *, deed: Deed, at_ms: int | None = None, scope: Scope = EVERYTHING
    ) -> bool:
        """Let an entry end, now or earlier; False: it had ended before. Raises EntryError."""
        with self._change(f"ending {kind} {entry}") as connection:
            ended = entries.end(connection, kind, entry, deed=deed, at_ms=at_ms, scope=scope)
            search.fill_of(connection, kind, [entry])
            if ended:
                rules.tell_moved(connection, kind, [entry], at_ms, deed)
        return ended

    def enter_all(
        self,
        wanted: Sequence[tuple[KindName, Mapping[str, Mapping[str, object]]]],
        commands_for_engine: Sequence[tuple[str, Mapping[str, Any]]],
        *,
        deed: Deed,
        from_ms: int | None = None,
        scope: Scope = EVERYTHING,
    ) -> list[int]:
        """Enter many entries, kind by kind, and ask the engine for its part: all of it or nothing. Raises EntryError.

        Returns the ids of the commands. What devices are found by is written afterwards, by fill_search().
        """
        with self._change("entering a part of the register") as connection:
            for kind, some in wanted:
                entries.put_all(connection, kind, some, deed=deed, from_ms=from_ms, scope=scope)
                rules.tell_moved(connection, kind, some, from_ms, deed)
            return [
                commands.ask(connection, who=deed.who, verb=verb, args=args, now_ms=deed.at_ms)
                for verb, args in commands_for_engine
            ]

    def fill_search(self, chunks: int | None = None) -> None:
        """Write the lines that devices are found by and that are missing, in short transactions; at most so many."""
        after: str | None = ""
        while after is not None and chunks != 0:
            with self._change("writing what devices are found by") as connection:
                after = search.fill(connection, after)
            chunks = None if chunks is None else chunks - 1

    def rebuild_search(self) -> None:
        """Write all lines anew that devices are found by."""
        with self._change("forgetting what devices are found by") as connection:
            search.forget_all(connection)
        self.fill_search()

    # --- calendars: calendars.py -------------------------------------------------------------------------------------

    def put_calendar_days(
        self,
        calendar: str,
        days: Mapping[date, Day],
        *,
        deed: Deed,
        scope: Scope = EVERYTHING,
        whole_years: bool = False,
    ) -> int:
        """Let a calendar say this of these days from now on; how many that changes. Raises EntryError."""
        with self._change(f"writing calendar {calendar[:80]}") as connection:
            return calendars.put_days(connection, calendar, days, deed=deed, scope=scope, whole_years=whole_years)

    def seed_calendar(self, file: CalendarFile, *, deed: Deed) -> int:
        """Bring the program's own calendar in, where people have not said otherwise; how many days that changes."""
        with self._change(f"bringing calendar {file.calendar} in") as connection:
            return calendars.seed(connection, file, deed)

    # --- ways of being told, and the outbox: ways.py, notices.py -----------------------------------------------------

    def ways(self) -> list[WayRow]:
        """Everybody who is or was told, by id. Show `shown_target`, never `secret`."""
        with transaction(self._read, "reading ways", self._place) as connection:
            return ways.rows(connection)

    def way(self, way: int) -> WayRow | None:
        """One of them."""
        with transaction(self._read, f"reading way {way}", self._place) as connection:
            return ways.one(connection, way)

    def add_way(
        self,
        *,
        kind: str,
        name: str,
        target: str,
        filter_: Filter | None = None,
        language: str = "zh",
        secret: str = "",
        person: str = "",
        timing: Timing | None = None,
        deed: Deed,
    ) -> NewWay:
        """Tell somebody from now on. The secret of a webhook is in the answer, and is not shown again; that of a bot is
        given. `person`: whose own way it is, if anybody's."""
        with self._change(f"adding way {name}") as connection:
            return ways.add(
                connection,
                kind=kind,
                name=name,
                target=target,
                filter_=filter_ or Filter(),
                language=language,
                secret=secret,
                person=person,
                timing=timing,
                deed=deed,
            )

    def change_way(
        self,
        way: int,
        *,
        name: str | None = None,
        target: str | None = None,
        filter_: Filter | None = None,
        language: str | None = None,
        secret: str | None = None,
        renew_secret: bool = False,
        person: str | None = None,
        timing: Timing | None = None,
        deed: Deed,
    ) -> str:
        """Change what is given, None leaves it; what waits is tried now. Returns the new secret where one was made."""
        with self._change(f"changing way {way}") as connection:
            secret = ways.change(
                connection,
                way,
                name=name,
                target=target,
                filter_=filter_,
                language=language,
                secret=secret,
                renew_secret=renew_secret,
                person=person,
                timing=timing,
                deed=deed,
            )
            outbox.wake(connection, way, deed.at_ms)
        return secret

    def disable_way(self, way: int, *, is_disabled: bool, deed: Deed) -> None:
        """Tell nobody by it any more, what waits included (it becomes dead); or tell by it again from now on."""
        with self._change(f"disabling way {way}") as connection:
            ways.disable(connection, way, is_disabled=is_disabled, deed=deed)
            if is_disabled:
                notices.bury(connection, way, "the way was disabled", deed.at_ms)

    def test_way(self, way: int, deed: Deed) -> int:
        """Put a test into the outbox; `notice(id)` tells what becomes of it. Returns the notice's id."""
        with self._change(f"testing way {way}") as connection:
            return notices.add_test(connection, way, deed)

    def notices(
        self, *, states: Sequence[str] = (), way: int | None = None, before_id: int | None = None, limit: int = 100
    ) -> list[NoticeRow]:
        """The outbox, the newest first; states: new, sent, dead, gathered, over."""
        with transaction(self._read, "reading notices", self._place) as connection:
            return notices.rows(connection, states=states, way=way, before_id=before_id, limit=limit)

    def notice(self, notice: int) -> NoticeRow | None:
        """A notice."""
        with transaction(self._read, f"reading notice {notice}", self._place) as connection:
            return notices.one(connection, notice)

    def count_notices(self) -> dict[str, int]:
        """How many notices wait (`new`) and how many are `dead`."""
        with transaction(self._read, "counting notices", self._place) as connection:
            return notices.count(connection)

    def count_notices_by_way(self) -> dict[int, dict[str, int]]:
        """How many notices wait (`new`) and how many are `dead` on each way that has any, but for tests."""
        with transaction(self._read, "counting notices", self._place) as connection:
            return notices.count_by_way(connection)

    def retry_way(self, way: int, deed: Deed) -> int:
        """Try everything again that is dead on a way; return how many they are."""
        with self._change(f"trying way {way} again") as connection:
            return notices.retry_all(connection, way, deed)

    def retry_notice(self, notice: int, deed: Deed) -> None:
        """Try a dead notice again, now."""
        with self._change(f"trying notice {notice} again") as connection:
            notices.retry(connection, notice, deed)

    # --- what recurs: recurrence.py ----------------------------------------------------------------------------------

    def analyse(self, warning: int, *, cause: Cause, text: str, scope: Scope, deed: Deed) -> int:
        """Say what is at the root of a fault that comes again and again; it is told like the warning."""
        with self._change(f"writing what is at the root of warning {warning}") as connection:
            return recurrence.analyse(connection, warning, cause=cause, text=text, scope=scope, deed=deed)

    def write_for_report(self, at: ReportPlace, section: str, words: str, *, deed: Deed) -> int:
        """Write words for a section of a report, before it is issued."""
        with self._change(f"writing for a report {at.kind[:40]}") as connection:
            return report_words.put(connection, at, section, words, deed)

    def numbers_seen(self, subject: str, deed: Deed) -> None:
        """Write down that somebody was shown whole numbers of people or cards, once for each subject and day."""
        if deed.at_ms >= self._seen.get((deed.who, subject), 0):
            if len(self._seen) >= SEEN_KEPT:
                self._seen.clear()
            with self._change("noting who saw numbers") as connection:
                self._seen[deed.who, subject] = audit.seen(connection, deed, subject)

    # --- slips: slips.py ----------------------------------------------------------------------------------------------

    def begin_slip(self, new: slips.SlipNew, data: Mapping[str, str], *, deed: Deed) -> slips.SlipRow:
        """Write a new slip; the same key again answers as it did then. StoreError (conflict): what may not be."""
        with self._change(f"writing a slip {new.kind[:20]}") as connection:
            return slips.begin(connection, new, data, deed)

    def write_slip(self, slip: int, wish: SlipWish, *, deed: Deed) -> slips.SlipRow:
        """Write a line into a slip. StoreError (conflict): what may not be."""
        with self._change("writing into a slip") as connection:
            return slips.add(connection, slip, wish, deed)

    # --- maintenance, exclusions, corrections: overlays.py ------------------------------------------------------------

    def propose_overlay(self, wish: Wish, *, deed: Deed, by: By) -> int:
        """Propose to lay something over the evidence; planned maintenance counts at once. Raises EntryError."""
        with self._change(f"entering a {wish.kind[:20]}") as connection:
            return overlays.propose(connection, wish, deed=deed, by=by)

    def act_on_overlay(
        self, overlay: int, verb: Verb, *, deed: Deed, by: By, to_ms: int | None = None, text: str = ""
    ) -> OverlayRow:
        """Approve, refuse, revoke or end (at `to_ms`) what somebody proposed. Raises EntryError."""
        with self._change(f"deciding on overlay {overlay}") as connection:
            return overlays.act(connection, overlay, verb, deed=deed, by=by, to_ms=to_ms, text=text)

    # --- who goes: duty.py, going.py ---------------------------------------------------------------------------------

    def add_shift(self, wish: ShiftWish, *, deed: Deed, scope: Scope = EVERYTHING) -> int:
        """Put somebody on duty, or give them a day off; returns the shift's id. Raises EntryError."""
        with self._change("entering a duty") as connection:
            return duty_shifts.add(connection, wish, deed=deed, scope=scope)

    def remove_shift(self, shift: int, *, deed: Deed, scope: Scope = EVERYTHING) -> None:
        """Let a duty or day off count no more from now on. Raises EntryError."""
        with self._change(f"removing duty {shift}") as connection:
            duty_shifts.remove(connection, shift, deed=deed, scope=scope)

    def put_duty_pattern(
        self, rota: Rota, document: Mapping[str, Any], *, deed: Deed, scope: Scope = EVERYTHING
    ) -> Pattern:
        """Say how the weeks of a rota look from now on; it fills no day by itself. Raises EntryError."""
        with self._change("writing the pattern of a rota") as connection:
            return duty_patterns.put_pattern(connection, rota, document, deed=deed, scope=scope)

    def fill_duty(self, rota: Rota, first: date, last: date, *, deed: Deed, scope: Scope = EVERYTHING) -> Plan:
        """Make days of a rota as its pattern says; what was done. Raises EntryError."""
        with self._change("filling a rota") as connection:
            return duty_patterns.fill(connection, rota, first, last, deed=deed, scope=scope)

    def ask_swap(self, shift: int, *, other: str, other_shift: int | None, note: str = "", deed: Deed) -> int:
        """Ask somebody to take a duty of whoever asks; returns the swap's id. Raises EntryError."""
        with self._change(f"asking to swap duty {shift}") as connection:
            return duty_swaps.ask_swap(connection, shift, other=other, other_shift=other_shift, note=note, deed=deed)

    def answer_swap(self, swap: int, state: SwapState, *, deed: Deed) -> SwapRow:
        """Agree to a swap, refuse it, or withdraw it. Raises EntryError."""
        with self._change(f"answering swap {swap}") as connection:
            return duty_swaps.answer_swap(connection, swap, state, deed=deed)

    def set_swap(
        self,
        shift: int,
        *,
        other: str,
        other_shift: int | None,
        note: str = "",
        deed: Deed,
        scope: Scope = EVERYTHING,
    ) -> int:
        """Let somebody else have a duty, as a dispatcher says; returns the swap's id. Raises EntryError."""
        with self._change(f"setting who has duty {shift}") as connection:
            return duty_swaps.set_swap(
                connection, shift, other=other, other_shift=other_shift, note=note, deed=deed, scope=scope
            )

    def put_member(self, person: str, point: str | None, *, deed: Deed, scope: Scope = EVERYTHING) -> bool:
        """Let somebody belong to a service point from now on (None: to none). Raises EntryError."""
        with self._change(f"saying where person {person[:63]} belongs") as connection:
            return going.put_member(connection, person, point, deed=deed, scope=scope)

    def put_skill(
        self,
        person: str,
        kind: str,
        component: str = "",
        *,
        qualified_until: str | None = None,
        deed: Deed,
        scope: Scope = EVERYTHING,
    ) -> bool:
        """Let somebody be able to mend a kind of device from now on; False: it was so. Raises EntryError."""
        with self._change(f"saying what person {person[:63]} can mend") as connection:
            return going.put_skill(
                connection, person, kind, component, qualified_until=qualified_until, deed=deed, scope=scope
            )

    def end_skill(self, person: str, kind: str, component: str = "", *, deed: Deed, scope: Scope = EVERYTHING) -> bool:
        """Let somebody not be able to mend that from now on; False: it was so. Raises EntryError."""
        with self._change(f"saying what person {person[:63]} can mend") as connection:
            return going.end_skill(connection, person, kind, component, deed=deed, scope=scope)

    # --- labels: labels.py -------------------------------------------------------------------------------------------

    def make_labels(
        self, subjects: Sequence[str], *, deed: Deed, scope: Scope = EVERYTHING
    ) -> list[tuple[LabelRow, bool]]:
        """A label for each device or site (`#`), and whether it is new; who has one keeps it. Raises EntryError."""
        with self._change("making labels") as connection:
            return labels.make(connection, subjects, deed=deed, scope=scope)

    def replace_label(self, label: int, *, deed: Deed, scope: Scope = EVERYTHING) -> LabelRow:
        """Another code in place of one that was lost. Raises EntryError."""
        with self._change(f"replacing label {label}") as connection:
            return labels.replace(connection, label, deed=deed, scope=scope)

    def revoke_label(self, label: int, *, deed: Deed, scope: Scope = EVERYTHING) -> LabelRow:
        """Let a label lead nowhere any more. Raises EntryError."""
        with self._change(f"revoking label {label}") as connection:
            return labels.revoke(connection, label, deed=deed, scope=scope)

    def put_label_words(self, label: int, words: LabelWords, *, deed: Deed, scope: Scope = EVERYTHING) -> LabelRow:
        """Say what strangers read who scan it. Raises EntryError."""
        with self._change(f"writing the words of label {label}") as connection:
            return labels.put_words(connection, label, words, deed=deed, scope=scope)

    # --- links for customers: links.py -------------------------------------------------------------------------------

    def make_link(
        self, purpose: str, subject: str, *, for_whom: str = "", expires_ms: int, deed: Deed
    ) -> tuple[LinkRow, str]:
        """A link by which a customer may say yes or no once, and its key; older ones of the subject end."""
        with self._change("making a link for a customer") as connection:
            return links.make(connection, purpose, subject, for_whom=for_whom, expires_ms=expires_ms, deed=deed)

    def end_links(self, purpose: str, subject: str, *, deed: Deed) -> int:
        """Let the links of a subject lead nowhere any more; how many were good."""
        with self._change("ending links for a customer") as connection:
            return links.end(connection, purpose, subject, deed=deed)

    def use_link(self, purpose: str, key: str, *, deed: Deed) -> LinkRow | None:
        """Use a link, once; None: it is not known, used, or over."""
        with self._change("using a customer's link") as connection:
            return links.use(connection, purpose, key, deed=deed)

    def link_refused(self, purpose: str, key: str, *, deed: Deed) -> None:
        """Note that somebody tried a key that is no good."""
        with self._change("noting a try") as connection:
            links.refused(connection, purpose, key, deed=deed)

    # --- files of tickets and rounds: files.py -----------------------------------------------------------------------

    def add_file(self, new: NewFile, pieces: Iterable[bytes], *, limits: FileLimits, deed: Deed) -> FileRow:
        """Keep what was uploaded to a ticket or round; the same key answers as it did then. Raises FileRefused."""
        with self._change("keeping a file") as connection:
            return files.add(connection, new, pieces, limits, deed)

    # --- spare stock and parts: stock.py, reservations.py, spots.py, stock_register.py, stock_reads.py, parts.py ------

    def put_stock_item(self, item: str, fields: ItemFields, *, deed: Deed, scope: Scope = EVERYTHING) -> bool:
        """Let an item of the stock be this from now on; False: it is already. Raises EntryError."""
        with self._change(f"writing stock item {item[:63]}") as connection:
            return stock_register.put_item(connection, item, fields, deed=deed, scope=scope)

    def put_stock_location(
        self, location: str, fields: LocationFields, *, deed: Deed, scope: Scope = EVERYTHING
    ) -> bool:
        """Let a stock location be this from now on; False: it is already. Raises EntryError."""
        with self._change(f"writing stock location {location[:63]}") as connection:
            return stock_register.put_location(connection, location, fields, deed=deed, scope=scope)

    def put_stock_level(self, location: str, item: str, level: Level, *, deed: Deed, scope: Scope = EVERYTHING) -> bool:
        """Let so many of an item be authorised at a location; False: they are already. Raises EntryError."""
        with self._change(f"writing what {location[:63]} is to hold") as connection:
            return stock_register.put_level(connection, location, item, level, deed=deed, scope=scope)

    def end_stock_entry(self, word: Word, name: str, *, deed: Deed, scope: Scope = EVERYTHING) -> None:
        """An `item` or a `location` of the stock, of which nothing is left, is there no more. Raises EntryError."""
        with self._change(f"ending stock {word} {name[:63]}") as connection:
            stock_register.end_entry(connection, word, name, deed=deed, scope=scope)

    def book_move(self, wish: MoveWish, *, deed: Deed, scope: Scope = EVERYTHING) -> int:
        """Book what came or went; returns the move. Raises EntryError."""
        with self._change(f"booking a {wish.verb[:20]}") as connection:
            return stock.book(connection, wish, deed=deed, scope=scope)

    def reserve_spare(
        self,
        location: str,
        item: str,
        quantity: int,
        ticket: str,
        *,
        key: str = "",
        deed: Deed,
        scope: Scope = EVERYTHING,
    ) -> int:
        """Keep pieces for a ticket, once for each key; returns the reservation. Raises EntryError."""
        with self._change("reserving a spare") as connection:
            want = Want(location=location, item=item, quantity=quantity, ticket=ticket, key=key)
            return reservations.book(connection, want, deed=deed, scope=scope)

    def want_spare(self, want: Want, *, is_wish: bool = False, deed: Deed, scope: Scope = EVERYTHING) -> int:
        """Keep pieces for a ticket within the scope, or ask for them, at any location that serves it; returns the
        reservation. Raises EntryError."""
        with self._change("reserving a spare") as connection:
            return spots.book(connection, want, is_wish=is_wish, deed=deed, scope=scope)

    def let_spare_go(self, reservation: int, ticket: str, *, deed: Deed, scope: Scope = EVERYTHING) -> None:
        """Keep a spare for a ticket within the scope no longer. Raises EntryError."""
        with self._change(f"ending reservation {reservation}") as connection:
            reservations.let_go(connection, reservation, ticket, deed=deed, scope=scope)

    def end_reservation(
        self, reservation: int, verb: str, *, deed: Deed, serial: str = "", scope: Scope = EVERYTHING
    ) -> None:
        """`issue` what is reserved, `release` it, or `keep` what was asked for. Raises EntryError."""
        with self._change(f"ending reservation {reservation}") as connection:
            reservations.settle(connection, reservation, verb, deed=deed, serial=serial, scope=scope)

    def sign_stock(
        self, location: str, month: str, *, is_check: bool, text: str = "", deed: Deed, scope: Scope = EVERYTHING
    ) -> Statement:
        """Sign a month as its keeper, or as the second person who checked it. Raises EntryError."""
        with self._change(f"signing the stock of {location[:63]}") as connection:
            if is_check:
                return stock_reads.check(connection, location, month, text, deed=deed, scope=scope)
            return stock_reads.keep(connection, location, month, deed=deed, scope=scope)

    def put_part(self, wish: PartWish, *, deed: Deed, scope: Scope = EVERYTHING) -> int:
        """Enter what is built into a device; returns the part. Raises EntryError."""
        with self._change(f"entering a part of {wish.device[:63]}") as connection:
            return parts.put(connection, wish, deed=deed, scope=scope)

    def take_out_part(self, device: str, part: int, *, is_mistake: bool, deed: Deed, scope: Scope = EVERYTHING) -> None:
        """A part is in a device no longer, or never was. Raises EntryError."""
        with self._change(f"taking a part out of {device[:63]}") as connection:
            parts.take_out(connection, device, part, is_mistake=is_mistake, deed=deed, scope=scope)

    # --- rounds and errands: rounds.py -------------------------------------------------------------------------------

    def ask_round(self, args: Mapping[str, Any], deed: Deed) -> int:
        """Ask the engine for a round {site, from_ms, to_ms, within_ms, mode, task}; returns the command's id, to be
        looked up."""
        with self._change("asking for a round") as connection:
            return rounds.ask(connection, deed, args)

    # --- commands and configurations for one agent: asked.py, pushed.py ----------------------------------------------

    def ask_agent(self, agent: str, wish: AskWish, *, deed: Deed, scope: Scope = EVERYTHING) -> str:
        """Ask something of an agent; returns the command's id. Raises EntryError."""
        with self._change(f"asking agent {agent[:63]}") as connection:
            return asked.ask(connection, agent, wish, deed=deed, scope=scope)

    def push_config(self, agent: str, wish: PushWish, *, deed: Deed, scope: Scope = EVERYTHING) -> int:
        """Push a configuration to an agent; returns the push's id. Raises EntryError."""
        with self._change(f"pushing a configuration to agent {agent[:63]}") as connection:
            return pushed.push(connection, agent, wish, deed=deed, scope=scope)

    def withdraw_config(self, agent: str, *, deed: Deed, scope: Scope = EVERYTHING) -> int:
        """Let the broker keep no configuration for an agent any more; returns the push. Raises EntryError."""
        with self._change(f"withdrawing the configuration of agent {agent[:63]}") as connection:
            return pushed.withdraw(connection, agent, deed=deed, scope=scope)

    def write_round_line(self, round_id: int, new: NewLine, *, deed: Deed) -> Line:
        """Write down what somebody found, or signs; the same key again answers as it did then. Raises KeyUsed."""
        with self._change("writing what was found in a round") as connection:
            return round_log.write(connection, round_id, new, deed)

    def finish_round(self, round_id: int, new: NewLine, *, deed: Deed) -> Line:
        """Let a round be finished: what was found stays as it is. Raises as `write_round_line` does."""
        with self._change("finishing a round") as connection:
            return round_log.finish(connection, round_id, new, deed)

    def freeze_round(self, number: str, frozen: rounds.Frozen, now_ms: int) -> bool:
        """Keep the document of a round that is over; False: somebody was first, whose document stays."""
        with self._change(f"keeping the document of round {number}") as connection:
            return rounds.freeze(connection, number, frozen, now_ms)
