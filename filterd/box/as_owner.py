"""Root acts as the account that owns a folder while it works there: what lies in it may be what a role has planted.

Invariants: as long as the block lasts, root may in that folder what its owner may, and no more elsewhere: a link leads
it to nothing that the owner could not have written itself.  Anyone who is not root stays who it is.
A program that is started meanwhile could become root again, as the real account stays root's: start none that reads
what strangers wrote.   Of the whole process, its threads too.
Source: credentials(7).
"""

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filterd.box.errors import MissingPart

ROOT = 0


@contextmanager
def as_owner_of(folder: Path) -> Iterator[None]:
    """Act as the account that owns a folder, or the link in its place.

    Raises OSError;  MissingPart where root may not"""
    if os.getuid() != ROOT:
        yield
        return
    owner = folder.lstat()
    with _acting(owner.st_uid, owner.st_gid, folder):
        yield


@contextmanager
def as_who_asked() -> Iterator[None]:
    """Inside of as_owner_of(): act as root once more, for what no one else may."""
    with _acting(os.getuid(), os.getgid(), Path()):
        yield


def become_owner_of(folder: Path) -> None:
    """Be the account that owns a folder from now on; of one that is missing, that of the folder around it.

    For work that starts programs which read what strangers wrote.   Raises OSError;  MissingPart as as_owner_of()"""
    there = next(path for path in (folder, *folder.absolute().parents) if os.path.lexists(path))
    user, group = (found := there.lstat()).st_uid, found.st_gid
    if os.getuid() != ROOT or user == ROOT:
        return
    group, groups = _groups_of(user, group)
    try:
        os.setgroups(groups)
        os.setresgid(group, group, group)
        os.setresuid(user, user, user)
    except PermissionError as reason:
        raise _refusal(there, user) from reason


@contextmanager
def _acting(user: int, group: int, folder: Path) -> Iterator[None]:
    before = os.geteuid(), os.getegid(), os.getgroups()
    if user == before[0]:
        yield
        return
    wanted = user, *_groups_of(user, group)
    try:
        _become(*wanted)
    except PermissionError as reason:
        with suppress(PermissionError):  # what it had not changed, it may not change back
            _become(*before)
        raise _refusal(folder, user) from reason
    try:
        yield
    finally:
        _become(*before)


def _refusal(folder: Path, user: int) -> MissingPart:
    return MissingPart(f"{folder}: of user {user}, which root may not act as here; nothing done; run as that account")


def _groups_of(user: int, group: int) -> tuple[int, list[int]]:
    """The group of an account, and all of its groups.   group  of one that is in no table"""
    if user == ROOT:
        return os.getgid(), [os.getgid()]
    try:
        account = pwd.getpwuid(user)
    except KeyError:
        return group, [group]
    return account.pw_gid, os.getgrouplist(account.pw_name, account.pw_gid)


def _become(user: int, group: int, groups: list[int]) -> None:
    if os.geteuid() != ROOT and os.getuid() == ROOT:
        os.seteuid(ROOT)
    if os.geteuid() == ROOT:
        os.setgroups(groups)
        os.setegid(group)
        os.seteuid(user)
