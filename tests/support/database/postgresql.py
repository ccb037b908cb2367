"""A PostgreSQL server of Debian's package, in a folder of its own, as an account without privileges."""

import atexit
import functools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from pathlib import Path

import psycopg
from support.system.memory import folder_in_memory

from filterd.lab.patience import Patience
from parental.store.revisions import upgrade
from parental.store.schema import metadata

PATIENCE_S = 60.0
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",  # a test asks what a killed client leaves, never what a machine without power does
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "32MB",
}
USER = "postgres"


def programs() -> Path | None:
    """The folder of initdb and postgres, of the newest version that is here."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: float(path.parts[4]))
    return found[-1].parent if found else None


class PostgresqlServer:
    """A running server; `url` is of a database that is there."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="filterd-pg-", dir=folder_in_memory()))
        account_name = USER if os.geteuid() == 0 else None
        if account_name:
            account = pwd.getpwnam(USER)
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        bin_folder = programs()
        assert bin_folder is not None
        data = self.folder / "data"
        init: list[str | Path] = [
            bin_folder / "initdb",
            "-D",
            data,
            "-U",
            USER,
            "-A",
            "trust",
            "-N",
            "--locale=C.UTF-8",
            "-E",
            "UTF8",
        ]
        subprocess.run(init, check=True, capture_output=True, cwd=self.folder, user=account_name, group=account_name)
        self._account, self._program = account_name, bin_folder / "postgres"
        self._open: list[psycopg.Connection[tuple[object, ...]]] = []
        self.start()

    def start(self) -> None:
        """Start it, after stop() as well."""
        settings = [
            f"-c{key}={value}" for key, value in (SETTINGS | {"unix_socket_directories": str(self.folder)}).items()
        ]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "INT", self._program, "-D", self.folder / "data", *settings],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                user=self._account,
                group=self._account,
            )
        self._wait()

    def url(self, name: str = "postgres", user: str = USER) -> str:
        return f"postgresql://{user}@/{name}?host={self.folder}"

    def new_database(self, template: str = "template1") -> str:
        """The URL of a new database.   template  the name of that which it begins as"""
        name = f"t_{uuid.uuid4().hex}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url(name)

    def new_database_with_tables(self) -> str:
        """The URL of a new database at the newest revision; a copy, since its revisions take longer."""
        return self.new_database(self._template())

    @functools.cache  # noqa: B019  one server a process
    def shared(self) -> str:
        """The URL of a database at the newest revision."""
        return self.new_database_with_tables()

    @functools.cache  # noqa: B019
    def _template(self) -> str:
        url = self.new_database()
        upgrade(url)
        return name_of(url)

    def empty(self, url: str) -> None:
        """Delete every row; faster than another database by a factor of a hundred."""
        self._emptying(url).execute("SELECT pg_temp.empty()")

    @functools.cache  # noqa: B019
    def _emptying(self, url: str) -> "psycopg.Connection[tuple[object, ...]]":
        """A connection that has planned what empty() does.   Triggers are off there: some refuse it."""
        conn = psycopg.connect(url, autocommit=True)
        self._open.append(conn)
        deleted = "; ".join(f'DELETE FROM "{table.name}"' for table in reversed(metadata.sorted_tables))
        reset = "PERFORM setval(oid, 1, false) FROM pg_class WHERE relkind = 'S'"
        body = f"BEGIN {deleted}; {reset}; END"
        conn.execute("SET session_replication_role = replica")
        conn.execute(f"CREATE FUNCTION pg_temp.empty() RETURNS void LANGUAGE plpgsql AS $${body}$$".encode())
        return conn

    def drop(self, url: str) -> None:
        self.execute(f'DROP DATABASE IF EXISTS "{name_of(url)}" WITH (FORCE)')

    def execute(self, statement: str, name: str = "postgres") -> None:
        with psycopg.connect(self.url(name), autocommit=True) as conn:
            conn.execute(statement)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)  # without waiting for its clients
        self.process.wait(PATIENCE_S)

    def remove(self) -> None:
        """Stop it, and leave nothing behind."""
        for conn in self._open:
            conn.close()
        self.stop()
        shutil.rmtree(self.folder)

    def _wait(self) -> None:
        patience = Patience(PATIENCE_S)
        while True:
            try:
                psycopg.connect(self.url()).close()
                return
            except psycopg.OperationalError:
                if patience.is_over() or self.process.poll() is not None:
                    raise AssertionError((self.folder / "log").read_text()) from None
                time.sleep(0.05)


@functools.cache
def running_server() -> PostgresqlServer:
    """The server of this process, until it ends."""
    server = PostgresqlServer()
    atexit.register(server.remove)
    return server


def name_of(url: str) -> str:
    """The name of a database in its URL."""
    return url.partition("@/")[2].partition("?")[0]
