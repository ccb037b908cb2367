"""An issuer that signs what it pushes with nothing but openssl, from the text of RFC 9421 and RFC 9530."""

import base64
import contextlib
import hashlib
import subprocess
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection
from support.mgmt.desk import NOW

from mgmt.ledger.event import CONTROL
from mgmt.staff.issuers import IssuerKey, know_issuer, put_key

COVERED = ("@method", "@authority", "@path", "content-digest")
OF_PUBLIC_KEY = -32  # the last octets of a SubjectPublicKeyInfo of Ed25519 (RFC 8410 §10.1)


class OpensslIssuer:
    """folder  where its private key is kept"""

    def __init__(self, folder: Path) -> None:
        self.key, self._base = folder / "issuer.pem", folder / "base"
        self._openssl("genpkey", "-algorithm", "ed25519", "-out", str(self.key))
        der = self._openssl("pkey", "-in", str(self.key), "-pubout", "-outform", "DER")
        self.public_key = der[OF_PUBLIC_KEY:]

    def put(self, conn: Connection, issuer: str = "PTA", since: datetime = NOW, days: int = 30) -> None:
        """Have the operator know the key."""
        know_issuer(conn, issuer, CONTROL, NOW)
        put_key(conn, IssuerKey(self.public_key, issuer, since, since + timedelta(days=days)), CONTROL, NOW)

    def headers(
        self,
        path: str,
        body: bytes,
        host: str,
        *,
        nonce: str | None = "n-1",
        created: datetime = NOW,
        more: str = "",
        covered: Sequence[str] = COVERED,
        query: str = "",
    ) -> dict[str, str]:
        """What goes with a POST."""
        digest = f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"
        covered = (*covered, "@query") if query else covered
        values = {"@method": "POST", "@authority": host, "@path": path, "content-digest": digest, "@query": query}
        inner = " ".join(f'"{name}"' for name in covered)
        params = f'({inner});created={int(created.timestamp())};keyid="{self.public_key.hex()}"'
        params += more + (f';nonce="{nonce}"' if nonce is not None else "")
        lines = [*(f'"{name}": {values[name]}' for name in covered), f'"@signature-params": {params}']
        self._base.write_text("\n".join(lines))
        signature = self._openssl("pkeyutl", "-sign", "-rawin", "-inkey", str(self.key), "-in", str(self._base))
        return {
            "Content-Digest": digest,
            "Signature-Input": f"sig1={params}",
            "Signature": f"sig1=:{base64.b64encode(signature).decode()}:",
        }

    def verifies(self, base: bytes, signature: bytes) -> bool:
        """Whether openssl finds that the key has signed these octets."""
        self._base.write_bytes(base)
        kept = self._base.with_name("signature")
        kept.write_bytes(signature)
        with contextlib.suppress(subprocess.CalledProcessError):
            verify = ("pkeyutl", "-verify", "-rawin", "-inkey", str(self.key))
            return bool(self._openssl(*verify, "-in", str(self._base), "-sigfile", str(kept)))
        return False

    def _openssl(self, *arguments: str) -> bytes:
        return subprocess.run(["openssl", *arguments], check=True, capture_output=True).stdout
