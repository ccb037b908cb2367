"""Where this box asks its own DNS front."""

import ipaddress

from dns.upstreams.endpoints import Endpoint
from filterd.config.schema import Config


def front_of(config: Config) -> Endpoint:
    """Where the front answers this box: at its first address, or on the loopback where that is every address."""
    host, port = config.dns.listen[0]
    if ipaddress.ip_address(host.partition("%")[0]).is_unspecified:
        host = "::1" if ":" in host else "127.0.0.1"
    return Endpoint(host, port)
