"""Sealed lists for tests: a key of a box, and lists encrypted for it."""

from dataclasses import dataclass
from pathlib import Path

import pysequoia

from filterd.images.lists.sealed_reader import KEY


@dataclass(frozen=True)
class Seal:
    """secret  what the reader has;   cert  what owners of lists have"""

    secret: bytes
    cert: pysequoia.Cert

    def close(self, text: str | bytes) -> bytes:
        """A list, encrypted for the box."""
        octets = text.encode() if isinstance(text, str) else text
        return pysequoia.encrypt(octets, recipients=[self.cert], armor=False)

    def put(self, folder: Path) -> Path:
        """The key in the folder of a box that has no credential; the folder."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / KEY).write_bytes(self.secret)
        (folder / KEY).chmod(0o400)
        return folder


def new_seal() -> Seal:
    """A new key."""
    key = pysequoia.Tsk.generate("filterd <lists@isp.test>")
    return Seal(bytes(key), key.extract_certificate())
