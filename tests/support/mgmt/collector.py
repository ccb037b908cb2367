"""`filterd orders collect`, as its tests run it."""

import json
import subprocess
import urllib.request
from pathlib import Path

from support.mgmt.mail_signer import PgpIssuer, SmimeIssuer
from support.system.daemon import Daemon


class Collector:
    """`filterd orders collect`, for PTA."""

    def __init__(self, daemon: Daemon, folder: Path, pgp: PgpIssuer, smime: SmimeIssuer) -> None:
        self._daemon, self._token = daemon, daemon.token("regulator")
        self.folder = folder / "in"
        self.folder.mkdir()
        keys = ("--pgp", str(pgp.keyring), "--smime", str(smime.certificate), "--seen", str(folder / "seen.json"))
        self._said = ("orders", "collect", "--issuer", "PTA", "--ground", "a law", "--json", *keys)

    def run(self, *more: str, token: str | None = None) -> subprocess.CompletedProcess[str]:
        where = more or ("--folder", str(self.folder))
        return self._daemon.run(*self._said, *where, token=self._token if token is None else token)

    def counts(self, *more: str) -> tuple[int, int]:
        """(taken, refused)."""
        done = self.run(*more)
        assert done.stdout, done.stderr
        said = json.loads(done.stdout)
        assert done.returncode == (1 if said["refused"] else 0), done.stderr
        return said["taken"], said["refused"]

    def order(self, ref: str) -> dict[str, object]:
        found = self._daemon.run("orders", "show", "--issuer", "PTA", ref, "--json", token=self._token)
        return dict(json.loads(found.stdout)) if found.returncode == 0 else {}

    def n_noted(self, action: str) -> int:
        """How often the ledger says so."""
        url = f"http://127.0.0.1:{self._daemon.api}/v1/audit/stats"
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {self._daemon.token('auditor')}"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            counts = json.load(answer)["counts"]
        return sum(each["count"] for each in counts if (each["action"], each["issuer"]) == (action, "PTA"))


def table(ref: str, *names: str) -> bytes:
    return "".join(("URL,Ref\n", *(f"{name},{ref}\n" for name in names))).encode()


def correction(ref: str, of: str, *names: str) -> bytes:
    """A table that takes the place of another letter's."""
    return "".join(("URL,Ref,Corrects\n", *(f"{name},{ref},{of}\n" for name in names))).encode()
