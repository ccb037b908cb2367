"""Copies of a database: made while it is in use, checked, and put back.

A copy is one file, of SQLite or of pg_dump, with its SHA-256 next to it as sha256sum(1) writes it.
Invariants: a copy has its name only once it is whole and has been read back; one whose digest does not match is never
put back; what is replaced is there until the new one is whole; root writes neither through a link nor to a file that it
has not made itself, and acts as the account that owns the folder (filterd.box.as_owner).
"""

import contextlib
import hashlib
import os
import shutil
import sqlite3
import subprocess
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import IO, BinaryIO, cast

from filterd.box.as_owner import as_owner_of
from filterd.box.errors import MissingPart, WrongUse
from filterd.process.database.health import faults_within
from parental.store.database import reading
from parental.store.engines import FILES, Where, engine_of, engine_of_copy, refuse_planted, shown
from parental.store.errors import DatabaseDamage, WrongRevision
from parental.store.revisions import NOTED, DatabaseRevision, State, find_revision, load_revisions, state_of, upgrade
from rules.base.atomic_file import writing_whole

# Everything in PostgreSQL's schema `public`, of any release, but what belongs to an extension.
DROP = """DO $drop$ BEGIN EXECUTE coalesce((SELECT string_agg(command, '; ') FROM (
    SELECT format('DROP %s IF EXISTS %s CASCADE', kind, oid::regclass) AS command, 'pg_class'::regclass AS class, oid
    FROM pg_class JOIN (VALUES ('r', 'TABLE'), ('p', 'TABLE'), ('v', 'VIEW'), ('m', 'MATERIALIZED VIEW'),
        ('S', 'SEQUENCE')) AS kinds (letter, kind) ON relkind = letter::"char"
    WHERE relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', oid::regprocedure), 'pg_proc'::regclass, oid
    FROM pg_proc WHERE pronamespace = 'public'::regnamespace
) AS ours WHERE NOT EXISTS (
    SELECT FROM pg_depend WHERE classid = class AND objid = ours.oid AND deptype = 'e')), 'SELECT'); END $drop$;"""


def back_up(where: Where, file: Path) -> str:
    """Copy a database into a new file, its digest next to it; the digest.

    Raises WrongUse, MissingPart, DatabaseFault."""
    if os.path.lexists(file):
        raise WrongUse(f"{file}: there already; not overwritten; name another file")
    load_revisions()  # the folder's owner may not read our code
    try:
        with as_owner_of(file.parent), writing_whole(file) as copy:
            os.fchmod(copy.fileno(), 0o600)  # tokens' digests and the keys of the days are in it
            if isinstance(where, Path):
                _copy_sqlite(where, Path(copy.name))
                _refuse_unsound(Path(copy.name))
            else:
                _run("pg_dump", "--format=custom", f"--dbname={where}", into=copy)
                _run("pg_restore", "--list", copy.name)
            digest = _digest_of(Path(copy.name))
            with writing_whole(digest_file(file)) as noted:
                noted.write(f"{digest}  {file.name}\n".encode())
    except OSError as reason:
        raise MissingPart(
            f"{reason.filename or file}: {reason.strerror}; no copy made; name a place with room"
        ) from reason
    return digest


def restore(file: Path, where: Where, is_forced: bool) -> DatabaseRevision:
    """Put a copy in the place of a database that no one uses; its revision.

    is_forced  also where there is one already.   Raises WrongUse, MissingPart, DatabaseFault"""
    _check_digest(file)
    load_revisions()
    if isinstance(where, str):
        _refuse_another(where, is_forced)
        return _restore_postgresql(file, where)
    with file.open("rb") as copy, as_owner_of(where.parent):  # who asks may read what the database's owner may not
        _refuse_another(where, is_forced)
        return _restore_sqlite(copy, where)


def digest_file(file: Path) -> Path:
    """Where the digest of a copy is."""
    return file.with_name(f"{file.name}.sha256")


def make_file(path: Path) -> None:
    """An empty file for a database, where none is; its group may there what it may in the folder.   Raises OSError

    SQLite gives its journal the mode of the database, and never more than this."""
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.fchmod(descriptor, _mode_in(path.parent))
        finally:
            os.close(descriptor)


def _mode_in(folder: Path) -> int:
    return 0o600 | folder.stat().st_mode & 0o060


def _copy_sqlite(source: Path, target: Path) -> None:
    with contextlib.closing(sqlite3.connect(target)) as new:
        new.execute("PRAGMA journal_mode = OFF")  # all that it opens is open now, with the rights of who asks
        with as_owner_of(source.parent):
            if not source.exists():
                raise MissingPart(f"database {source}: not there; no copy made")
            refuse_planted(source)
            try:
                with contextlib.closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as old:
                    old.backup(new)  # in one step: between two, each commit of a writer would make it begin again
            except sqlite3.DatabaseError as reason:
                raise DatabaseDamage(f"database {source}: {reason}; no copy made") from reason


def _refuse_unsound(file: Path) -> DatabaseRevision:
    """The revision of a copy that holds together.   Raises DatabaseDamage"""
    engine = engine_of_copy(file)
    try:
        with reading(engine) as conn:
            faults, found = faults_within(conn), find_revision(conn)
    finally:
        engine.dispose()
    if faults or found.state in (State.EMPTY, State.UNKNOWN):
        why = faults[0] if faults else f"revision {found.revision or '(none)'} is not known here"
        raise DatabaseDamage(f"{file}: {why}; nothing done; take another copy")
    return found


