"""Issuers who sign files and mails with GnuPG and OpenSSL."""

import os
import shutil
import subprocess
import tempfile
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path


class PgpIssuer:
    """A person with a key of GnuPG.   keyring  what others check by"""

    def __init__(self, folder: Path, name: str = "pta") -> None:
        self._home = Path(tempfile.mkdtemp(prefix="pgp-"))  # short: its agent's socket lies there (unix(7))
        # An old key, with which something can have been signed long ago
        made = ("--quick-generate-key", f"{name}@pta.example", "ed25519", "sign", "never")
        self._gpg("--faked-system-time", "20250601T000000!", *made)
        self.keyring = folder / f"{name}.gpg"
        self.keyring.write_bytes(self._gpg("--export"))

    def sign(self, octets: bytes, *more: str) -> bytes:
        """A detached signature in armor."""
        return self._gpg("--armor", *more, "--detach-sign", given=octets)

    def mail(self, table: bytes, name: str = "letter.csv", *more: str) -> bytes:
        """A mail of RFC 3156 with a table."""
        part = letter(table, name)
        return enclosed(part, self.sign(part, *more), "application/pgp-signature", armored=True)

    def stop(self) -> None:
        subprocess.run(["gpgconf", "--homedir", self._home, "--kill", "all"], check=False)
        shutil.rmtree(self._home, ignore_errors=True)

    def _gpg(self, *said: str, given: bytes = b"") -> bytes:
        command = ["gpg", "--homedir", str(self._home), "--batch", "--pinentry-mode", "loopback", "--passphrase", ""]
        done = subprocess.run([*command, *said], input=given, capture_output=True, check=False, env={**os.environ})
        assert done.returncode == 0, done.stderr
        return done.stdout


class SmimeIssuer:
    """A person with a certificate for mail."""

    def __init__(self, folder: Path, name: str = "pta") -> None:
        self.certificate, self._key = folder / f"{name}.pem", folder / f"{name}.key"
        command = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        ]
        more = ["-subj", f"/CN={name}", "-addext", "extendedKeyUsage=emailProtection"]
        files = ["-keyout", str(self._key), "-out", str(self.certificate)]
        subprocess.run([*command, *more, *files], check=True, capture_output=True)

    def sign(self, octets: bytes) -> bytes:
        """A detached signature, DER."""
        command = ["openssl", "cms", "-sign", "-binary", "-outform", "DER", "-signer", str(self.certificate)]
        done = subprocess.run([*command, "-inkey", str(self._key)], input=octets, capture_output=True, check=True)
        return done.stdout

    def mail(self, table: bytes, name: str = "letter.csv") -> bytes:
        """A mail of RFC 8551 with a table."""
        part = letter(table, name)
        return enclosed(part, self.sign(part), "application/pkcs7-signature", armored=False)


def letter(table: bytes, name: str) -> bytes:
    """What is signed: a greeting and the table; with the ends of lines that mail has."""
    mail = EmailMessage(policy=SMTP)
    mail.set_content("Dear All,\n\nplease block.\n")
    mail.add_attachment(table, maintype="application", subtype="octet-stream", filename=name)
    return mail.as_bytes().rstrip(b"\r\n")


def enclosed(part: bytes, signature: bytes, kind: str, *, armored: bool) -> bytes:
    """A mail of multipart/signed."""
    sealed = EmailMessage(policy=SMTP)
    if armored:
        sealed.set_content(signature.decode(), subtype="x")
        sealed.replace_header("Content-Type", kind)
    else:
        sealed.set_content(signature, *kind.split("/"))
    head = (
        b"From: PTA <pta@pta.example>\r\nTo: orders@isp.example\r\nSubject: Blocking\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/signed; micalg="pgp-sha512"; protocol="' + kind.encode() + b'"; boundary="=-b/1"\r\n'
    )
    end = b"\r\n--=-b/1"
    return head + b"\r\nnot read\r\n--=-b/1\r\n" + part + end + b"\r\n" + sealed.as_bytes() + end + b"--\r\n"
