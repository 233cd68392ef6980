"""People and programs: who there is, what they may do, and the secrets they come with. Secrets are kept as hashes only.

    a person      comes in by a one-time link, sets a password, and has sessions
    a program     has a token with a role, a scope and an end

A scope is text: `all`, or `group:south customer:metro`. Keys of links, sessions and tokens are long and random: SHA-256
is enough for them, and they can be looked up by it.
"""

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection

from roundsman_collector.roles import EVERYTHING, ROLES, Role, Scope
from roundsman_collector.store import audit
from roundsman_collector.store.audit import Deed
from roundsman_collector.store.errors import conflict
from roundsman_collector.store.sql import clean, many, run

ALL = "all"
TEXT_LIMIT = 200
FAILURES_BEFORE_LOCK = 5
LOCK_MS = 15 * 60_000
SEEN_EVERY_MS = 60_000


class PersonRow(NamedTuple):
    """A person. `has_password` False: only a link lets them in. `locked_until_ms`: too many wrong passwords."""

    id: str
    name: str
    role: Role
    email: str
    language: str
    has_password: bool
    made_ms: int
    made_by: str
    disabled_ms: int | None
    failed_count: int
    locked_until_ms: int | None
    scope: Scope


class SessionRow(NamedTuple):
    """Somebody who signed in. `hash` names it; the key that opens it is not kept."""

    hash: str
    person: str
    made_ms: int
    seen_ms: int
    expires_ms: int
    ended_ms: int | None
    address: str
    browser: str


class TokenRow(NamedTuple):
    """A program's token."""

    hash: str
    name: str
    made_ms: int
    expires_ms: int | None
    role: Role
    scope: Scope
    made_by: str
    used_ms: int | None
    revoked_ms: int | None


def new_key() -> str:
    """A key for a link, a session or a token: 256 random bits."""
    return secrets.token_urlsafe(32)


