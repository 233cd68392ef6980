"""All that is peculiar to PostgreSQL: how it is reached, its transactions, its error codes, the lock of the one writer.

    postgresql://roundsman@db.example.com/roundsman?password_file=/etc/roundsman/db-password
    postgresql:///roundsman                      by the socket of this machine, as the user that we run as

What SQLite gives for nothing is asked for here:

* Transactions that write come one after the other. Each takes LOCK_WRITING first, as SQLite's BEGIN IMMEDIATE does:
  what is read in it stays true until it ends, and ids become visible in the order of their numbers.
* One collector. Its only writing connection holds LOCK_COLLECTOR as long as it lives. When the line breaks, the lock
  goes; the next connection takes it again, and looks whether another collector has reigned meanwhile: then this one
  must not go on, because its memory is of an older database.
* Text is ordered by its code points: every text column has the collation "C", whatever the database's own is.
* A line may break while the server commits. Then nobody knows whether it did, and it is asked: see was_stored().

Readers see one moment (REPEATABLE READ) and cannot write. The driver is in postgres_line.py, loaded where it is needed.
"""

import getpass
import os
import secrets
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, Table, Text, event, inspect
from sqlalchemy import create_engine as _create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.compiler import compiles

from roundsman_collector.store.errors import StoreError, Told

VERSION = 15
ENCODING = "UTF8"
SOCKET_FOLDER = "/var/run/postgresql"
"""Where Debian's server listens on its own machine."""
PORT = 5432
LOCK_WRITING = "7236967, 1"
LOCK_COLLECTOR = "7236967, 2"
"""Two numbers each that nobody else in our database takes."""
LOOPBACK = ("127.0.0.1", "::1", "localhost")
OPTIONS = ("host", "password_file", "sslmode", "sslrootcert")
SSL_MODES = ("disable", "require", "verify-full")
CONNECT_S = 10.0
ANSWER_S = 300.0
"""How long an answer may take before the line counts as broken; the server gives up a little earlier."""
CLAIM_MS = 1_000
"""How long a collector that starts waits for one that has just ended."""
DOUBT_S = 30.0
"""How long the server is waited for to hear whether it stored what it was told to."""
DOUBT_PAUSE_S = 0.25
REIGN = "reign"
TRANSACTION = "transaction"
"""Under these names: who reigns, in `meta`; what transaction it is, in a connection's info."""
GUIDE = "docs/how-to/postgresql.md"
SESSION = {
    "client_encoding": ENCODING,
    "TimeZone": "UTC",
    "lock_timeout": "10s",  # as SQLite's busy_timeout
    "statement_timeout": "290s",
    "jit": "off",  # compiling takes longer than any statement of ours
    # A server that does not hear of us for a minute lets go of our locks.
    "tcp_keepalives_idle": "20",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "4",
}
WRITER = {"default_transaction_isolation": "read committed", "idle_in_transaction_session_timeout": "60s"}
READER = {
    "default_transaction_isolation": "repeatable read",
    "default_transaction_read_only": "on",
    "idle_in_transaction_session_timeout": "15min",
}
KEEPALIVE = ((socket.TCP_KEEPIDLE, 20), (socket.TCP_KEEPINTVL, 10), (socket.TCP_KEEPCNT, 4))

UNKNOWN = Told("other", "the database refused", "see the message; if it stays, report it with the log", False)
CONFLICT = Told("conflict", "a row contradicts the schema", "this is a mistake in the data", False)
BUSY = Told("locked", "another program holds the database", "the work is tried again; see what holds it", True)
GONE = Told("io", "the database server is gone", "start it, and look at its log; the work is tried again", True)
REFUSED = Told(
    "cannot_open", "the database server lets us not in", f"check user, password and pg_hba.conf: {GUIDE}", False
)
# SQLSTATE, whole or its class: https://www.postgresql.org/docs/15/errcodes-appendix.html
ERRORS = {
    "08": GONE,
    "08P01": UNKNOWN,
    "22": CONFLICT,
    "23": CONFLICT,
    "25006": Told("read_only", "the database may not be written", "is the server a standby? name the primary", False),
    "25P03": GONE,
    "26": Told("other", "statements get lost on the way", "connect to the server itself, without a pooler", False),
    "28": REFUSED,
    "3D": Told("cannot_open", "there is no such database on the server", f"make it: {GUIDE}", False),
    "40": BUSY,
    "42501": Told("cannot_open", "our user may not do that", f"let it own the database: {GUIDE}", False),
    "42P01": Told(
        "missing", "a table is not there any more", "evidence that is pruned meanwhile is gone; try again", True
    ),
    "53100": Told("full", "the server's disk is full", "free space on that disk; the work is tried again", True),
    "53": Told("locked", "the server has no room for us", "see max_connections and memory; it is tried again", True),
    "55P03": BUSY,
    "57": GONE,
    "57014": Told("locked", "it took too long", "see what else the server does; the work is tried again", True),
    "58": Told("io", "the server's disk reports an error", "look at the disk; the work is tried again", True),
    "XX001": Told("damaged", "the database is damaged", "keep it and restore a backup", False),
    "XX002": Told("damaged", "an index is damaged", "REINDEX it, and check the server's disk", False),
}


