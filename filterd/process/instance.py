"""The lock of one filterd, or of one role of it, in a run directory: a second one is refused, and touches nothing.

    run_dir/filterd.lock, run_dir/ROLE/role.lock   held by flock(2) for the life of the process; JSON: what others may
                                                  know of it (`InstanceReport`)

Invariants: the kernel releases the lock when its process ends, however it ends, so that no lock is ever stale; the
lock is had before any socket, image or kernel rule is touched; the file goes with its process where that ends well, and
stays where it could not do its work, with the reason.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from filterd.box.errors import MissingPart
from filterd.box.places import folder_of, name_of

ALL = "filterd"  # the name of the supervisor, which has a process for every role
LOCK = "role.lock"
MODE = 0o644  # read by `filterd status` and control; the folder decides who gets there
FLAGS = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
OCTETS = 64 << 10  # ten times what a role says with every key of its configuration


class InstanceReport(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a process says of itself in its lock.

    fault   why it cannot do its work;   n_failed  starts in a row that ended with one
    keys    path of a key that only a restart changes → a digest of the value that it was started with"""

    pid: int
    fault: str | None = None
    n_failed: int = 0
    keys: dict[str, str] = {}


class Instance:
    """The one process of its name."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path, self._descriptor = path, descriptor
        self._n_failed = _read(descriptor).n_failed
        self._told = InstanceReport(pid=os.getpid())
        self._write()

    def note_keys(self, keys: dict[str, str]) -> None:
        """Show what this process was started with."""
        self._told = msgspec.structs.replace(self._told, keys=keys)
        self._write()

    def note_fault(self, fault: str, was_ready: bool) -> int:
        """Tell why the work could not be done; how many starts in a row have ended so.   The file stays."""
        n_failed = 1 if was_ready else self._n_failed + 1
        self._told = msgspec.structs.replace(self._told, fault=fault, n_failed=n_failed)
        self._write()
        return n_failed

    def close(self) -> None:
        """Release the name."""
        if self._told.fault is None:
            self._path.unlink(missing_ok=True)  # while it is held: who waits for it sees that it has gone
        os.close(self._descriptor)

    def _write(self) -> None:
        said = msgspec.json.encode(self._told)
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, said, 0)


@contextlib.contextmanager
def only_instance(run_dir: Path, name: str, roles: Iterable[str] = ()) -> Iterator[Instance]:
    """Be the only process `name` of a run directory while the block lasts.

    roles   processes that must not run either: what a supervisor is about to start
    Raises MissingPart with the number of the process that is in the way."""
    path = lock_of(run_dir, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = _claimed(path)
    try:
        for role in roles:
            _refuse_beside(lock_of(run_dir, role))
        instance = Instance(path, descriptor)
    except BaseException:
        path.unlink(missing_ok=True)
        os.close(descriptor)
        raise
    try:
        yield instance
    finally:
        instance.close()


def lock_of(run_dir: Path, name: str) -> Path:
    """The lock of a process: in a folder of its own, which no other role has to write."""
    return run_dir / f"{name}.lock" if name == ALL else run_dir / folder_of(name) / LOCK


def instances(run_dir: Path) -> dict[str, tuple[InstanceReport, bool]]:
    """Role → what its process tells, and whether it runs."""
    found = {}
    for path in sorted(run_dir.glob(f"*/{LOCK}")):
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                told = _read(descriptor)
            finally:
                os.close(descriptor)
            found[name_of(path.parent.name)] = told, _is_running(told.pid)
    return found


# ----------------------------------------------------------------------------------------------------------------------


def _claimed(path: Path) -> int:
    """The descriptor of the file at `path`, locked; made where none exists.   Raises MissingPart."""
    while True:
        descriptor = _opened(path)
        _lock(path, descriptor)
        if _is_still(path, descriptor):
            return descriptor
        os.close(descriptor)  # its holder has ended since it was opened, and took it away


def _refuse_beside(path: Path) -> None:
    """Raises MissingPart where the process of a lock runs."""
    with contextlib.suppress(FileNotFoundError):
        descriptor = os.open(path, FLAGS)
        _lock(path, descriptor)
        os.close(descriptor)


def _lock(path: Path, descriptor: int) -> None:
    """Lock an open file, or close it.   Raises MissingPart."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = _read(descriptor).pid
        os.close(descriptor)
        raise MissingPart(_refusal(path, pid)) from None


def _opened(path: Path) -> int:
    while True:
        # O_CREAT alone would be refused for a file of another account in a directory with the sticky bit
        # (fs.protected_regular, proc_sys_fs(5)).
        with contextlib.suppress(FileNotFoundError):
            return os.open(path, FLAGS)
        with contextlib.suppress(FileExistsError):
            descriptor = os.open(path, FLAGS | os.O_CREAT | os.O_EXCL, MODE)
            os.fchmod(descriptor, MODE)
            return descriptor


def _is_still(path: Path, descriptor: int) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(path.lstat(), os.fstat(descriptor))
    return False


def _read(descriptor: int) -> InstanceReport:
    try:
        return msgspec.json.decode(os.pread(descriptor, OCTETS, 0), type=InstanceReport)
    except (msgspec.MsgspecError, UnicodeDecodeError):  # empty, or half written by a process that was killed
        return InstanceReport(pid=0)


def _is_running(pid: int) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another account's
        return True
    return True


def _refusal(path: Path, pid: int) -> str:
    is_whole = path.name != LOCK
    run_dir, who = (path.parent, "filterd") if is_whole else (path.parents[1], f"its role {path.parent.name}")
    return (
        f"{run_dir}: {who} runs there already, process {pid or 'not known'}; not started, nothing changed; "
        "stop that one first, or write another /run_dir"
    )
