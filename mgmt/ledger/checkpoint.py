"""Signs checkpoints: how many events there are and the root of their tree, as a signed note.

Source: C2SP tlog-checkpoint and signed-note (c2sp.org): origin, size and root, a line each; the signature is Ed25519
over these lines, after the key's name and id.
"""

import base64

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mgmt.ledger.verifier import ED25519, SIGNATURE, key_id

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
