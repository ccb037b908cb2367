"""The token of a wrong block's button: a report comes from a page that we have shown to this client within two hours.

Another site can send the form, and cannot read our page.  The token does not depend on the name; that of the law does
not depend on the client either, so that the page of confidential names is one, octet for octet: what such a report
writes down has no name that someone could fill in.  An appeal comes with that of the law, too.
Invariant: no state but the key of this process; after a restart the page is shown again, with a new token.
"""

import hashlib
import hmac
import secrets
from datetime import datetime

from mgmt.contract.control import LAW
from rules.base.clients import Client

HOUR_S = 3600


class FormTokens:
    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def make(self, client: Client, reason: str, now: datetime) -> str:
        return self._of(client, reason, _hour(now))

    def is_ours(self, token: str, client: Client, reason: str, now: datetime) -> bool:
        """Whether the token was made for this client and reason in this hour or the one before."""
        hours = (_hour(now), _hour(now) - 1)
        return any(hmac.compare_digest(token.encode(), self._of(client, reason, hour).encode()) for hour in hours)

    def _of(self, client: Client, reason: str, hour: int) -> str:
        whose = "" if reason == LAW else client
        return hmac.digest(self._key, f"{whose} {reason} {hour}".encode(), hashlib.sha256).hex()[:32]


def _hour(now: datetime) -> int:
    return int(now.timestamp()) // HOUR_S
