"""The configuration in force: a copy of the operator's file, made when it was accepted, which every role reads.

    file → control, or the supervisor at its start: no fault → state_dir/config/accepted.yaml → roles, jobs, commands

So that a fault that someone saves is one in the file alone: a role that is started again reads what the others have.
The copy is the file's own octets below one line that names the file; paths in it are relative to that file, still.
Invariants: the copy appears whole or not at all; it is believed only where it names the file that was asked for, and
is a regular file of root, of this account or of the account that owns its folder, which no one else can write.
Without a copy that can be believed, the file itself counts.
"""

import contextlib
import hashlib
import logging
import os
import re
import stat
import time
from dataclasses import dataclass
from pathlib import Path

from fastpath.base.foreign_file import open_foreign
from filterd.config.load import SIZE_OCTETS, BadConfig, Fault, examine, load, octets_of, read_config
from filterd.config.schema import DEFAULT_STATE_DIR, Config
from rules.base.atomic_file import writing_whole

PLACE = Path("config/accepted.yaml")  # in the state directory; the folder is control's alone
HEAD = b"# the configuration in force, as filterd has accepted it from "
MODE, FOLDER_MODE = 0o644, 0o755  # the roles that read it have other accounts
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
# Where a file with a fault says that its copy is: the last resort, and harmless, because the copy names its file.
STATE_DIR = re.compile(rb"""^[\s{"']*state_dir["']?\s*:\s*["']?([^\s"',}#\0]+)""", re.MULTILINE)

log = logging.getLogger("filterd.config")


@dataclass(frozen=True, slots=True)
class InForce:
    """A configuration and where it is from.

    source   the operator's file;   file  what a job of ours has to read: the copy, or the file where none exists
    at_s     when it was accepted; None: it is the file itself;   fault  of the file, where the copy differs from it
    warnings  of what was accepted now"""

    config: Config
    source: Path
    file: Path
    digest: str
    at_s: float | None = None
    fault: str | None = None
    warnings: tuple[Fault, ...] = ()


def accept(source: Path) -> InForce:
    """Make what `source` holds the configuration in force.   Raises BadConfig, OSError: what was in force stays.

    A role must be able to start with it, as far as this account can tell."""
    from filterd.config.box_checks import Box, findings  # late: it loads TLS, which most commands do not need

    source = source.absolute()
    data = octets_of(source)
    examined = examine(data, str(source), source.parent)
    if faults := examined.faults or findings(examined, str(source), Box())[0]:
        raise BadConfig(faults)
    config = examined.config
    path = copy_path(config)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(FOLDER_MODE)
    _write(path, HEAD + os.fsencode(source) + b"\n" + data)
    return InForce(config, source, path, _digest(data), time.time(), warnings=tuple(examined.warnings))


def copy_path(config: Config) -> Path:
    """Where the copy of an accepted configuration is."""
    return config.state_dir / PLACE


def copy_of(config: Config) -> bytes | None:
    """The copy itself, for `put_back`; None where none exists."""
    with contextlib.suppress(FileNotFoundError):
        return copy_path(config).read_bytes()
    return None


def put_back(config: Config, copy: bytes | None) -> None:
    """Undo what `accept` did since `copy_of`.   Raises OSError."""
    if copy is None:
        copy_path(config).unlink(missing_ok=True)
    else:
        _write(copy_path(config), copy)


def in_force(source: Path) -> InForce:
    """The configuration that was accepted from `source`, else `source` itself.   Raises BadConfig: neither is one."""
    source = source.absolute()
    try:
        config = load(source)
    except BadConfig as bad:
        copy = _accepted(source, _state_dir_said(source) / PLACE, str(bad))
        if copy is None:
            raise
        return copy
    # A folder that the file has named since it was accepted has no copy yet; the roles go on with that of before.
    copy = _accepted(source, copy_path(config), None) or _accepted(source, DEFAULT_STATE_DIR / PLACE, None)
    return copy or InForce(config, source, source, _digest(octets_of(source)))


def differs(source: Path, digest: str) -> bool:
    """Whether a file is another than the one with this digest."""
    try:
        return _digest(octets_of(source)) != digest
    except BadConfig:
        return True


# ----------------------------------------------------------------------------------------------------------------------


def _write(path: Path, octets: bytes) -> None:
    with writing_whole(path) as file:
        os.fchmod(file.fileno(), MODE)
        file.write(octets)


def _accepted(source: Path, path: Path, fault: str | None) -> InForce | None:
    """The copy at `path`, where it is one of `source` and can be believed."""
    try:
        with open_foreign(path) as file:
            reason, said = why_not_believed(os.fstat(file.fileno()), path), file.read(2 * SIZE_OCTETS)
            at_s = os.fstat(file.fileno()).st_mtime
    except OSError:
        return None
    if reason is not None:
        log.warning("%s: %s; not believed, the file itself counts; remove it, and run: filterd reload", path, reason)
        return None
    head, _, data = said.partition(b"\n")
    if head != HEAD + os.fsencode(source):
        return None
    with contextlib.suppress(BadConfig):  # of another version of filterd, which knew other keys
        config = read_config(data, str(source), source.parent)
        return InForce(config, source, path, _digest(data), at_s, fault)
    return None


def why_not_believed(status: os.stat_result, path: Path) -> str | None:
    """Why a copy is not believed."""
    if status.st_uid not in (0, os.geteuid(), path.parent.stat().st_uid):
        return f"owned by user {status.st_uid}, who does not own its folder"
    return "others can write it" if status.st_mode & OTHERS_WRITE else None


def _state_dir_said(source: Path) -> Path:
    """The state directory that a file with a fault names."""
    with contextlib.suppress(BadConfig):
        if found := STATE_DIR.search(octets_of(source)):
            return source.parent / os.fsdecode(found[1])
    return DEFAULT_STATE_DIR


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
