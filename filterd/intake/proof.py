"""Who has signed a file or a mail: its issuer, by OpenPGP or S/MIME, or nobody that counts.

    file  + file.asc | file.p7s ──────┐
    mail  multipart/signed ─ its part ┴→ gpgv | openssl cms, confined → when it was signed

Invariants: a signature counts by the issuer's keyring or by its certificates alone, never by what came with it; one
that is older than OLDEST, or of the future, is none; nothing of a mail is read before its signature holds, but its
headers.
Source: RFC 1847 (multipart/signed), RFC 3156 (PGP), RFC 8551 (S/MIME); gpgv(1), openssl-cms(1).
"""

import re
import subprocess
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Final, NamedTuple

from filterd.lists.signatures import NotSigned, pgp_signed_at
from filterd.process.confined_program import run_confined

OLDEST: Final = timedelta(days=3)  # an order is due in hours or days: what is older is a copy, or stood still
AHEAD: Final = timedelta(minutes=5)
CHECK_S: Final = 60.0
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
        """Let octets pass that the issuer has signed.   kind  PGP | SMIME;   Raises NotSigned."""
        key = self.pgp if kind == PGP else self.smime
        if key is None:
            raise NotSigned(f"signed by {'OpenPGP' if kind == PGP else 'S/MIME'}, and no key is configured for it")
        with tempfile.TemporaryDirectory(prefix="filterd-intake-") as folder:
            content, signed = Path(folder, "content"), Path(folder, "signature")
            content.write_bytes(octets)
            signed.write_bytes(signature)
            try:
                at = (pgp_signed_at if kind == PGP else _smime_signed_at)(content, signed, key)
            except FileNotFoundError as reason:
                raise OSError(str(reason)) from reason
            except subprocess.TimeoutExpired as reason:
                raise NotSigned("its signature could not be checked in time") from reason
        if at is None:
            raise NotSigned("its signature is forged, altered, or of another key")
        _check_age(at, now)


class Part(NamedTuple):
    """A part of a mail.   octets  as they were signed"""

    octets: bytes
    mail: EmailMessage


def part_signed(mail: bytes, keys: Keys, now: datetime) -> Part:
    """The part of a mail that its issuer has signed.   Raises NotSigned."""
    octets = re.sub(rb"\r?\n", b"\r\n", mail)
    head = BytesParser(policy=policy.default).parsebytes(octets, headersonly=True)
    kind, boundary = _KINDS.get(str(head.get_param("protocol", "")).lower()), head.get_boundary()
    if head.get_content_type() != "multipart/signed" or kind is None or not boundary:
        raise NotSigned("not signed")
    parts = re.split(rb"(?:^|\r\n)--" + re.escape(boundary.encode()) + rb"(?:--)?[ \t]*(?:\r\n|$)", octets)
    if len(parts) < 3:
        raise NotSigned("signed, and without its signature")
    signature = BytesParser(policy=policy.default).parsebytes(parts[2]).get_content()
    octets_of = signature.encode() if isinstance(signature, str) else bytes(signature)
    keys.check(parts[1], octets_of, kind, now)
    found = BytesParser(policy=policy.default).parsebytes(parts[1])
    assert isinstance(found, EmailMessage)
    return Part(parts[1], found)


def _check_age(at: datetime, now: datetime) -> None:
    if at < now - OLDEST:
        raise NotSigned(f"signed {at.isoformat(timespec='seconds')}, more than {OLDEST.days} days ago: stale")
    if at > now + AHEAD:
        raise NotSigned(
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
