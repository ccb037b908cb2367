"""Signs checkpoints: how many events there are and the root of their tree, as a signed note; cosigns others'.

Source: C2SP tlog-checkpoint and signed-note (c2sp.org): origin, size and root, a line each; the signature is Ed25519
over these lines, after the key's name and id.  C2SP tlog-cosignature: a witness signs them with the time.
"""

import base64

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mgmt.ledger.verifier import COSIGNATURE, ED25519, SIGNATURE, key_id

KEY_OCTETS = 32


class Signer:
    """The key of a log.   name: of the log, its origin; no space, no '+'"""

    def __init__(self, seed: bytes, name: str) -> None:
        self._key, self.name = Ed25519PrivateKey.from_private_bytes(seed), name
        self._public = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self._id = key_id(name, self._public)

    @property
    def vkey(self) -> str:
        """The verifier key: name, id and public key, as signed-note spells it."""
        return f"{self.name}+{self._id.hex()}+{base64.b64encode(ED25519 + self._public).decode()}"

    def sign(self, size: int, root: bytes) -> str:
        """The checkpoint of a tree."""
        return self.sign_text(f"{self.name}\n{size}\n{base64.b64encode(root).decode()}\n")

    def sign_text(self, text: str) -> str:
        """A signed note of another text, whose first line is no name of a log.   text  whole lines"""
        signature = base64.b64encode(self._id + self._key.sign(text.encode())).decode()
        return f"{text}\n{SIGNATURE}{self.name} {signature}\n"


class Cosigner:
    """The key of a witness.   name: its own; no space, no '+'"""

    def __init__(self, seed: bytes, name: str) -> None:
        self._key, self.name = Ed25519PrivateKey.from_private_bytes(seed), name
        self._public = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self._id = key_id(name, self._public, COSIGNATURE)

    @property
    def vkey(self) -> str:
        """The verifier key, as signed-note spells it."""
        return f"{self.name}+{self._id.hex()}+{base64.b64encode(COSIGNATURE + self._public).decode()}"

    def cosign(self, note: str, time_s: int) -> str:
        """The line of a signature that a checkpoint gets: that it was the newest one at this time."""
        text = note.rpartition("\n\n")[0] + "\n"
        signed = self._key.sign(f"cosignature/v1\ntime {time_s}\n{text}".encode())
        return f"{SIGNATURE}{self.name} {base64.b64encode(self._id + time_s.to_bytes(8) + signed).decode()}\n"
