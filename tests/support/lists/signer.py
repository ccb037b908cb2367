"""Publishers that sign their lists: with minisign, or with GnuPG."""

import subprocess
from pathlib import Path

from filterd.images.lists.signatures import SignatureScheme


class Signer:
    """Signs with minisign: a key pair of its own, without a password.   option: of a list in the configuration"""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._secret, public = folder / "minisign.key", folder / "minisign.pub"
        run("-G", "-W", "-s", self._secret, "-p", public)
        self.key = public.read_text().splitlines()[1]
        self.signing = SignatureScheme("minisign", self.key, ".minisig")
        self.option = f"minisign: {self.key}"

    def sign(self, path: Path) -> Path:
        """Sign a file; where the signature is."""
        signature = path.with_name(path.name + ".minisig")
        run("-S", "-s", self._secret, "-m", path, "-x", signature)
        return signature

    def end(self) -> None:
        """Nothing of it runs on."""


class PgpSigner:
    """Signs with GnuPG: the same.   expires: as gpg --quick-generate-key takes it"""

    def __init__(self, folder: Path, expires: str = "never", algorithm: str = "ed25519") -> None:
        folder.mkdir(mode=0o700)
        self._home, self.keys = folder, folder / "keys.gpg"
        self._run("--passphrase", "", "--quick-generate-key", "lists@publisher.test", algorithm, "sign", expires)
        self._run("--output", self.keys, "--export")
        self.signing = SignatureScheme("gpgv", self.keys, ".asc")
        self.option = f"pgp: {self.keys}"

    def sign(self, path: Path, *options: str) -> Path:
        """Sign a file; where the signature is."""
        signature = path.with_name(path.name + ".asc")
        self._run("--armor", *options, "--output", signature, "--detach-sign", path)
        return signature

    def end(self) -> None:
        """Its agent."""
        subprocess.run(["gpgconf", "--homedir", self._home, "--kill", "all"], check=True, timeout=60)

    def _run(self, *arguments: str | Path) -> None:
        command = ["gpg", "--homedir", self._home, "--batch", "--yes", "--pinentry-mode", "loopback", *arguments]
        subprocess.run(command, check=True, capture_output=True, timeout=60)


def run(*arguments: str | Path) -> None:
    subprocess.run(["minisign", *map(str, arguments)], check=True, capture_output=True, timeout=60)
