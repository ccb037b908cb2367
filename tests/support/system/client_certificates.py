"""An authority and its clients' certificates, made by openssl; a client that shows one, curl."""

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any


class Authority:
    """folder  where keys and certificates are kept;   name  of the authority"""

    def __init__(self, folder: Path, name: str = "clients") -> None:
        self._folder, self.certificate = folder, folder / f"{name}.crt"
        self._key = folder / f"{name}.key"
        self._openssl("req", "-x509", *_new(self._key), "-subj", f"/CN={name}", "-out", self.certificate)

    def client(self, name: str, days: int = 2) -> Path:
        """A client's certificate with its key, in one file."""
        asked, made, key = (self._folder / f"{name}.{kind}" for kind in ("csr", "crt", "key"))
        self._openssl("req", *_new(key), "-subj", f"/CN={name}", "-out", asked)
        signed = ("x509", "-req", "-in", asked, "-CA", self.certificate, "-CAkey", self._key, "-days", days)
        self._openssl(*signed, "-out", made)
        both = self._folder / f"{name}.pem"
        both.write_bytes(made.read_bytes() + key.read_bytes())
        return both

    def _openssl(self, *arguments: object) -> None:
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def _new(key: Path) -> tuple[object, ...]:
    return "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key


async def curl(url: str, trusted: Path, token: str, *arguments: str) -> tuple[int, Any]:
    """(status, JSON or text) of a request; (0, what curl says) where there was no answer."""
    said = ("-sS", "--cacert", str(trusted), "-H", f"Authorization: Bearer {token}", "-w", "\n%{http_code}")
    done = await asyncio.create_subprocess_exec(
        "curl", *said, *arguments, url, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await done.communicate()
    body, _, status = out.decode().rpartition("\n")
    if status == "000":
        return 0, err.decode()
    return int(status), json.loads(body) if body.startswith("{") else body
