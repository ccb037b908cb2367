"""Device tokens: a secret in the path of DNS over HTTPS or the server name of DNS over TLS identifies a device.

    /dns-query/TOKEN | TOKEN.dns.isp.example → device_address() → judged as the subscriber who has that address

The image of subscribers holds a device as an address that no packet can come from (fastpath.images.subscribers): one
lookup serves both, a base and its deltas carry both, and a token itself is in no image.
Invariants: an unknown token is refused and counted, never served by another policy.  So a revoked token is visible
at the device, and a mistyped one does not silently lose its household's rules.
"""

from typing import Final

from fastpath.images.subscribers import device_address
from fastpath.images.tables import TableSet
from fastpath.report.counters import Counters

# No matter what the ACL of clients says: who has a token is a client, wherever the device is.
DEVICES: Final = "ff00::/8"


class Tokens:
    """The tokens in force.   name: suffix of a server name with a token; None: tokens are in paths only.

    tables   in force; the front replaces them"""

    def __init__(self, name: str | None, counters: Counters) -> None:
        self._suffix = f".{name}".lower() if name else None
        self._counters = counters
        self.tables = TableSet()

    def address_of(self, token: str) -> str | None:
        """The address whose policy applies to a device; None, and counted, for an unknown token."""
        try:
            address = device_address(token.lower())
        except ValueError:
            address = None
        if address is None or self.tables.subscriber_of(address) is None:
            self._counters.add("dns_tokens_unknown")
            return None
        return address

    def in_name(self, name: str | None) -> str | None:
        """The token in a server name, known or not."""
        lowered = (name or "").lower()
        if self._suffix is None or not lowered.endswith(self._suffix):
            return None
        return lowered.removesuffix(self._suffix)

    def takes_name(self, name: str | None) -> bool:
        """Whether a handshake for this server name may continue."""
        token = self.in_name(name)
        return token is None or self.address_of(token) is not None

    def judged_as(self, name: str | None, client: str | None) -> str | None:
        """The address whose policy applies to a connection: its device's, else its client's; None: not served.

        client   None: a stranger, who needs a token"""
        token = self.in_name(name)
        return client if token is None else self.address_of(token)