@compiles(Text, "postgresql")
def _text(_type: Text, _compiler: object, **_: object) -> str:
    return 'TEXT COLLATE "C"'


def explain(error: BaseException | None) -> tuple[Told, str]:
    """What the driver's error means, and what the server said."""
    from pg8000.exceptions import DatabaseError, InterfaceError

    from roundsman_collector.store.postgres_line import said, sqlstate

    if isinstance(error, DatabaseError):
        state = sqlstate(error)
        return ERRORS.get(state) or ERRORS.get(state[:2], UNKNOWN), said(error)
    if isinstance(error, InterfaceError):
        words = str(error)
        return REFUSED if "password" in words or "prove" in words or "SSL" in words else GONE, said(error)
    return UNKNOWN, str(error)


# --- where it is -----------------------------------------------------------------------------------------------------


def understood(url: URL) -> URL:
    """The URL with what is not said filled in. Raises StoreError where it cannot be one of ours."""
    strange = sorted(set(url.query) - set(OPTIONS))
    options = {name: str(value) for name, value in url.query.items()}
    problem = ""
    if strange:
        problem = f"unknown option {strange[0]}; expected one of {', '.join(OPTIONS)}"
    elif not url.database:
        problem = "it names no database: postgresql://user@host/database"
    elif url.password:
        problem = "a password stands in it; put it into a file: password_file, or PGPASSWORD in the environment"
    elif options.get("sslmode", SSL_MODES[0]) not in SSL_MODES:
        problem = f"sslmode {options['sslmode']!r}; expected one of {', '.join(SSL_MODES)}"
    elif url.host and "host" in options:
        problem = "it names two hosts"
    if problem:
        raise StoreError(
            what=f"this URL cannot be used: {problem}",
            where=url.render_as_string(hide_password=True),
            do=f"mend [store] url: {GUIDE}",
            cause="cannot_open",
        )
    host = url.host or options.pop("host", "") or SOCKET_FOLDER
    if host.startswith("/"):
        options["host"] = host
    return url.set(
        drivername="postgresql+pg8000",
        username=url.username or getpass.getuser(),
        host=None if host.startswith("/") else host,
        query=options,
    )


def shown(url: URL) -> str:
    """The URL for eyes: where it is, without how to get in."""
    kept = {name: value for name, value in url.query.items() if name == "host"}
    return url.set(drivername="postgresql", password=None, query=kept).render_as_string()


def _password(url: URL) -> str | None:
    """Read for every connection: a new one is in force as soon as it is in the file."""
    file = url.query.get("password_file")
    if file is None:
        return os.environ.get("PGPASSWORD") or None
    try:
        return Path(str(file)).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(
            what=f"the password cannot be read: {getattr(error, 'strerror', None) or error}",
            where=str(file),
            do="check [store] password_file, its owner and mode",
            cause="cannot_open",
        ) from error


def _tls(url: URL) -> ssl.SSLContext | bool:
    """TLS as `sslmode` says; beyond this machine always, unless it says `disable`."""
    is_near = url.host is None or url.host in LOOPBACK
    mode = url.query.get("sslmode", "disable" if is_near else "verify-full")
    if mode == "disable":
        return False
    root = url.query.get("sslrootcert")
    try:
        context = ssl.create_default_context(cafile=None if root is None else str(root))
    except OSError as error:
        raise StoreError(
            what=f"the certificates to trust cannot be read: {error}",
            where=str(root),
            do="check sslrootcert in [store] url",
            cause="cannot_open",
        ) from error
    if mode == "require":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


