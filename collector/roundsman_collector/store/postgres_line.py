"""A connection to PostgreSQL: the driver pg8000 (BSD, Python alone), made to answer in one round trip.

As it comes, pg8000 asks the server three times for each statement, and once more for each row of many. Here a statement
is prepared once per connection, then bound and run in one message; many rows go out together and are answered together:

    INSERT … (?, ?)     Parse Describe Sync      ->     once
    row 1 … row 200     Bind Execute … Sync      ->     one answer for all: as quick as a server takes them

Values go as text but for bytes, which go as they are. Broken lines are told as such, whatever the driver makes of them.
Parts of the driver are used that it does not promise to keep; it is pinned, and tests/collector/store/test_postgres.py
holds it to them.
"""

import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import count
from typing import Any, NamedTuple

from pg8000 import core, dbapi
from pg8000.exceptions import DatabaseError, InterfaceError
from scramp import ScramException

PIPELINE_ROWS = 200
"""How many rows go out before their answers are read. An answer is some thirty bytes: what stands between two sockets
holds many more, so that neither side ever waits for the other to read."""
COPY_BYTES = 256 * 1024
PREPARED = 200
"""How many statements a connection keeps prepared."""
NETWORK = "network error"
"""By these words SQLAlchemy knows a broken line."""
STALE_PLAN = "0A000"

_NOT_MARKS = re.compile(r"'[^']*'|\"[^\"]*\"|\?")
_EXECUTE = b"E\x00\x00\x00\x09\x00\x00\x00\x00\x00"
_SYNC = b"S\x00\x00\x00\x04"
_NULL = b"\xff\xff\xff\xff"
_TEXT, _BINARY = b"\x00\x00", b"\x00\x01"
_length = struct.Struct("!i").pack
_short = struct.Struct("!H").pack
_ASKS_FOR_PASSWORD = (3, 5, 10)


class _Prepared(NamedTuple):
    name: bytes
    columns: Any
    input_funcs: Any


class Line(dbapi.Connection):  # type: ignore[misc]
    """A connection. `cursor()` is what the rest of the world sees."""

    def __init__(self, *args: Any, **named: Any) -> None:
        self._prepared: dict[str, _Prepared] = {}
        super().__init__(*args, **named)

    @classmethod
    def dialled(cls, **named: Any) -> "Line":
        """A new connection; one that breaks while it is made is told like any other."""
        try:
            return cls(**named)
        except OSError as error:
            raise InterfaceError(NETWORK) from error

    def cursor(self) -> "Cursor":
        """As the driver's."""
        return Cursor(self)

    def run(self, operation: str, rows: Iterable[Sequence[object]]) -> Any:
        """Run a statement once per row, all in as few round trips as it takes; the driver's context of the results."""
        prepared = self._prepare(operation)
        context = core.Context(operation, columns=prepared.columns, input_funcs=prepared.input_funcs)
        message, waiting = bytearray(), 0
        try:
            for row in rows:
                message += _bound(prepared.name, row)
                message += _EXECUTE
                waiting += 1
                if waiting == PIPELINE_ROWS:
                    self._exchange(message, context)
                    message, waiting = bytearray(), 0
            if waiting:
                self._exchange(message, context)
        except DatabaseError as error:
            if sqlstate(error) == STALE_PLAN:  # a migration has changed a table since
                self._prepared.pop(operation, None)
            raise
        return context

    def _exchange(self, message: bytearray, context: Any) -> None:
        message += _SYNC
        if self._sock is None:
            raise InterfaceError("connection is closed")
        core._write(self._sock, bytes(message))
        core._flush(self._sock)
        self.handle_messages(context)

    def _prepare(self, operation: str) -> _Prepared:
        known = self._prepared.pop(operation, None)
        if known is None:
            known = self._parsed(operation)
            if len(self._prepared) >= PREPARED:
                oldest = next(iter(self._prepared))
                self.close_prepared_statement(self._prepared.pop(oldest).name)
        self._prepared[operation] = known  # behind all others: the one that was used last
        return known

    def _parsed(self, operation: str) -> _Prepared:
        if self._sock is None:
            raise InterfaceError("connection is closed")
        return _Prepared(*self.prepare_statement(numbered(operation), ()))

    def handle_messages(self, context: Any) -> None:
        """As the driver's; a broken line is told as one, with the server's last words."""
        try:
            super().handle_messages(context)
        except OSError as error:
            raise InterfaceError(NETWORK) from error
        except InterfaceError as error:
            if NETWORK in str(error) and context.error is not None:
                raise InterfaceError(f"{NETWORK}: {said(context.error)}") from error
            raise

    def handle_AUTHENTICATION_REQUEST(self, data: bytes, context: Any) -> None:
        """As the driver's; without a password it says so."""
        if struct.unpack_from("!i", data)[0] in _ASKS_FOR_PASSWORD and self.password is None:
            raise InterfaceError("the server asks for a password, and none is known")
        try:
            super().handle_AUTHENTICATION_REQUEST(data, context)
        except ScramException as error:
            raise InterfaceError(f"the server does not prove itself: {error}") from error

    def close(self) -> None:
        """As the driver's; a line that is broken is closed as well."""
        with suppress(InterfaceError, OSError):
            super().close()