def _refuse_too_old(file: str, found: DatabaseRevision) -> None:
    if found.state is State.TOO_OLD:
        raise WrongRevision(
            f"{file}: of an early build (revision {found.revision or 'none'}), which this release does not upgrade; "
            "nothing done; restore it with the build that made it"
        )


def _refuse_another(where: Where, is_forced: bool) -> None:
    if not is_forced and not _is_empty(where):
        raise WrongUse(f"database {shown(where)}: there already; not overwritten; add --force to replace it")


def _is_empty(where: Where) -> bool:
    if isinstance(where, Path) and (not where.exists() or where.stat().st_size == 0):
        return True
    engine = engine_of(where)
    try:
        with reading(engine) as conn:
            return find_revision(conn).state is State.EMPTY
    except DatabaseDamage:
        return False
    finally:
        engine.dispose()


def _restore_sqlite(copy: BinaryIO, path: Path) -> DatabaseRevision:
    try:
        with writing_whole(path) as file:
            os.fchmod(file.fileno(), _mode_in(path.parent))
            shutil.copyfileobj(copy, file)
            file.flush()
            found = _refuse_unsound(Path(file.name))
            _refuse_too_old(copy.name, found)
            for rest in FILES[1:]:  # of the one before: they would be taken for the new one's
                path.with_name(path.name + rest).unlink(missing_ok=True)
    except OSError as reason:
        raise MissingPart(f"{reason.filename or path}: {reason.strerror}; not restored; run as root") from reason
    return found


def _restore_postgresql(file: Path, url: str) -> DatabaseRevision:
    _refuse_too_old(str(file), _revision_of_copy(file))
    _replace_postgresql(file, url)
    engine = engine_of(url)
    try:
        with reading(engine) as conn:
            found = find_revision(conn)
    finally:
        engine.dispose()
    if found.state is State.CURRENT:
        upgrade(url)  # the roles' privileges are not in a copy
    return found


def _revision_of_copy(file: Path) -> DatabaseRevision:
    """The revision that pg_dump has copied.   Raises MissingPart"""
    with tempfile.TemporaryFile() as told:
        _run("pg_restore", "--data-only", f"--table={NOTED}", "--file=-", str(file), into=told)
        told.seek(0)
        lines = told.read().decode(errors="replace").splitlines()
    rows = [row for before, row in pairwise(lines) if before.startswith("COPY ")]
    return DatabaseRevision(rows[0], state_of(rows[0])) if rows else DatabaseRevision("", State.TOO_OLD)


def _replace_postgresql(file: Path, url: str) -> None:
    """Drop what is there and load a copy, in one transaction.   Raises MissingPart

    pg_restore's --clean would drop only what is in the copy: a newer release's tables would stay, or refuse it."""
    psql = ("psql", "--no-password", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--dbname={url}")
    with tempfile.TemporaryFile() as told:
        with subprocess.Popen(psql, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=told) as loading:
            is_whole = _give_copy(cast("IO[bytes]", loading.stdin), file, told)
        if not is_whole or loading.returncode != 0:
            told.seek(0)
            raise MissingPart(f"psql: {' '.join(told.read().decode(errors='replace').split())}; nothing done")


def _give_copy(commands: IO[bytes], file: Path, told: IO[bytes]) -> bool:
    """Whether all of a copy is given to be loaded; else nothing is to be committed.   told  what goes wrong"""
    script = ("pg_restore", "--schema=public", "--no-owner", "--no-acl", "--file=-", str(file))
    with contextlib.suppress(BrokenPipeError), commands:  # who reads them has ended, and has said why
        commands.write(f"BEGIN; SET LOCAL client_min_messages = warning; {DROP}\n".encode())
        commands.flush()
        if subprocess.run(script, stdout=commands, stderr=told, check=False).returncode == 0:
            commands.write(b"COMMIT;\n")
            return True
    return False


def _check_digest(file: Path) -> None:
    noted = digest_file(file)
    try:
        wanted, is_right = noted.read_text().split(maxsplit=1)[0], file.is_file()
    except (OSError, IndexError) as reason:
        raise WrongUse(
            f"{noted}: no digest can be read there; not restored; `sha256sum` writes one, of a copy that you trust"
        ) from reason
    if not is_right or _digest_of(file) != wanted:
        raise WrongUse(f"{file}: not what {noted.name} says; not restored; take another copy")


def _digest_of(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _run(program: str, *arguments: str, into: BinaryIO | None = None) -> None:
    """Run a program of PostgreSQL's, which asks for no password.   into  what it prints   Raises MissingPart"""
    try:
        done = subprocess.run(
            [program, *arguments] if "--list" in arguments else [program, "--no-password", *arguments],
            stdout=subprocess.DEVNULL if into is None else into,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    except FileNotFoundError as reason:
        raise MissingPart(f"{program} is missing; nothing done; install postgresql-client") from reason
    if done.returncode != 0:
        raise MissingPart(f"{program}: {' '.join(done.stderr.split())}; nothing done")
