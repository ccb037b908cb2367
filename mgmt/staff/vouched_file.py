"""Root's file of the passkeys that sign approvals: which key is whose, and in which group.

    # DIGEST (SHA-256 of the passkey)  ADDRESS  GROUP
    1f2e3d4c5b6a7988…  amna@isp.example  compliance

Control believes signatures of these keys alone.  A role that writes the database can write people, passkeys and
signatures there; it cannot write this file.
Invariants: a file that another account may write, a link, and what is no regular file is not read; a line that is not
understood is a fault of the whole file, so that no key is lost without a word.
"""

import os
import re
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from mgmt.staff.passkeys import Passkey, digest_of
from rules.base.atomic_file import writing_whole

MAX_OCTETS = 1 << 20  # some eight thousand keys
READABLE = 0o644  # nothing in it is secret
ROOT = 0
_HEAD = b"# Passkeys that sign approvals: SHA-256 of the passkey, person, group.  Written by `filterd staff vouch`.\n"
_LINE = re.compile(r"([0-9a-f]{64})\s+(\S+)\s+(\S+)")
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


class VouchedKey(NamedTuple):
    """Whose a passkey is.   group  that the person had when root said so"""

    mail: str
    group: str


Vouched = Mapping[str, VouchedKey]  # by the digest of the passkey


class VouchedFault(ValueError):
    """The file is missing, or may not be believed; the message says why, and what to do."""


def read_vouched(path: Path) -> Vouched:
    """All keys of the file.   Raises VouchedFault"""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as reason:
        raise _fault(path, reason.strerror or type(reason).__name__) from reason
    try:
        if why := _why_not_believed(os.fstat(descriptor), path.parent.stat()):
            raise _fault(path, why)
        octets = os.read(descriptor, MAX_OCTETS + 1)  # whole: a regular file
    finally:
        os.close(descriptor)
    if len(octets) > MAX_OCTETS:
        raise _fault(path, f"more than {MAX_OCTETS:,} octets")
    return _parsed(path, octets)


def put_vouched(path: Path, key: Passkey, vouched: VouchedKey) -> None:
    """Add a key, or say again whose it is.   Raises VouchedFault: what is there may not be believed;  OSError"""
    _write(path, {**_kept(path), digest_of(key): vouched})


def forget_vouched(path: Path, mail: str) -> None:
    """Remove the keys of a person.   Raises as put_vouched()"""
    kept = _kept(path)
    others = {digest: each for digest, each in kept.items() if each.mail != mail}
    if len(others) < len(kept):
        _write(path, others)


def regroup_vouched(path: Path, mail: str, group: str) -> None:
    """Write another group next to the keys of a person.   Raises as put_vouched()"""
    kept = _kept(path)
    changed = {digest: each._replace(group=group) if each.mail == mail else each for digest, each in kept.items()}
    if changed != kept:
        _write(path, changed)


# ----------------------------------------------------------------------------------------------------------------------


def _kept(path: Path) -> Vouched:
    return read_vouched(path) if os.path.lexists(path) else {}


def _write(path: Path, keys: Vouched) -> None:
    with writing_whole(path) as file:
        os.fchmod(file.fileno(), READABLE)
        file.write(_HEAD)
        file.writelines(f"{digest} {each.mail} {each.group}\n".encode() for digest, each in sorted(keys.items()))


def _parsed(path: Path, octets: bytes) -> Vouched:
    keys: dict[str, VouchedKey] = {}
    for number, line in enumerate(_lines(octets), 1):
        if not line or line.startswith("#"):
            continue
        if (found := _LINE.fullmatch(line)) is None:
            raise _fault(path, f"line {number} is not a digest, an address and a group")
        keys[found[1]] = VouchedKey(found[2], found[3])
    return keys


def _lines(octets: bytes) -> Iterable[str]:
    return (line.strip() for line in octets.decode("utf-8", "replace").split("\n"))


def _why_not_believed(file: os.stat_result, folder: os.stat_result) -> str | None:
    if not stat.S_ISREG(file.st_mode):
        return "not a regular file"
    if not {file.st_uid, folder.st_uid} <= {ROOT, os.geteuid()}:
        return "it, or its folder, belongs to another account than root"
    if (file.st_mode | folder.st_mode) & _WRITABLE_BY_OTHERS:
        return "it, or its folder, can be written by other accounts"
    return None


def _fault(path: Path, why: str) -> VouchedFault:
    return VouchedFault(
        f"{path}: {why}; no approval signed at the desk is believed until then; as root: filterd staff vouch ADDRESS"
    )
