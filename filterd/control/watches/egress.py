"""Control's look at the addresses from which this gateway asks DNS: what the kernel's routes and `/dns/egress` say.

No packet is sent: the kernel chooses the source of a datagram socket when it is connected.
Invariants: where the route to one upstream is not known, nothing is noted, and it is a standing fault: an address that
is missing for a minute is no change.
"""

import ipaddress
import logging
import socket
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from dns.base.endpoints import Endpoint, Upstream, destination
from filterd.audit.seal import Seal
from filterd.box.places import keys_folder
from filterd.config import Config
from filterd.control.base.context import Context
from mgmt.registers.egress.statement import DECLARED, ROUTE, Gateway, Source
from mgmt.registers.egress.store import tell
from parental.store.database import writing

SourceOf = Callable[[Endpoint], str]

log = logging.getLogger("filterd.control.service")


def look(context: Context) -> None:
    """Note what this gateway's addresses are.   Blocking.   Raises OSError, DatabaseFault"""
    gateway = gateway_of(context.config, socket.gethostname())
    signer = Seal(context.engine, keys_folder(context.config.state_dir), gateway.node).signer
    with writing(context.engine) as conn:
        is_changed = tell(conn, gateway, signer, datetime.now(UTC))
    if is_changed:
        log.warning("dns sources: changed; tell the authority that lists them: filterd egress")


def gateway_of(config: Config, node: str, source_of: SourceOf | None = None) -> Gateway:
    """What this box says of itself.   Raises OSError where an upstream has no route"""
    upstreams: Sequence[Upstream] = config.dns.upstreams if config.dns.workers else ()
    ask = source_of or source
    found = {ask(Endpoint(str(destination(each.host)), each.port)) for each in upstreams}
    routed = {each for each in found if not ipaddress.ip_address(each).is_loopback}
    declared = set(config.dns.egress)
    sources = sorted([Source(each, ROUTE) for each in routed] + [Source(each, DECLARED) for each in declared])
    return Gateway(node, sources, is_whole=bool(declared) or routed == found)


def source(upstream: Endpoint) -> str:
    """The address from which this box would ask.   Raises OSError"""
    family = socket.AF_INET6 if ":" in upstream.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(upstream)
        except OSError as reason:
            why = f"{upstream}: {reason.strerror}; the register stays as it was; see: ip route get {upstream.host}"
            raise OSError(reason.errno, why) from reason
        return str(probe.getsockname()[0])