def hash_of(key: str) -> str:
    """What is kept of a key."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def scope_text(scope: Scope) -> str:
    """A scope as it is kept."""
    if scope.everything:
        return ALL
    words = [*(f"group:{one}" for one in sorted(scope.groups)), *(f"customer:{one}" for one in sorted(scope.customers))]
    return " ".join(words)


def scope_of(text: str) -> Scope:
    """A scope as it was kept; words that are not understood reach nothing."""
    return scope_from(tuple(word.partition(":")[::2]) for word in text.split())


def scope_from(words: Iterable[tuple[str, ...]]) -> Scope:
    """A scope from its (kind, target) words."""
    found = [(kind, target) for kind, target in words]
    return Scope(
        everything=(ALL, "") in found,
        groups=frozenset(target for kind, target in found if kind == "group"),
        customers=frozenset(target for kind, target in found if kind == "customer"),
    )


# --- persons ---------------------------------------------------------------------------------------------------------

PERSON = (
    "SELECT id, name, role, email, language, password_hash IS NOT NULL, made_ms, made_by, disabled_ms, failed_count, "
    "locked_until_ms FROM person"
)


def persons(connection: Connection) -> list[PersonRow]:
    """Everybody, by id."""
    return _persons(connection, " ORDER BY id")


def one(connection: Connection, person: str) -> PersonRow | None:
    """A person."""
    return next(iter(_persons(connection, " WHERE id = ?", person)), None)


def _persons(connection: Connection, where: str, *values: object) -> list[PersonRow]:
    rows = run(connection, PERSON + where, *values).all()
    scopes: dict[str, list[tuple[str, str]]] = {}
    for person, kind, target in run(connection, "SELECT person, kind, target FROM person_scope"):
        scopes.setdefault(person, []).append((kind, target))
    return [_person(row, scope_from(scopes.get(row[0], ()))) for row in rows]


def _person(row: Any, scope: Scope) -> PersonRow:
    return PersonRow(*[*row, scope])._replace(has_password=bool(row[5]))


def _known(connection: Connection, person: str) -> PersonRow:
    found = one(connection, person)
    if found is None:
        raise conflict(f"there is no person {person}", "person", "look at the list of users")
    return found


def _told(person: PersonRow) -> dict[str, Any]:
    """A person as the audit log shows one."""
    return {
        "name": person.name,
        "role": person.role,
        "email": person.email,
        "language": person.language,
        "scope": scope_text(person.scope),
        "disabled": person.disabled_ms is not None,
    }


def add(
    connection: Connection, person: str, *, name: str, role: Role, scope: Scope, email: str, language: str, deed: Deed
) -> None:
    """Enter a person, who cannot come in before they are invited."""
    if one(connection, person) is not None:
        raise conflict(f"there is a person {person} already", "person", "choose another login name")
    run(
        connection,
        "INSERT INTO person (id, name, role, email, language, made_ms, made_by, failed_count) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
        person,
        clean(name, TEXT_LIMIT),
        _role(role),
        clean(email, TEXT_LIMIT),
        language,
        deed.at_ms,
        deed.who,
    )
    _set_scope(connection, person, scope)
    audit.add(connection, deed, "person.add", f"person:{person}", after=_told(_known(connection, person)))


def change(
    connection: Connection,
    person: str,
    *,
    name: str,
    role: Role,
    scope: Scope,
    email: str,
    language: str,
    deed: Deed,
) -> None:
    """Change what is known of a person and what they may do. The last administrator stays one."""
    before = _known(connection, person)
    run(
        connection,
        "UPDATE person SET name = ?, role = ?, email = ?, language = ? WHERE id = ?",
        clean(name, TEXT_LIMIT),
        _role(role),
        clean(email, TEXT_LIMIT),
        language,
        person,
    )
    _set_scope(connection, person, scope)
    _somebody_rules(connection)
    after = _known(connection, person)
    if _told(after) != _told(before):
        audit.add(connection, deed, "person.change", f"person:{person}", before=_told(before), after=_told(after))


def disable(connection: Connection, person: str, *, is_disabled: bool, deed: Deed) -> None:
    """Shut somebody out at once, sessions included; or let them in again."""
    before = _known(connection, person)
    if (before.disabled_ms is not None) == is_disabled:
        return
    run(connection, "UPDATE person SET disabled_ms = ? WHERE id = ?", deed.at_ms if is_disabled else None, person)
    if is_disabled:
        end_sessions(connection, person, deed)
        run(connection, "UPDATE invitation SET expires_ms = ? WHERE person = ? AND used_ms IS NULL", 0, person)
    _somebody_rules(connection)
    verb = "person.disable" if is_disabled else "person.enable"
    after = _told(_known(connection, person))
    audit.add(connection, deed, verb, f"person:{person}", before=_told(before), after=after)


def unlock(connection: Connection, person: str, deed: Deed) -> None:
    """Forget the wrong passwords."""
    _known(connection, person)
    run(connection, "UPDATE person SET failed_count = 0, locked_until_ms = NULL WHERE id = ?", person)
    audit.add(connection, deed, "person.unlock", f"person:{person}")


def _role(role: Role) -> Role:
    if role not in ROLES:
        raise conflict(f"there is no role {role!r}", "person", f"choose one of {', '.join(ROLES)}")
    return role


def _set_scope(connection: Connection, person: str, scope: Scope) -> None:
    run(connection, "DELETE FROM person_scope WHERE person = ?", person)
    words = [(person, ALL, "")] if scope.everything else []
    words += [(person, "group", target) for target in sorted(scope.groups)]
    words += [(person, "customer", target) for target in sorted(scope.customers)]
    many(connection, "INSERT INTO person_scope (person, kind, target) VALUES (?, ?, ?)", words)


def _somebody_rules(connection: Connection) -> None:
    """Refuse what would leave nobody who can let people in."""
    left = run(
        connection,
        "SELECT count(*) FROM person JOIN person_scope ON person_scope.person = person.id AND person_scope.kind = ? "
        "WHERE role = 'administrator' AND disabled_ms IS NULL",
        ALL,
    ).scalar_one()
    if not left:
        raise conflict(
            "nobody would be left who may keep users", "person", "make somebody else an administrator of everything"
        )


# --- links that let somebody in once ---------------------------------------------------------------------------------


def invite(connection: Connection, person: str, *, expires_ms: int, deed: Deed) -> str:
    """Make the key of a one-time link for a person; older links of theirs no longer work."""
    found = _known(connection, person)
    if found.disabled_ms is not None:
        raise conflict(f"person {person} is shut out", "person", "let them in again first")
    run(connection, "UPDATE invitation SET expires_ms = 0 WHERE person = ? AND used_ms IS NULL", person)
    key = new_key()
    run(
        connection,
        "INSERT INTO invitation (hash, person, made_ms, made_by, expires_ms) VALUES (?, ?, ?, ?, ?)",
        hash_of(key),
        person,
        deed.at_ms,
        deed.who,
        expires_ms,
    )
    audit.add(connection, deed, "person.invite", f"person:{person}", after={"expires_ms": expires_ms})
    return key


def invited(connection: Connection, key: str, now_ms: int) -> PersonRow | None:
    """Whom a link's key lets in; None for one that is not known, used, or over."""
    person = run(
        connection,
        "SELECT person FROM invitation WHERE hash = ? AND used_ms IS NULL AND expires_ms > ?",
        hash_of(key),
        now_ms,
    ).scalar()
    found = None if person is None else one(connection, person)
    return None if found is None or found.disabled_ms is not None else found


