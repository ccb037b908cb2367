"""A publisher that signs its lists with minisign."""

import subprocess
from pathlib import Path


class Signer:
    """A key pair of its own, without a password."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._secret, public = folder / "minisign.key", folder / "minisign.pub"
        run("-G", "-W", "-s", self._secret, "-p", public)
        self.key = public.read_text().splitlines()[1]

    def sign(self, path: Path) -> Path:
        """Sign a file; where the signature is."""
        signature = path.with_name(path.name + ".minisig")
        run("-S", "-s", self._secret, "-m", path, "-x", signature)
        return signature


def run(*arguments: str | Path) -> None:
    subprocess.run(["minisign", *map(str, arguments)], check=True, capture_output=True, timeout=60)