# --- connections -----------------------------------------------------------------------------------------------------


class Reign:
    """The hold of the one collector on a database: its writing connection bears a lock, and it alone has written."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._name = secrets.token_hex(8)
        self._has_begun = False

    def begin(self, connection: Connection) -> None:
        """From now on this collector reigns: whoever comes back after it finds its name."""
        connection.exec_driver_sql(
            "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (REIGN, self._name),
        )
        self._has_begun = True

    def take(self, line: Any) -> None:
        """Take the lock for a new connection. Raises StoreError where another collector has it, or had it meanwhile."""
        cursor = line.cursor()
        try:
            cursor.execute(
                f"SET lock_timeout = {CLAIM_MS}; SELECT pg_advisory_lock({LOCK_COLLECTOR}); RESET lock_timeout"
            )
        except Exception as error:
            line.rollback()
            if explain(error)[0] is not BUSY:
                raise
            raise StoreError(
                what=f"{_holder(line)} has the database open for writing",
                where=self._where,
                do="stop that collector, or give this one a database of its own",
                cause="locked",
                again=self._has_begun,  # our own old line, perhaps, that the server has not yet given up
            ) from error
        line.commit()
        if self._has_begun:
            cursor.execute("SELECT value FROM meta WHERE key = ?", (REIGN,))
            found = cursor.fetchone()
            line.commit()
            if found is None or found[0] != self._name:
                raise StoreError(
                    what="another collector has written to the database while we were cut off from it",
                    where=self._where,
                    do="see that only one is started; this one ends, and reads everything again at its next start",
                    cause="superseded",
                )

    def close(self) -> None:
        """The lock goes with the connection."""


HOLDER = (
    "SELECT activity.application_name, activity.pid, COALESCE(host(activity.client_addr), 'its own machine') "
    "FROM pg_locks held JOIN pg_stat_activity activity ON activity.pid = held.pid "
    "WHERE held.locktype = 'advisory' AND held.granted "
    f"AND (held.classid, held.objid) = ({LOCK_COLLECTOR}) AND held.database = "
    "(SELECT oid FROM pg_database WHERE datname = current_database())"
)


def is_held(connection: Connection) -> bool:
    """Whether a collector has the database open for writing."""
    return connection.exec_driver_sql(HOLDER).first() is not None


def _holder(line: Any) -> str:
    cursor = line.cursor()
    cursor.execute(HOLDER)
    found = cursor.fetchone()
    line.rollback()
    return "somebody" if found is None else f"{found[0] or 'a program'} (server process {found[1]}, from {found[2]})"


def create_engine(url: URL, *, writes: bool, reign: Reign | None = None) -> Engine:
    """What makes connections that write one after the other, or that cannot write. With `reign`: one only."""
    session = {**SESSION, **(WRITER if writes else READER)}

    def connect() -> Any:
        line = _dialled(url, session)
        try:
            _refuse_unfit(line, shown(url))
            if reign is not None:
                reign.take(line)
        except BaseException:
            line.close()
            raise
        return line

    # Who writes waits for the others anyway; the collector's own is one, because it bears the lock.
    size = (1, 0) if reign is not None else (2, 3) if writes else (5, 10)
    engine = _create_engine(
        url, creator=connect, paramstyle="qmark", pool_pre_ping=True, pool_size=size[0], max_overflow=size[1]
    )
    if writes:
        event.listen(engine, "begin", _begin)
    return engine


def _begin(connection: Connection) -> None:
    """Wait for whoever writes; and know the transaction's name, to ask for its fate should the line break."""
    said = connection.exec_driver_sql(
        f"SELECT pg_advisory_xact_lock({LOCK_WRITING}), CAST(pg_current_xact_id() AS TEXT)"
    )
    connection.info[TRANSACTION] = said.one()[1]


