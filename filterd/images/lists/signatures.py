"""Signatures of lists, made by the source over the very octets that are taken: minisign's, or OpenPGP's.

    list.txt  →  list.txt.minisig or list.txt.asc next to it; of a URL the same in its path
    check     →  the program `minisign` or `gpgv`, in a process that can do nothing else, with the configured key

Invariants: a list with a key is taken with a signature that fits, or not at all; nothing of a signature is kept.
Source: jedisct1.github.io/minisign; gpgv(1), doc/DETAILS of GnuPG for what it says; RFC 9580 §9.5 (digests).
"""

import hashlib
import re
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from filterd.config.schema import ListEntry
from filterd.process.confined_program import run_confined

MAX_OCTETS: Final = 16384  # minisign's has some 300, one of OpenPGP in armor 300 to 3,000
CHECK_S: Final = 60.0
# MD5, SHA-1 and RIPEMD-160: gpgv takes a signature over the last two.
WEAK_DIGESTS: Final = frozenset({"1", "2", "3"})
# What gpgv says of a good signature, and of every other one.
_VALID: Final = re.compile(rb"^\[GNUPG:\] VALIDSIG (?:\S+ ){2}(\d+) (?:\S+ ){4}(\d+) ", re.MULTILINE)
_GOOD: Final = re.compile(rb"^\[GNUPG:\] GOODSIG ", re.MULTILINE)
_NOT_GOOD: Final = re.compile(rb"^\[GNUPG:\] (?:BAD|ERR|EXP|EXPKEY|REVKEY)SIG ", re.MULTILINE)


class SignatureMismatch(Exception):
    """A version without a signature that fits; the message says what is wrong."""


@dataclass(frozen=True, slots=True)
class SignatureScheme:
    """How a list is signed.

    program  minisign or gpgv;   key  the public key, one line of base64 as minisign prints it; or a file of public keys
    suffix   of the signature's name"""

    program: str
    key: str | Path
    suffix: str

    @property
    def identity(self) -> str:
        """What changes whenever the key does."""
        if isinstance(self.key, str):
            return self.key
        try:
            return hashlib.sha256(self.key.read_bytes()).hexdigest()
        except OSError:  # check() says what is wrong with it
            return str(self.key)

    def path(self, path: Path) -> Path:
        """Where the signature of a file is."""
        return path.with_name(path.name + self.suffix)

    def url(self, url: str) -> str:
        """Where the signature of what a URL gives is."""
        parts = urlsplit(url)
        return urlunsplit(parts._replace(path=parts.path + self.suffix))

    def check(self, octets: Path, signature: Path) -> None:
        """Let the file `octets` pass if `signature` is one of its octets by the key.   Raises SignatureMismatch."""
        try:
            fits = (
                pgp_signed_at(octets, signature, self.key) is not None
                if isinstance(self.key, Path)
                else _fits(octets, signature, self.key)
            )
        except FileNotFoundError as reason:
            raise SignatureMismatch(
                f"{self.program} is not installed; not taken; install the package {self.program}"
            ) from reason
        except subprocess.TimeoutExpired as reason:
            raise SignatureMismatch(f"{self.program} gave no answer within {CHECK_S:g} s; not taken") from reason
        if not fits:
            raise SignatureMismatch(
                "its signature is missing or does not fit the key; not taken; ask who publishes the list"
            )


def signing_of(entry: ListEntry) -> SignatureScheme | None:
    """How a list is signed; None: it is not."""
    if entry.minisign is not None:
        return SignatureScheme("minisign", entry.minisign, ".minisig")
    return None if entry.pgp is None else SignatureScheme("gpgv", entry.pgp, ".asc")


def _fits(octets: Path, signature: Path, key: str) -> bool:
    command = ["minisign", "-V", "-q", "-m", str(octets), "-x", str(signature), "-P", key]
    return run_confined(command, [octets, signature], CHECK_S).returncode == 0


def pgp_signed_at(octets: Path, signature: Path, keys: Path) -> datetime | None:
    """When `octets` were signed; None: they are not.   Raises FileNotFoundError, TimeoutExpired.

    One good signature at least, and none that is not: a second one, by whomever, must not be overlooked."""
    command = ["gpgv", "--status-fd", "1", "--keyring", str(keys), str(signature), str(octets)]
    done = run_confined(command, [octets, signature, keys], CHECK_S)
    found = _VALID.findall(done.stdout)
    digests = {digest.decode() for _, digest in found}
    is_good = done.returncode == 0 and _GOOD.search(done.stdout) is not None and bool(digests)
    if not is_good or _NOT_GOOD.search(done.stdout) or digests & WEAK_DIGESTS:
        return None
    return datetime.fromtimestamp(min(int(at) for at, _ in found), UTC)