class Cursor(dbapi.Cursor):  # type: ignore[misc]
    """As the driver's, in fewer round trips."""

    def execute(self, operation: str, args: Sequence[object] = (), stream: Any = None) -> None:
        """Run a statement with its values; without values it may be several, and nothing is prepared."""
        if stream is not None or not args:
            super().execute(operation, args, stream)
            return
        self._run(operation, (args,))

    def executemany(self, operation: str, param_sets: Iterable[Sequence[object]]) -> None:
        """Run a statement once per row, in order."""
        self._run(operation, param_sets)

    def _run(self, operation: str, rows: Iterable[Sequence[object]]) -> None:
        line = self._c
        if line is None:
            raise InterfaceError("Cursor closed")
        if not line._in_transaction and not line.autocommit:
            line.execute_simple("begin transaction")
        self._context = line.run(operation, rows)
        self._row_iter = None if self._context.rows is None else iter(self._context.rows)
        self._input_oids = ()


@lru_cache(maxsize=1000)
def numbered(operation: str) -> str:
    """`?` as PostgreSQL writes it: $1, $2, … What is quoted stays."""
    numbers = count(1)
    return _NOT_MARKS.sub(lambda found: f"${next(numbers)}" if found[0] == "?" else found[0], operation)


def _bound(name: bytes, row: Sequence[object]) -> bytes:
    """Bind: the values of a row, lengths before them."""
    formats, values = bytearray(), bytearray()
    for value in row:
        if value is None:
            formats += _TEXT
            values += _NULL
            continue
        if isinstance(value, bytes):
            formats += _BINARY
            said = value
        else:
            formats += _TEXT
            said = value.encode() if isinstance(value, str) else _text(value)
        values += _length(len(said))
        values += said
    number = _short(len(row))
    body = b"".join((b"\x00", name, number, bytes(formats), number, bytes(values), b"\x00\x00"))
    return b"B" + _length(len(body) + 4) + body


def _text(value: object) -> bytes:
    if value is True:
        return b"t"
    if value is False:
        return b"f"
    if isinstance(value, int | float):
        return repr(value).encode()
    raise InterfaceError(f"a value of type {type(value).__name__} is none that this database keeps")


_ESCAPED = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def copied(rows: Iterable[Sequence[object]]) -> Iterator[bytes]:
    """Rows as COPY reads them, in pieces that are worth sending."""
    piece: list[str] = []
    size = 0
    for row in rows:
        line = "\t".join([_word(value) for value in row])
        piece.append(line)
        size += len(line)
        if size >= COPY_BYTES:
            yield ("\n".join(piece) + "\n").encode()
            piece, size = [], 0
    if piece:
        yield ("\n".join(piece) + "\n").encode()


def _word(value: object) -> str:
    if value is None:
        return "\\N"
    if isinstance(value, bytes):
        return f"\\\\x{value.hex()}"
    if isinstance(value, str):
        return value.translate(_ESCAPED)
    return _text(value).decode()


def sqlstate(error: BaseException | None) -> str:
    """The five letters by which the server names what is wrong; empty: it did not say."""
    told = error.args[0] if isinstance(error, DatabaseError) and error.args else None
    return str(told.get("C", "")) if isinstance(told, dict) else ""


def said(error: BaseException | None) -> str:
    """What the server, or the line to it, says; never the values of a row, which may be anybody's."""
    told = error.args[0] if error is not None and error.args else None
    if isinstance(told, dict):
        return str(told.get("M", told))
    reason = None if error is None else error.__cause__
    return f"{error} ({reason})" if isinstance(reason, OSError) else str(error)
