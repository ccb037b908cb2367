"""Who has signed a file or a mail: its issuer, by OpenPGP or S/MIME, or no one that counts.

    file  + file.asc | file.p7s ──────┐
    mail  multipart/signed ─ its part ┴→ gpgv | openssl cms, confined → when it was signed

Invariants: a signature counts by the issuer's keyring or by its certificates alone, never by what came with it; one
that is older than OLDEST, or of the future, is refused; nothing of a mail is read before its signature holds, but its
headers, and those of its signature; a mail that cannot be read is refused, no matter what the library says of it.
Source: RFC 1847 (multipart/signed), RFC 3156 (PGP), RFC 8551 (S/MIME); gpgv(1), openssl-cms(1).
"""

import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import policy
from email.message import EmailMessage, Message
from email.parser import BytesParser
from pathlib import Path
from typing import Final, NamedTuple

from filterd.images.lists.signatures import SignatureMismatch, pgp_signed_at
from filterd.process.confined_program import run_confined

OLDEST: Final = timedelta(days=3)  # an order is due in hours or days: what is older is a copy, or stood still
AHEAD: Final = timedelta(minutes=5)
CHECK_S: Final = 60.0
MAX_HEAD: Final = 65536  # octets of a mail's headers, or a part's: reading them costs the square of their length
PGP, SMIME = ".asc", ".p7s"
_KINDS = {
    "application/pgp-signature": PGP,
    "application/pkcs7-signature": SMIME,
    "application/x-pkcs7-signature": SMIME,
}
# Certificates that came along are printed as well: only what was signed counts, of one signer.
_SIGNED = re.compile(rb"\n +signedAttrs:\n(.*?)\n +signatureAlgorithm:", re.DOTALL)
_TIME = re.compile(rb"signingTime.*?(?:UTCTIME|GENERALIZEDTIME):\s*(\w{3} +\d+ [\d:]+ \d{4}) GMT", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Keys:
    """What an issuer signs with.   pgp  a keyring, as gpgv reads it;   smime  PEM certificates;   None: not so"""

    pgp: Path | None = None
    smime: Path | None = None

    def check(self, octets: bytes, signature: bytes, kind: str, now: datetime) -> None:
        """Let octets pass that the issuer has signed.   kind  PGP | SMIME;   Raises SignatureMismatch."""
        key = self.pgp if kind == PGP else self.smime
        if key is None:
            raise SignatureMismatch(
                f"signed by {'OpenPGP' if kind == PGP else 'S/MIME'}, and no key is configured for it"
            )
        with tempfile.TemporaryDirectory(prefix="filterd-intake-") as folder:
            content, signed = Path(folder, "content"), Path(folder, "signature")
            content.write_bytes(octets)
            signed.write_bytes(signature)
            try:
                at = (pgp_signed_at if kind == PGP else _smime_signed_at)(content, signed, key)
            except FileNotFoundError as reason:
                raise OSError(str(reason)) from reason
            except subprocess.TimeoutExpired as reason:
                raise SignatureMismatch("its signature could not be checked in time") from reason
        if at is None:
            raise SignatureMismatch("its signature is forged, altered, or of another key")
        _check_age(at, now)


class Part(NamedTuple):
    """A part of a mail.   octets  as they were signed"""

    octets: bytes
    mail: EmailMessage


def part_signed(mail: bytes, keys: Keys, now: datetime) -> Part:
    """The part of a mail that its issuer has signed.   Raises SignatureMismatch."""
    with reading_mail():
        signed, signature, kind = _taken_apart(re.sub(rb"\r?\n", b"\r\n", mail))
    keys.check(signed, signature, kind, now)
    with reading_mail():
        found = BytesParser(policy=policy.default).parsebytes(signed)
    assert isinstance(found, EmailMessage)
    return Part(signed, found)


@contextmanager
def reading_mail() -> Iterator[None]:
    """Refuse a mail that cannot be read: the library has errors of every kind for it.   Raises SignatureMismatch."""
    try:
        yield
    except SignatureMismatch:
        raise
    except Exception as reason:  # the edge: one bad mail must not keep those behind it from being taken
        raise SignatureMismatch(f"its headers or parts cannot be read ({type(reason).__name__})") from reason


# ----------------------------------------------------------------------------------------------------------------------


def _taken_apart(octets: bytes) -> tuple[bytes, bytes, str]:
    """What is signed, the signature, and its type.   Raises SignatureMismatch, and all that the library raises."""
    head = _headed(octets)
    kind, boundary = _KINDS.get(str(head.get_param("protocol", "")).lower()), head.get_boundary()
    if head.get_content_type() != "multipart/signed" or kind is None or not boundary:
        raise SignatureMismatch("not signed")
    parts = re.split(rb"(?:^|\r\n)--" + re.escape(boundary.encode()) + rb"(?:--)?[ \t]*(?:\r\n|$)", octets)
    if len(parts) < 3:
        raise SignatureMismatch("signed, and without its signature")
    sealed = _headed(parts[2])
    signature = sealed.get_payload(decode=True)
    if sealed.get_content_maintype() in ("multipart", "message") or not isinstance(signature, bytes):
        raise SignatureMismatch("signed, and its signature is no text")
    return parts[1], signature, kind


def _headed(octets: bytes) -> Message:
    """A mail, or a part, of which the headers alone are read.   Raises SignatureMismatch."""
    if len(octets.partition(b"\r\n\r\n")[0]) > MAX_HEAD:
        raise SignatureMismatch(f"its headers are longer than {MAX_HEAD >> 10} KiB: not read")
    return BytesParser(policy=policy.default).parsebytes(octets, headersonly=True)


def _check_age(at: datetime, now: datetime) -> None:
    if at < now - OLDEST:
        raise SignatureMismatch(f"signed {at.isoformat(timespec='seconds')}, more than {OLDEST.days} days ago: stale")
    if at > now + AHEAD:
        raise SignatureMismatch(
            f"signed {at.isoformat(timespec='seconds')}, and here it is {now.isoformat(timespec='seconds')}"
        )


def _smime_signed_at(octets: Path, signature: Path, certificates: Path) -> datetime | None:
    """When; None: it does not hold."""
    form = "PEM" if signature.read_bytes().startswith(b"-----BEGIN") else "DER"
    said = ["-binary", "-inform", form, "-in", str(signature)]
    trusted = ["-nointern", "-certfile", str(certificates), "-CAfile", str(certificates), "-partial_chain"]
    command = ["openssl", "cms", "-verify", *said, "-content", str(octets), *trusted, "-no-CApath"]
    read = [octets, signature, certificates, Path("/etc/ssl/openssl.cnf")]
    if run_confined(command, read, CHECK_S).returncode != 0:
        return None
    shown = run_confined(["openssl", "cms", "-cmsout", "-print", "-noout", *said[1:]], read, CHECK_S)
    signed = _SIGNED.findall(shown.stdout)
    found = _TIME.search(signed[0]) if len(signed) == 1 else None
    return None if found is None else datetime.strptime(found[1].decode(), "%b %d %H:%M:%S %Y").replace(tzinfo=UTC)
