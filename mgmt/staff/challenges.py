"""Challenges of passkeys: random, for one purpose, for a few minutes, each good for one sign-in.

A challenge carries its end and proves that it is ours, so that nothing is kept for anyone who only asks for one; what
is kept are those that were used.
Source: W3C Web Authentication §13.4.3.
"""

import hashlib
import hmac
import secrets
from collections import OrderedDict

LIFE_S = 300  # a person looks for the key in a drawer
RANDOM_OCTETS = 16
END_OCTETS = 8
MAC_OCTETS = 32
N_SPENT = 4096  # sign-ins within LIFE_S


class Challenges:
    """Times are Unix seconds."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._spent: OrderedDict[bytes, None] = OrderedDict()

    def make(self, purpose: str, now_s: float) -> bytes:
        body = secrets.token_bytes(RANDOM_OCTETS) + (int(now_s) + LIFE_S).to_bytes(END_OCTETS, "big")
        return body + self._mac(body, purpose)

    def is_good(self, challenge: bytes, purpose: str, now_s: float) -> bool:
        """Whether it is ours, for this purpose, has not ended and was not used."""
        body, mac = challenge[:-MAC_OCTETS], challenge[-MAC_OCTETS:]
        if len(body) != RANDOM_OCTETS + END_OCTETS or not hmac.compare_digest(mac, self._mac(body, purpose)):
            return False
        return int.from_bytes(body[RANDOM_OCTETS:], "big") > now_s and challenge not in self._spent

    def spend(self, challenge: bytes) -> bool:
        """Use a good challenge up; False: someone was faster."""
        if challenge in self._spent:
            return False
        self._spent[challenge] = None
        if len(self._spent) > N_SPENT:
            self._spent.popitem(last=False)
        return True

    def _mac(self, body: bytes, purpose: str) -> bytes:
        return hmac.digest(self._key, purpose.encode() + b"\0" + body, hashlib.sha256)
