"""Labels: which code leads to which device or site, since when, and until when. One label at a time for each.

    make(connection, ["kiosk-7", "#metro-a"], deed=deed)       a label for each; those that have one keep it
    replace(connection, label_id, deed=deed) -> LabelRow       it was lost: another code, the old one is good no more
    revoke(connection, label_id, deed=deed)                    no label any more
    put_words(connection, label_id, words, deed=deed)          what a stranger reads; empty: as the register says
    of_code(connection, code) -> LabelRow | None               where a code leads; one that is over leads nowhere

A code is a key to one form and to nothing else. It is kept as it is, because labels are printed again; it stands in no
log: the audit log names labels by their numbers.
"""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

from sqlalchemy import Connection

from roundsman_collector.core.label import CODE_BYTES, code_of
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import audit, reach
from roundsman_collector.store.audit import Deed
from roundsman_collector.store.entry_kinds import EntryError
from roundsman_collector.store.sql import chunks, clean, marks, run

WORDS_LIMIT = 80
"""A line of a label holds no more."""
SUBJECT_LIMIT = 64
MADE_AT_ONCE = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelWords:
    """What strangers read of a device: what it is, and where it stands. Empty: as the register says."""

    name_zh: str = ""
    name_en: str = ""
    spot_zh: str = ""
    spot_en: str = ""


class LabelRow(NamedTuple):
    """A label. `ended_ms` None: it is good; else `ended_how` says `replaced` or `revoked`."""

    id: int
    code: str
    subject: str
    name_zh: str
    name_en: str
    spot_zh: str
    spot_en: str
    made_ms: int
    made_by: str
    ended_ms: int | None
    ended_by: str
    ended_how: str

    @property
    def words(self) -> LabelWords:
        """What its owner wants strangers to read."""
        return LabelWords(name_zh=self.name_zh, name_en=self.name_en, spot_zh=self.spot_zh, spot_en=self.spot_en)


COLUMNS = ", ".join(LabelRow._fields)
SELECT = f"SELECT {COLUMNS} FROM label WHERE "


# --- reading ---------------------------------------------------------------------------------------------------------


def of_code(connection: Connection, code: str) -> LabelRow | None:
    """The label with this code, if it is good."""
    return next(iter(_read(connection, "code = ? AND ended_ms IS NULL", code)), None)


def one(connection: Connection, label_id: int, *, scope: Scope = EVERYTHING) -> LabelRow | None:
    """A label that the scope reaches, good or over."""
    reached, values = reach.subjects_within(scope, "label.subject")
    return next(iter(_read(connection, f"id = ? AND {reached}", label_id, *values)), None)


def rows(
    connection: Connection,
    *,
    scope: Scope = EVERYTHING,
    subject: str | None = None,
    with_ended: bool = False,
    before_id: int | None = None,
    limit: int = 100,
) -> list[LabelRow]:
    """Labels that the scope reaches, the newest first."""
    reached, values = reach.subjects_within(scope, "label.subject")
    where, bound = ["id < ?", reached], [2**62 if before_id is None else before_id, *values]
    if subject is not None:
        where.append("subject = ?")
        bound.append(subject)
    if not with_ended:
        where.append("ended_ms IS NULL")
    return _read(connection, f"{' AND '.join(where)} ORDER BY id DESC LIMIT ?", *bound, limit)


def good_of(connection: Connection, subjects: Iterable[str]) -> dict[str, LabelRow]:
    """The good labels of those of these subjects that have one."""
    found: dict[str, LabelRow] = {}
    for part in chunks(subjects):
        some = _read(connection, f"subject IN ({marks(len(part))}) AND ended_ms IS NULL", *part)
        found.update((row.subject, row) for row in some)
    return found


def _read(connection: Connection, where: str, *values: object) -> list[LabelRow]:
    return [LabelRow(*row) for row in run(connection, SELECT + where, *values)]


# --- changing --------------------------------------------------------------------------------------------------------


def make(
    connection: Connection, subjects: Sequence[str], *, deed: Deed, scope: Scope = EVERYTHING
) -> list[tuple[LabelRow, bool]]:
    """A label for each, in their order, and whether it is new; all of them or, with EntryError, none."""
    wanted = list(dict.fromkeys(subjects))
    if len(wanted) > MADE_AT_ONCE:
        raise _refused("subjects", f"{len(wanted)} labels at once", f"at most {MADE_AT_ONCE}", "value")
    for subject in wanted:
        _check_subject(connection, subject, scope)
    held = good_of(connection, wanted)
    made = {subject: _add(connection, subject, LabelWords(), deed) for subject in wanted if subject not in held}
    return [(made[one], True) if one in made else (held[one], False) for one in wanted]