def accept(connection: Connection, key: str, password_hash: str, deed: Deed) -> PersonRow | None:
    """Use a link: the person has this password from now on, and no session of before. None: the link is no good."""
    found = invited(connection, key, deed.at_ms)
    if found is None:
        return None
    run(connection, "UPDATE invitation SET used_ms = ? WHERE hash = ?", deed.at_ms, hash_of(key))
    _set_password(connection, found.id, password_hash, deed)
    return found


def _set_password(connection: Connection, person: str, password_hash: str, deed: Deed) -> None:
    run(
        connection,
        "UPDATE person SET password_hash = ?, failed_count = 0, locked_until_ms = NULL WHERE id = ?",
        password_hash,
        person,
    )
    end_sessions(connection, person, deed)
    audit.add(connection, deed, "person.password", f"person:{person}")


def change_password(connection: Connection, person: str, password_hash: str, deed: Deed) -> None:
    """Give a person another password; all their sessions end."""
    _known(connection, person)
    _set_password(connection, person, password_hash, deed)


# --- signing in ------------------------------------------------------------------------------------------------------


class Lock(NamedTuple):
    """What is needed to judge a password: its hash, and until when no password is taken."""

    password_hash: str | None
    locked_until_ms: int | None
    is_disabled: bool


def lock_of(connection: Connection, person: str) -> Lock | None:
    """A person's lock; None for nobody."""
    row = run(
        connection,
        "SELECT password_hash, locked_until_ms, disabled_ms IS NOT NULL FROM person WHERE id = ?",
        clean(person, TEXT_LIMIT),
    ).first()
    return None if row is None else Lock(row[0], row[1], bool(row[2]))


def failed(connection: Connection, person: str, deed: Deed) -> None:
    """A wrong password: after FAILURES_BEFORE_LOCK of them in a row none is taken for LOCK_MS."""
    login = clean(person, TEXT_LIMIT)
    count = run(
        connection, "UPDATE person SET failed_count = failed_count + 1 WHERE id = ? RETURNING failed_count", login
    ).scalar()
    if count is not None and count % FAILURES_BEFORE_LOCK == 0:
        run(connection, "UPDATE person SET locked_until_ms = ? WHERE id = ?", deed.at_ms + LOCK_MS, login)
    audit.add(connection, deed, "login.failed", f"person:{login}")


def begin_session(connection: Connection, person: str, *, expires_ms: int, browser: str, deed: Deed) -> str:
    """Let a person in; return the key of the new session."""
    key = new_key()
    run(
        connection,
        "INSERT INTO session (hash, person, made_ms, seen_ms, expires_ms, address, browser) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        hash_of(key),
        person,
        deed.at_ms,
        deed.at_ms,
        expires_ms,
        clean(deed.address, TEXT_LIMIT),
        clean(browser, TEXT_LIMIT),
    )
    run(connection, "UPDATE person SET failed_count = 0, locked_until_ms = NULL WHERE id = ?", person)
    audit.add(connection, deed, "login", f"person:{person}")
    return key


