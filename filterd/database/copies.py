"""Copies of a database: made while it is in use, checked, and put back.

A copy is one file, of SQLite or of pg_dump, with its SHA-256 beside it as sha256sum(1) writes it.
Invariants: a copy has its name only once it is whole and has been read back; one whose digest does not match is never
put back; what is replaced is there until the new one is whole.
"""

import contextlib
import hashlib
import os
import shutil
import sqlite3
import subprocess
import tempfile
from pathlib import Path
from typing import IO, cast

from filterd.database.health import faults_within
from filterd.errors import Missing, WrongUse
from parental.database import reading
from parental.engines import Where, engine_of, shown
from parental.errors import DatabaseDamaged
from parental.migrations.revisions import Found, State, find_revision, upgrade

# Everything in PostgreSQL's schema `public`, of whatever release, but what belongs to an extension.
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
    """Copy a database into a new file, its digest beside it; the digest.   Raises WrongUse, Missing, DatabaseFault."""
    if file.exists():
        raise WrongUse(f"{file}: there already; not overwritten; name another file")
    part = file.with_name(f"{file.name}.part")
    part.unlink(missing_ok=True)
    try:
        part.touch(mode=0o600)  # tokens' digests and the keys of the days are in it
        if isinstance(where, Path):
            _copy_sqlite(where, part)
            _refuse_unsound(part)
        else:
            _run("pg_dump", "--format=custom", f"--file={part}", f"--dbname={where}")
            _run("pg_restore", "--list", str(part))
        digest = _digest_of(part)
        digest_file(file).write_text(f"{digest}  {file.name}\n")
        _rename_whole(part, file)
    except OSError as reason:
        raise Missing(f"{reason.filename or file}: {reason.strerror}; no copy made; name a place with room") from reason
    finally:
        part.unlink(missing_ok=True)
    return digest


def restore(file: Path, where: Where, is_forced: bool) -> Found:
    """Put a copy in the place of a database that nobody uses; its revision.

    is_forced  also where there is one already.   Raises WrongUse, Missing, DatabaseFault"""
    _check_digest(file)
    if not is_forced and not _is_empty(where):
        raise WrongUse(f"database {shown(where)}: there already; not overwritten; add --force to replace it")
    return _restore_sqlite(file, where) if isinstance(where, Path) else _restore_postgresql(file, where)


def digest_file(file: Path) -> Path:
    """Where the digest of a copy is."""
    return file.with_name(f"{file.name}.sha256")


def give_to_owner_of(folder: Path, file: Path) -> None:
    """A file that root makes in the folder of an account is that account's; the group may write, as tmpfiles says."""
    owner = folder.stat()
    if os.geteuid() == 0 and owner.st_uid != 0:
        os.chown(file, owner.st_uid, owner.st_gid)
        file.chmod(0o660)


def _copy_sqlite(source: Path, target: Path) -> None:
    if not source.exists():
        raise Missing(f"database {source}: not there; no copy made")
    with (
        contextlib.closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as old,
        contextlib.closing(sqlite3.connect(target)) as new,
    ):
        try:
            old.backup(new)  # in one step: between two, each commit of a writer would make it begin again
        except sqlite3.DatabaseError as reason:
            raise DatabaseDamaged(f"database {source}: {reason}; no copy made") from reason


def _refuse_unsound(file: Path) -> Found:
    """The revision of a copy that holds together.   Raises DatabaseDamaged"""
    engine = engine_of(file)
    try:
        with reading(engine) as conn:
            faults, found = faults_within(conn), find_revision(conn)
    finally:
        engine.dispose()
    if faults or found.state in (State.EMPTY, State.UNKNOWN):
        why = faults[0] if faults else f"revision {found.revision or '(none)'} is not known here"
        raise DatabaseDamaged(f"{file}: {why}; nothing done; take another copy")
    return found


def _is_empty(where: Where) -> bool:
    if isinstance(where, Path) and (not where.exists() or where.stat().st_size == 0):
        return True
    engine = engine_of(where)
    try:
        with reading(engine) as conn:
            return find_revision(conn).state is State.EMPTY
    except DatabaseDamaged:
        return False
    finally:
        engine.dispose()


def _restore_sqlite(file: Path, path: Path) -> Found:
    part = path.with_name(f"{path.name}.part")
    try:
        shutil.copyfile(file, part)
        found = _refuse_unsound(part)
        if path.exists():
            shutil.copystat(path, part)
            os.chown(part, path.stat().st_uid, path.stat().st_gid)
        else:
            give_to_owner_of(path.parent, part)
        for rest in ("-wal", "-shm"):  # of the one before: they would be taken for the new one's
            path.with_name(path.name + rest).unlink(missing_ok=True)
        _rename_whole(part, path)
    except OSError as reason:
        raise Missing(f"{reason.filename or path}: {reason.strerror}; not restored; run as root") from reason
    finally:
        for rest in ("", "-wal", "-shm"):
            part.with_name(part.name + rest).unlink(missing_ok=True)
    return found


def _restore_postgresql(file: Path, url: str) -> Found:
    _run("pg_restore", "--list", str(file))
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


def _replace_postgresql(file: Path, url: str) -> None:
    """Drop what is there and load a copy, in one transaction.   Raises Missing

    pg_restore's --clean would drop only what is in the copy: a newer release's tables would stay, or refuse it."""
    psql = ("psql", "--no-password", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--dbname={url}")
    with tempfile.TemporaryFile() as told:
        with subprocess.Popen(psql, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=told) as loading:
            is_whole = _give_copy(cast("IO[bytes]", loading.stdin), file, told)
        if not is_whole or loading.returncode != 0:
            told.seek(0)
            raise Missing(f"psql: {' '.join(told.read().decode(errors='replace').split())}; nothing done")


def _give_copy(commands: IO[bytes], file: Path, told: IO[bytes]) -> bool:
    """Whether all of a copy is given to be loaded; else nothing is to be committed.   told  what goes wrong"""
    script = ("pg_restore", "--schema=public", "--no-owner", "--no-acl", "--file=-", str(file))
    with contextlib.suppress(BrokenPipeError), commands:  # who reads them has ended, and has told why
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


def _rename_whole(part: Path, file: Path) -> None:
    for place in (part, part.parent):
        descriptor = os.open(place, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if place == part:
            part.replace(file)


def _run(program: str, *arguments: str) -> None:
    """Run a program of PostgreSQL's, which asks for no password.   Raises Missing"""
    try:
        done = subprocess.run(
            [program, *arguments] if "--list" in arguments else [program, "--no-password", *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    except FileNotFoundError as reason:
        raise Missing(f"{program} is missing; nothing done; install postgresql-client") from reason
    if done.returncode != 0:
        raise Missing(f"{program}: {' '.join(done.stderr.split())}; nothing done")