def replace(connection: Connection, label_id: int, *, deed: Deed, scope: Scope = EVERYTHING) -> LabelRow:
    """Another code for the same, with the same words; the old one is good no more. Raises EntryError."""
    old = _good(connection, label_id, scope)
    _end(connection, old, "replaced", deed)
    return _add(connection, old.subject, old.words, deed)


def revoke(connection: Connection, label_id: int, *, deed: Deed, scope: Scope = EVERYTHING) -> LabelRow:
    """Let a label be good no more. Raises EntryError."""
    old = _good(connection, label_id, scope)
    _end(connection, old, "revoked", deed)
    return old._replace(ended_ms=deed.at_ms, ended_by=clean(deed.who, 400), ended_how="revoked")


def put_words(
    connection: Connection, label_id: int, words: LabelWords, *, deed: Deed, scope: Scope = EVERYTHING
) -> LabelRow:
    """Say what strangers read from now on. Raises EntryError."""
    old = _good(connection, label_id, scope)
    said = {name: text.strip() for name, text in asdict(words).items()}
    for name, text in said.items():
        if len(text) > WORDS_LIMIT or not text.replace(" ", "x").isprintable():
            raise _refused(name, "this does not fit on a label", f"one line of {WORDS_LIMIT} characters", "value")
    if said == asdict(old.words):
        return old
    sets = ", ".join(f"{name} = ?" for name in said)
    run(connection, f"UPDATE label SET {sets} WHERE id = ?", *said.values(), label_id)
    audit.add(connection, deed, "label.words", _named(label_id), before=asdict(old.words), after=said)
    return old._replace(**said)


def _add(connection: Connection, subject: str, words: LabelWords, deed: Deed) -> LabelRow:
    code = code_of(secrets.token_bytes(CODE_BYTES))
    values: dict[str, Any] = {
        "code": code,
        "subject": subject,
        **asdict(words),
        "made_ms": deed.at_ms,
        "made_by": clean(deed.who, 400),
        "ended_by": "",
        "ended_how": "",
    }
    sql = (
        f"INSERT INTO label ({', '.join(values)}) VALUES ({marks(len(values))}) "
        "ON CONFLICT (subject) WHERE ended_ms IS NULL DO NOTHING RETURNING id"
    )
    label_id = run(connection, sql, *values.values()).scalar()
    if label_id is None:  # somebody else made one this very moment
        first = good_of(connection, [subject]).get(subject)
        if first is None:
            raise _refused("subject", f"somebody changed the label of {subject} just now", "to try again", "conflict")
        return first
    audit.add(connection, deed, "label.make", _named(label_id), after={"subject": subject})
    return LabelRow(id=int(label_id), ended_ms=None, **values)


def _end(connection: Connection, old: LabelRow, how: Literal["replaced", "revoked"], deed: Deed) -> None:
    sql = "UPDATE label SET ended_ms = ?, ended_by = ?, ended_how = ? WHERE id = ? AND ended_ms IS NULL"
    if not run(connection, sql, deed.at_ms, clean(deed.who, 400), how, old.id).rowcount:
        raise _over(old.id)
    verb = "label.replace" if how == "replaced" else "label.revoke"
    audit.add(connection, deed, verb, _named(old.id), before={"subject": old.subject})


def _named(label_id: int) -> str:
    return f"label:{label_id}"


def _good(connection: Connection, label_id: int, scope: Scope) -> LabelRow:
    found = one(connection, label_id, scope=scope)
    if found is None:
        raise _refused("label", f"there is no label {label_id}", "the number of one of yours", "missing")
    if found.ended_ms is not None:
        raise _over(label_id)
    return found


def _over(label_id: int) -> EntryError:
    return _refused("label", f"label {label_id} is good no more", "a label that is", "conflict")


def _check_subject(connection: Connection, subject: str, scope: Scope) -> None:
    is_one = 0 < len(subject) <= SUBJECT_LIMIT and not subject.startswith("@")
    if not is_one or not reach.reaches(connection, scope, subject):
        raise _refused(
            "subject", f"there is no {subject[:SUBJECT_LIMIT]!r}", "a device's id, or # and a site's", "missing"
        )


def _refused(field: str, what: str, expected: str, cause: str) -> EntryError:
    return EntryError(
        what=what, where=field, expected=expected, do="look it up in the list of labels", cause=cause, field=field
    )
