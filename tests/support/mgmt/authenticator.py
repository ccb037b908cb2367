"""An authenticator in software: makes passkeys and answers challenges as a browser with a security key does.

Written from W3C Web Authentication Level 3, §6.1 (authenticator data), §5.8.1 (client data) and §6.5.1 (COSE keys).
"""

import base64
import hashlib
import json
import os
from typing import Any
from urllib.parse import urlsplit

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.hashes import SHA256

PRESENT, VERIFIED, HAS_KEY = 0x01, 0x04, 0x40
ES256, EDDSA = -7, -8


class Authenticator:
    """One passkey of one person.   counts  whether the signature counter rises, as a security key's does"""

    def __init__(self, origin: str, algorithm: int = ES256, *, counts: bool = True) -> None:
        self.origin, self.algorithm, self.counts = origin, algorithm, counts
        self.host = urlsplit(origin).hostname or ""
        self.credential, self.count, self.flags, self.handle = os.urandom(16), 0, PRESENT | VERIFIED, b""
        self._es256 = ec.generate_private_key(ec.SECP256R1())
        self._eddsa = ed25519.Ed25519PrivateKey.generate()

    def create(self, options: dict[str, Any]) -> str:
        """PublicKeyCredential.toJSON() after navigator.credentials.create()"""
        self.handle = unpacked(options["user"]["id"])
        key = cbor2.dumps(self._cose())
        attested = bytes(16) + len(self.credential).to_bytes(2, "big") + self.credential + key
        said = {"fmt": "none", "attStmt": {}, "authData": self._data(HAS_KEY) + attested}
        client = self._client("webauthn.create", options["challenge"])
        return self._credential({"clientDataJSON": packed(client), "attestationObject": packed(cbor2.dumps(said))})

    def get(self, options: dict[str, Any]) -> str:
        """PublicKeyCredential.toJSON() after navigator.credentials.get()"""
        self.count += self.counts
        client, data = self._client("webauthn.get", options["challenge"]), self._data()
        signature = self._sign(data + hashlib.sha256(client).digest())
        return self._credential(
            {
                "clientDataJSON": packed(client),
                "authenticatorData": packed(data),
                "signature": packed(signature),
                "userHandle": packed(self.handle),
            }
        )

    def agree(self, challenge: bytes) -> str:
        """get() with a challenge of the caller's own."""
        return self.get({"challenge": packed(challenge)})

    def _credential(self, response: dict[str, str]) -> str:
        name = packed(self.credential)
        said = {"id": name, "rawId": name, "type": "public-key", "response": response, "clientExtensionResults": {}}
        return json.dumps(said)

    def _client(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}).encode()

    def _data(self, more: int = 0) -> bytes:
        return hashlib.sha256(self.host.encode()).digest() + bytes([self.flags | more]) + self.count.to_bytes(4, "big")

    def _cose(self) -> dict[int, Any]:
        if self.algorithm == EDDSA:
            return {1: 1, 3: EDDSA, -1: 6, -2: self._eddsa.public_key().public_bytes_raw()}
        point = self._es256.public_key().public_numbers()
        return {1: 2, 3: ES256, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}

    def _sign(self, said: bytes) -> bytes:
        if self.algorithm == EDDSA:
            return self._eddsa.sign(said)
        return self._es256.sign(said, ec.ECDSA(SHA256()))


def packed(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def unpacked(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
