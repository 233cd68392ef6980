"""A real PostgreSQL server for tests: Debian's, started on a free port of this machine, gone with the test run.

    with Server.started() as server:                a new cluster, some two seconds
        url = server.database()                      an empty database, from a template: some tens of milliseconds
        server.stop(); server.start()                what happens to servers
        server.sql("…", database=...)                as its superuser

The server refuses to run as root: then it runs as Debian's user `postgres`. It ends with the test run, however that
ends. Text is sorted as dictionaries do unless a column says otherwise: what relies on the order of bytes fails.
"""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pg8000 import dbapi

from roundsman_collector.store import Store
from tests.brokers import until

PROGRAMS = Path("/usr/lib/postgresql/15/bin")
SYSTEM_USER = "postgres"
SUPERUSER = "boss"
OWNER = "roundsman"
PASSWORD = "not a secret: 不是秘密"
TEMPLATE = "template_roundsman"
HASTY = {"fsync": "off", "full_page_writes": "off"}
SETTINGS = {
    "shared_buffers": "64MB",
    "max_connections": "80",
    "log_min_messages": "warning",
    "log_destination": "stderr",
    "timezone": "Asia/Shanghai",
}
RIGHTS = f"""
local all {SUPERUSER} trust
local all {OWNER} trust
host all {SUPERUSER} 127.0.0.1/32 trust
host all all 127.0.0.1/32 scram-sha-256
"""


class Server:
    """A cluster and the server on it."""

    def __init__(self, folder: Path, *, is_durable: bool) -> None:
        self.folder = folder
        self._is_durable = is_durable
        self.data = folder / "data"
        self.port = _free_port()
        self._made = 0
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    @contextlib.contextmanager
    def started(cls, *, is_durable: bool = False) -> Iterator["Server"]:
        """A new cluster; skipped where PostgreSQL is not installed. Durable: as people run it, for benches."""
        if not (PROGRAMS / "postgres").exists():
            pytest.skip("PostgreSQL 15 is not installed: apt install postgresql-15")
        folder = Path(tempfile.mkdtemp(prefix="roundsman-pg-"))
        server = cls(folder, is_durable=is_durable)
        try:
            server._make()
            server.start()
            yield server
        finally:
            server.stop()
            shutil.rmtree(folder, ignore_errors=True)

    def _make(self) -> None:
        os.chmod(self.folder, 0o755)
        if os.geteuid() == 0:
            user = pwd.getpwnam(SYSTEM_USER)
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        made = subprocess.run(
            self._as_user(
                *(str(PROGRAMS / "initdb"), "--no-sync", "--auth=trust", f"--username={SUPERUSER}", "--encoding=UTF8"),
                *("--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US", f"--pgdata={self.data}"),
            ),
            capture_output=True,
            text=True,
            cwd="/",
            check=False,
        )
        assert made.returncode == 0, made.stderr
        (self.data / "pg_hba.conf").write_text(RIGHTS)

    def _as_user(self, *argv: str) -> list[str]:
        given = ["--reuid", SYSTEM_USER, "--regid", SYSTEM_USER, "--init-groups"] if os.geteuid() == 0 else []
        return ["setpriv", *given, "--pdeathsig", "QUIT", "--", *argv]

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        settings = (
            SETTINGS
            | ({} if self._is_durable else HASTY)
            | {
                "listen_addresses": "127.0.0.1",
                "port": str(self.port),
                "unix_socket_directories": str(self.folder),
            }
        )
        argv = [str(PROGRAMS / "postgres"), "-D", str(self.data)]
        argv += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._as_user(*argv), stdout=log, stderr=log, cwd="/")
        until(self._answers, f"PostgreSQL answers; {self.folder / 'log'}", 30.0)
        if not self._made:
            self.sql(f"CREATE ROLE {OWNER} LOGIN PASSWORD '{PASSWORD}'")
            self.sql(f"CREATE DATABASE {TEMPLATE} OWNER {OWNER}")
            Store.open(self.url(TEMPLATE)).close()
            self.sql("TRUNCATE meta", database=TEMPLATE)

    def _answers(self) -> bool:
        assert self._process is not None and self._process.poll() is None, (self.folder / "log").read_text()
        try:
            self.sql("SELECT 1")
        except dbapi.Error:
            return False
        return True

    def stop(self, by: signal.Signals = signal.SIGINT) -> None:
        """End the server: at once, without waiting for anybody; or by SIGQUIT, as a power cut would."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(by)
            self._process.wait(30)
        self._process = None

    @property
    def pid(self) -> int:
        """The process id of the server; connections are its children."""
        assert self._process is not None
        return self._process.pid

    def sql(self, statement: str, database: str = "postgres") -> list[Any]:
        """Run a statement as the superuser, in no transaction."""
        line = dbapi.connect(user=SUPERUSER, database=database, unix_sock=f"{self.folder}/.s.PGSQL.{self.port}")
        try:
            line.autocommit = True
            cursor = line.cursor()
            cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []
        finally:
            line.close()

    def database(self, template: str = TEMPLATE) -> str:
        """The URL of a new database; with the tables of today, and nothing in them."""
        self._made += 1
        name = f"roundsman_{self._made}"
        # Files are copied: to write them to the log as well, as is the default, takes twice as long.
        self.sql(f"CREATE DATABASE {name} TEMPLATE {template} OWNER {OWNER} STRATEGY file_copy")
        return self.url(name)

    def drop(self, url: str) -> None:
        """Forget a database, whoever is still in it."""
        self.sql(f"DROP DATABASE {self.name_of(url)} WITH (FORCE)")

    def url(self, name: str) -> str:
        """Where a database is, by the socket of this machine."""
        return f"postgresql://{OWNER}@:{self.port}/{name}?host={self.folder}"

    def url_by_net(self, name: str, password_file: Path) -> str:
        """The same by TCP, where a password is asked for."""
        password_file.write_text(PASSWORD + "\n", encoding="utf-8")
        return f"postgresql://{OWNER}@127.0.0.1:{self.port}/{name}?password_file={password_file}"

    @staticmethod
    def name_of(url: str) -> str:
        """The name of the database in a URL."""
        return url.partition("?")[0].rpartition("/")[2]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