def session_of(connection: Connection, key: str, now_ms: int) -> tuple[SessionRow, PersonRow] | None:
    """The session that a key opens, and whose it is; None where it is over, or its person is shut out."""
    row = run(
        connection,
        "SELECT hash, person, made_ms, seen_ms, expires_ms, ended_ms, address, browser FROM session "
        "WHERE hash = ? AND ended_ms IS NULL AND expires_ms > ?",
        hash_of(key),
        now_ms,
    ).first()
    if row is None:
        return None
    person = one(connection, row[1])
    return None if person is None or person.disabled_ms is not None else (SessionRow(*row), person)


def seen(connection: Connection, session: str, now_ms: int, expires_ms: int) -> None:
    """A session was used, and lives on."""
    run(
        connection,
        "UPDATE session SET seen_ms = ?, expires_ms = ? WHERE hash = ? AND ended_ms IS NULL",
        now_ms,
        expires_ms,
        session,
    )


def end_session(connection: Connection, session: str, deed: Deed) -> None:
    """Sign out."""
    person = run(
        connection,
        "UPDATE session SET ended_ms = ? WHERE hash = ? AND ended_ms IS NULL RETURNING person",
        deed.at_ms,
        session,
    ).scalar()
    if person is not None:
        audit.add(connection, deed, "logout", f"person:{person}")


def end_sessions(connection: Connection, person: str, deed: Deed) -> None:
    """Sign a person out everywhere."""
    run(connection, "UPDATE session SET ended_ms = ? WHERE person = ? AND ended_ms IS NULL", deed.at_ms, person)


def sessions(connection: Connection, now_ms: int) -> list[SessionRow]:
    """Who is signed in, the last seen first."""
    found = run(
        connection,
        "SELECT hash, person, made_ms, seen_ms, expires_ms, ended_ms, address, browser FROM session "
        "WHERE ended_ms IS NULL AND expires_ms > ? ORDER BY seen_ms DESC LIMIT 1000",
        now_ms,
    )
    return [SessionRow(*row) for row in found]


# --- tokens of programs ----------------------------------------------------------------------------------------------

TOKEN = "SELECT hash, name, made_ms, expires_ms, role, scope, made_by, used_ms, revoked_ms FROM token"


def add_token(
    connection: Connection,
    key: str,
    *,
    name: str,
    role: Role,
    scope: Scope = EVERYTHING,
    expires_ms: int | None,
    deed: Deed,
) -> None:
    """Let the bearer of `key` in. The same key again: nothing happens."""
    added = run(
        connection,
        "INSERT INTO token (hash, name, made_ms, expires_ms, role, scope, made_by) VALUES (?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (hash) DO NOTHING",
        hash_of(key),
        clean(name, TEXT_LIMIT),
        deed.at_ms,
        expires_ms,
        _role(role),
        scope_text(scope),
        deed.who,
    )
    if added.rowcount:
        after: Mapping[str, Any] = {"role": role, "scope": scope_text(scope), "expires_ms": expires_ms}
        audit.add(connection, deed, "token.add", f"token:{name}", after=after)


def token_of(connection: Connection, key: str, now_ms: int) -> TokenRow | None:
    """Whose token this is; None for a stranger's, a revoked and an expired one."""
    row = run(
        connection,
        f"{TOKEN} WHERE hash = ? AND revoked_ms IS NULL AND (expires_ms IS NULL OR expires_ms > ?)",
        hash_of(key),
        now_ms,
    ).first()
    return None if row is None else _token(row)


def used(connection: Connection, token: str, now_ms: int) -> None:
    """A token was used."""
    run(connection, "UPDATE token SET used_ms = ? WHERE hash = ?", now_ms, token)


def tokens(connection: Connection) -> list[TokenRow]:
    """All tokens, the newest first; revoked ones too."""
    return [_token(row) for row in run(connection, f"{TOKEN} ORDER BY made_ms DESC, hash LIMIT 1000")]


def _token(row: Any) -> TokenRow:
    return TokenRow(*row)._replace(scope=scope_of(row[5]))


def revoke_token(connection: Connection, token: str, deed: Deed) -> None:
    """A token, named by its hash, opens nothing any more."""
    name = run(
        connection,
        "UPDATE token SET revoked_ms = ? WHERE hash = ? AND revoked_ms IS NULL RETURNING name",
        deed.at_ms,
        token,
    ).scalar()
    if name is None:
        raise conflict("there is no such token in force", "token", "look at the list of tokens")
    audit.add(connection, deed, "token.revoke", f"token:{name}")