def _dialled(url: URL, session: Mapping[str, str]) -> Any:
    from roundsman_collector.store.postgres_line import Line

    named: dict[str, Any] = {
        "user": url.username,
        "password": _password(url),
        "database": url.database,
        "application_name": f"roundsman {os.getpid()} on {socket.gethostname()}"[:63],
        "startup_params": dict(session),
        "timeout": CONNECT_S,
    }
    if url.host is None:
        folder = str(url.query["host"])
        line = Line.dialled(unix_sock=f"{folder}/.s.PGSQL.{url.port or PORT}", ssl_context=False, **named)
    else:
        line = Line.dialled(host=url.host, port=url.port or PORT, ssl_context=_tls(url), **named)
        for option, value in KEEPALIVE:
            line._usock.setsockopt(socket.IPPROTO_TCP, option, value)
    line._usock.settimeout(ANSWER_S)
    return line


def _refuse_unfit(line: Any, where: str) -> None:
    """The server says its version and encoding when it lets us in."""
    version = str(line.parameter_statuses.get("server_version", "0"))
    encoding = str(line.parameter_statuses.get("server_encoding", ""))
    if int("".join(takewhile_digits(version)) or 0) < VERSION:
        raise StoreError(
            what=f"the server is PostgreSQL {version}; Roundsman needs {VERSION} or newer",
            where=where,
            do="upgrade the server",
            cause="older",
        )
    if encoding != ENCODING:
        raise StoreError(
            what=f"the database has the encoding {encoding}; Roundsman needs {ENCODING}",
            where=where,
            do=f"make another: createdb --template template0 --encoding UTF8 --owner roundsman NAME; {GUIDE}",
            cause="cannot_open",
        )


def takewhile_digits(text: str) -> str:
    """The digits that a text begins with: 15 of 15.20, 16 of 16beta1."""
    return text[: len(text) - len(text.lstrip("0123456789"))]


def patient(connection: Connection) -> None:
    """Let statements of this transaction take as long as they do: a schema is changed, or a backup put back."""
    connection.exec_driver_sql("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '60s'")
    line: Any = connection.connection.dbapi_connection
    line._usock.settimeout(None)


def copy_in(connection: Connection, table: Table, rows: Iterable[Sequence[object]]) -> None:
    """Add whole rows: COPY, which costs both sides a third of what statements do."""
    from roundsman_collector.store.postgres_line import copied

    names = ", ".join(column.name for column in table.columns)
    driver = connection.dialect.loaded_dbapi
    statement = f"COPY {table.name} ({names}) FROM STDIN"
    try:
        cursor: Any = connection.connection.cursor()
        cursor.execute(statement, stream=copied(rows))
    except driver.Error as error:
        raise DBAPIError.instance(statement, None, error, driver.Error, dialect=connection.dialect) from error


def hurry(connection: Connection) -> None:
    """Let this transaction wait for nobody: reports do, behind it."""
    connection.exec_driver_sql("SET LOCAL lock_timeout = '100ms'")


def set_aside(connection: Connection, schema: str) -> str:
    """Move our tables, if there are any, into a schema of their own; its name, or nothing."""
    names = sorted(inspect(connection).get_table_names())
    if not names:
        return ""
    connection.exec_driver_sql(f"CREATE SCHEMA {schema}")
    for name in names:
        connection.exec_driver_sql(f"ALTER TABLE {name} SET SCHEMA {schema}")
    return schema


# --- a line that broke -----------------------------------------------------------------------------------------------


def was_stored(engine: Engine, transaction: str, where: str, pause: Callable[[float], None] = time.sleep) -> bool:
    """Whether a transaction was stored whose COMMIT was not answered. Raises StoreError where that cannot be known."""
    for _ in range(round(DOUBT_S / DOUBT_PAUSE_S)):
        try:
            with engine.connect() as connection:
                fate = connection.exec_driver_sql("SELECT pg_xact_status(CAST(? AS xid8))", (transaction,)).scalar()
        except DBAPIError as error:
            if not explain(error.orig)[0].again:
                break
            fate = "in progress"
        except StoreError as error:
            if not error.again:
                raise
            fate = "in progress"
        if fate in ("committed", "aborted"):
            return str(fate) == "committed"
        if fate is None:
            break
        pause(DOUBT_PAUSE_S)
    raise StoreError(
        what="the line to the server broke while it stored, and it cannot be told whether it did",
        where=where,
        do="start the server; the collector reads at its next start what is there",
        cause="doubt",
    )


def size(connection: Connection) -> int:
    """Bytes of the database on the server's disk."""
    return int(connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one())
