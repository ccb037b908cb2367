"""The schema of the configuration: keys, defaults and limits.  No other module defines them.

Invariants: every default is here and nowhere else; an unknown key is a fault; a value of these types is valid.
A field says what it may hold (`one`, `many`, `part`, `parts`); `filterd.config.load` walks these fields and knows no
key by name, except in `check_whole`, which checks conditions between keys.
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple

from dns.upstreams.endpoints import Endpoint, TlsEndpoint, Upstream, destination
from fastpath.gate.marks import MARK_BITS, MARK_SHIFT
from fastpath.images.layout import Limit
from filterd.config import kinds
from filterd.config.kinds import Kind, MarkMask, Octets, Seconds, nearest

DEFAULT_STATE_DIR = Path("/var/lib/filterd")
MAX_LISTS = int(Limit.LISTS)  # of one image
MAX_ITEMS = 1000  # of any other sequence: listeners, names, addresses
MAX_WORKERS = 128  # one a core; the largest boxes of an access network have 128
# Who may ask where nothing else is said: this box, private and shared addresses (RFC 1918, 6598, 4193), the link.
OWN_PREFIXES = (
    "127.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "::1/128",
    "fc00::/7",
    "fe80::/10",
)
MAX_FLOWS = 1 << 24  # 3.5 GiB of flows
MAX_TAPS = 8  # what fastpath.gate.tap_loop has room for
MAX_RATE = 1_000_000  # a second: more than one client's packets can be
TABLES = ("csv", "xlsx")
FOLDERS = ("ut1",)
MAX_FILE_OCTETS = 256 << 20  # what rules.lists.reader takes of one file
MAX_RPZ_ZONES = 64  # that BIND takes as response policies of one view
MAX_OWN_NAMES = 64  # what fastpath.dns.special_names has room for, beside its own
OWN_LISTS = ("help-corridor", "orders")  # without a source, see filterd.lists.sources


class Spec(NamedTuple):
    """How a field is read: a scalar `kind` or a `shape` (a class of this file), once or as a sequence."""

    kind: Kind | None
    shape: type | None
    is_many: bool
    at_least: int
    at_most: int


def one(kind: Kind, **default: Any) -> Any:
    return dataclasses.field(metadata={"spec": Spec(kind, None, False, 0, 1)}, **default)


def many(kind: Kind, at_least: int = 0, **default: Any) -> Any:
    return dataclasses.field(metadata={"spec": Spec(kind, None, True, at_least, MAX_ITEMS)}, **default)


def several(kind: Kind, at_most: int, **default: Any) -> Any:
    return dataclasses.field(metadata={"spec": Spec(kind, None, True, 0, at_most)}, **default)


def part(shape: type) -> Any:
    return dataclasses.field(metadata={"spec": Spec(None, shape, False, 0, 1)})


def parts(shape: type, at_most: int) -> Any:
    return dataclasses.field(metadata={"spec": Spec(None, shape, True, 0, at_most)}, default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Isp:
    """The provider that runs this box, as shown on its pages."""

    name: str = one(kinds.text, default="Your internet provider")
    url: str | None = one(kinds.url, default=None)
    contact: str | None = one(kinds.text, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsTls:
    """DNS over TLS, and the certificate of DNS over HTTPS."""

    listen: tuple[Endpoint, ...] = many(kinds.endpoint, default=())
    certificate: Path | None = one(kinds.path, default=None)
    key: Path | None = one(kinds.path, default=None)
    name: str | None = one(kinds.host, default=None)
    """What the certificate is for; a device's token is a label before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsHttps:
    """DNS over HTTPS, at the path /dns-query."""

    listen: tuple[Endpoint, ...] = many(kinds.endpoint, default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Dns:
    """The DNS front."""

    listen: tuple[Endpoint, ...] = many(kinds.endpoint, 1, default=(Endpoint("0.0.0.0", 53), Endpoint("::", 53)))
    upstreams: tuple[Upstream, ...] = many(kinds.upstream, 1)
    """ADDRESS:PORT, or tls://ADDRESS:PORT#NAME: over TLS, with a certificate for NAME, or left out, for the address."""
    upstream_ca: Path | None = one(kinds.path, default=None)
    """Certificates to trust of upstreams over TLS; None: those that the system trusts."""
    workers: int = one(kinds.whole_number(0, MAX_WORKERS), default=1)
    cache: Octets = one(kinds.cache, default=Octets(64 << 20))
    """Of memory for upstreams' answers at each worker, taken as they come; 0: none is kept."""
    clients: tuple[str, ...] = many(kinds.prefix, 1, default=OWN_PREFIXES)
    """Who may ask; everybody else is refused, with EDE 18.   Written, it replaces the default as a whole."""
    queries_per_second: int = one(kinds.whole_number(0, MAX_RATE), default=0)
    """Of one client, an IPv4 address or an IPv6 /56, at each worker; 0: as many as it likes."""
    burst: int = one(kinds.whole_number(1, MAX_RATE), default=1000)
    """Queries that a client may have at once before its rate counts."""
    large_answers_per_second: int = one(kinds.whole_number(0, MAX_RATE), default=20)
    """How often one client gets the same answer of more than 512 octets over UDP without a cookie; 0: always."""
    forwarders: tuple[str, ...] = many(kinds.prefix, default=())
    """Resolvers of households or hotels before us: which device asks, they say in an EDNS option, and are believed."""
    redirect_foreign: bool = one(kinds.truth, default=True)
    """Queries of `clients` and of all lines to other resolvers come here, too."""
    redirect_port: int = one(kinds.port, default=5300)
    """Where those come in: the kernel tracks them, to find their way back, and no query to the ports of `listen`."""
    redirect_except: tuple[str, ...] = many(kinds.prefix, default=())
    """Resolvers among them: their DNS goes out as it is, over TLS too.   That of `upstreams` always does."""
    refuse_foreign_dot: bool = one(kinds.truth, default=True)
    """They reach no other resolver over TLS or QUIC (port 853): their devices then ask in the clear."""
    identity: str | None = one(kinds.identity, default=None)
    """What this server calls itself to those who ask for id.server, hostname.bind or NSID.   Left out: such questions
    are refused."""
    own_names: tuple[str, ...] = several(kinds.host, MAX_OWN_NAMES, default=())
    """Zones that the upstreams have for this network.  Forwarded, even where they would be answered here
    (10.in-addr.arpa, home.arpa, a company's .local); their answers may have private addresses."""
    rebinding_guard: bool = one(kinds.truth, default=False)
    """Answers with private addresses are refused for all names outside of `own_names`."""
    canaries: str = one(kinds.one_of("profiles", "everybody"), default="profiles")
    """Whose browsers and phones are told to keep using this resolver, by the names that their makers ask for it."""
    structured_errors: bool = one(kinds.truth, default=False)
    """Clients that ask for it are told in JSON who blocks and why, after an Internet-Draft."""
    tls: DnsTls = part(DnsTls)
    https: DnsHttps = part(DnsHttps)
    proxies: tuple[str, ...] = many(kinds.prefix, default=())
    """Whoever asks from there sends a PROXY header first, version 2, in each UDP datagram too, and is believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """The packet gate."""

    mode: str = one(kinds.one_of("inline", "tap"), default="inline")
    """tap: traffic is only seen, at `tap_interfaces`; what would be blocked is recorded as a shadow."""
    tap_interfaces: tuple[str, ...] = several(kinds.interface, MAX_TAPS, default=())
    tap_reset: bool = one(kinds.truth, default=False)
    """A tap sends resets to both ends of what would be blocked; those that come too late reset nothing."""
    workers: int = one(kinds.whole_number(0, MAX_WORKERS), default=1)
    first_queue: int = one(kinds.whole_number(0, 65535 - MAX_WORKERS), default=0)
    tls_ports: tuple[int, ...] = many(kinds.port, default=(443,))
    http_ports: tuple[int, ...] = many(kinds.port, default=(80,))
    routing: str = one(kinds.one_of("symmetric", "asymmetric"), default="symmetric")
    """asymmetric: servers' packets may take another way.   Connections to the ports above are not tracked then, and all
    payload of clients goes through the gate."""
    when_dead: str = one(kinds.one_of("open", "closed"), default="open")
    when_overloaded: str | None = one(kinds.one_of("open", "closed"), default=None)
    """What comes while a worker's queue is full.   closed: dropped, its client repeats it.   None: as `when_dead`."""
    when_undecidable: str = one(kinds.one_of("open", "closed"), default="open")
    quic: str = one(kinds.one_of("judge", "pass", "refuse"), default="judge")
    """judge: its names are read like those of TLS.   refuse: UDP to the TLS ports is answered with ICMP, and browsers
    fall back to TCP."""
    quic_reject: bool = one(kinds.truth, default=False)
    """A blocked QUIC flow is told so by ICMP, and not only dropped."""
    h2c: str = one(kinds.one_of("refuse", "pass"), default="refuse")
    """HTTP/2 without TLS, which no browser speaks and whose names are not read."""
    flows: int = one(kinds.whole_number(1024, MAX_FLOWS), default=262144)
    """That one worker can follow at once, 256 octets each."""
    windows: int = one(kinds.whole_number(256, MAX_FLOWS), default=32768)
    """Of 4 KiB, for octets of hellos and requests that are not decided yet; taken from memory as they are used."""
    windows_per_subscriber: int = one(kinds.whole_number(64, MAX_FLOWS), default=1024)
    """That one subscriber (an IPv4 address or an IPv6 /56) may hold; beyond it, its own longest silent ones are
    forgotten.   More where the gate stands outside of address translation."""
    quic_initials_per_second: int = one(kinds.whole_number(10, MAX_RATE), default=1000)
    """That are opened for one subscriber (an IPv4 address or an IPv6 /56); beyond it they are dropped."""
    mark_mask: MarkMask = one(kinds.mark_mask, default=MarkMask(MARK_BITS << MARK_SHIFT))
    """The bits of packet and connection marks that are filterd's; all others are left as they are."""
    ja4_classes: Path | None = one(kinds.path, default=None)
    """A file of JA4 fingerprints and classes of software: hellos are counted by them.   Left out: they are not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Splash:
    """The page that a blocked visitor sees."""

    listen: tuple[Endpoint, ...] = many(kinds.endpoint, default=(Endpoint("0.0.0.0", 80), Endpoint("::", 80)))
    address4: str | None = one(kinds.address4, default=None)
    address6: str | None = one(kinds.address6, default=None)
    host: str | None = one(kinds.host, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """The API and the parent's pages."""

    listen: tuple[Endpoint, ...] = many(kinds.endpoint, default=(Endpoint("127.0.0.1", 8080),))
    certificate: Path | None = one(kinds.path, default=None)
    key: Path | None = one(kinds.path, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListEntry:
    """One list."""

    id: str = one(kinds.list_id)
    file: Path | None = one(kinds.path, default=None)
    """Where somebody puts a new version; noticed within a minute.   Either this, or `url`, or `zone`."""
    url: str | None = one(kinds.list_url, default=None)
    zone: str | None = one(kinds.host, default=None)
    """A response policy zone, transferred from `primaries`."""
    primaries: tuple[Endpoint, ...] = many(kinds.endpoint, default=())
    """In order of preference: the first one that answers is taken."""
    tsig: Path | None = one(kinds.path, default=None)
    """A file with the key that we share with the primaries, as tsig-keygen prints it."""
    tls_name: str | None = one(kinds.host, default=None)
    """What the primaries' certificates name; then the zone comes over TLS (RFC 9103)."""
    every: Seconds = one(kinds.duration(60, 30 * 86400), default=Seconds(3600))
    ca: Path | None = one(kinds.path, default=None)
    """Certificates to trust for this url, or these primaries; None: those that the system trusts."""
    client_certificate: Path | None = one(kinds.path, default=None)
    client_key: Path | None = one(kinds.path, default=None)
    max_octets: Octets = one(kinds.octets(1024, MAX_FILE_OCTETS), default=Octets(64 << 20))
    timeout: Seconds = one(kinds.duration(1, 3600), default=Seconds(120))
    minisign: str | None = one(kinds.minisign_key, default=None)
    """The public key that signs every version, in a file .minisig beside it; what is not signed so is not taken."""
    seed: Path | None = one(kinds.path, default=None)
    """In force until the first good version comes."""
    max_age: Seconds | None = one(kinds.duration(60, 366 * 86400), default=None)
    """A good copy that its source has not confirmed for so long is stale.  None: 3 × `every`; a zone: as its SOA says;
    a file: two days in the tier csam, else never."""
    shrink_percent: int = one(kinds.whole_number(0, 100), default=20)
    grow_percent: int = one(kinds.whole_number(0, 1_000_000), default=400)
    """A version that lost, or grew by, more than this waits for approval."""
    first_rules: int = one(kinds.whole_number(0, 10_000_000), default=500_000)
    """A first version with more rules waits for approval: there is nothing yet that it could be compared with."""
    unreadable_percent: int = one(kinds.whole_number(0, 100), default=50)
    """A version with a larger share of lines that are no rules is refused."""
    format: str = one(kinds.list_format)
    columns: str | None = one(kinds.columns, default=None)
    """Where a table has its addresses, if its headings do not tell: url:1;type:2."""
    match: str | None = one(kinds.one_of("exact", "subtree", "as-written"), default=None)
    """None: as the format's own default says (semantics §2)."""
    tier: str = one(kinds.one_of("csam", "order", "category", "security"))
    category: str | None = one(kinds.category, default=None)
    action: str | None = one(
        kinds.one_of("nxdomain", "nodata", "refused", "splash", "drop", "tcp-only", "shadow"), default=None
    )
    """None: splash where a splash address is configured, else nxdomain.   shadow: what the list would block is counted,
    and nothing is."""
    issuer: str | None = one(kinds.text, default=None)
    allow_public_suffix: bool = one(kinds.truth, default=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfers:
    """Zones transferred from other name servers."""

    notify: tuple[Endpoint, ...] = many(kinds.endpoint, default=())
    """Where primaries tell that a zone has changed (RFC 1996); without it, a zone's refresh time decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RpzZone:
    """A response policy zone that this box serves to other resolvers."""

    name: str = one(kinds.host)
    lists: tuple[str, ...] = many(kinds.list_id, 1)
    """Not confidential ones.   help-corridor and orders (pushed over the API) are lists, too."""
    secondaries: tuple[Endpoint, ...] = many(kinds.endpoint, default=())
    """Told of every change by NOTIFY; may fetch the zone from these addresses."""
    allow: tuple[str, ...] = many(kinds.prefix, default=())
    """Who else may fetch it."""
    tsig: Path | None = one(kinds.path, default=None)
    """A file with the key that we share with them, as tsig-keygen prints it.   None: their addresses are enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rpz:
    """Response policy zones for other resolvers."""

    listen: tuple[Endpoint, ...] = many(kinds.endpoint, default=())
    zones: tuple[RpzZone, ...] = parts(RpzZone, MAX_RPZ_ZONES)


@dataclass(frozen=True, slots=True, kw_only=True)
class HelpCorridor:
    """Names that stay open during every lock and are never logged."""

    names: tuple[str, ...] = many(kinds.host, default=())
    addresses: tuple[str, ...] = many(kinds.prefix, default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Protected:
    """Names that no list may block."""

    names: tuple[str, ...] = many(kinds.host, default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Parental:
    timezone: str = one(kinds.zone, default="Asia/Karachi")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The whole configuration of the daemon."""

    state_dir: Path = one(kinds.path, default=DEFAULT_STATE_DIR)
    run_dir: Path = one(kinds.run_directory, default=Path("/run/filterd"))
    when_no_images: str = one(kinds.one_of("open", "closed"), default="open")
    """What a worker does while it has no images that it can read: at the first start, and after an upgrade that changes
    their layout.   closed: queries are answered SERVFAIL, and the gate blocks what it would judge."""
    isp: Isp = part(Isp)
    dns: Dns = part(Dns)
    gate: Gate = part(Gate)
    splash: Splash = part(Splash)
    api: Api = part(Api)
    lists: tuple[ListEntry, ...] = parts(ListEntry, MAX_LISTS)
    transfers: Transfers = part(Transfers)
    rpz: Rpz = part(Rpz)
    help_corridor: HelpCorridor = part(HelpCorridor)
    protected: Protected = part(Protected)
    parental: Parental = part(Parental)


def check_whole(config: Config) -> Iterator[tuple[str, str, str]]:
    """Check conditions between keys: yields (path, what was found, what to write)."""
    seen: set[str] = set()
    for at, entry in enumerate(config.lists):
        if entry.id in seen:
            yield f"/lists/{at}/id", f"'{entry.id}' is the id of an earlier list", "give each list its own id"
        seen.add(entry.id)
        yield from _check_source(f"/lists/{at}", entry)
        if entry.tier == "category" and entry.category is None:
            yield f"/lists/{at}", "a list of tier category without a category", "add category: …"
        if entry.tier != "category" and entry.category is not None:
            yield (
                f"/lists/{at}/category",
                f"a category on a list of tier {entry.tier}",
                "remove it or set tier: category",
            )
        if entry.action == "splash" and config.splash.address4 is None and config.splash.address6 is None:
            yield f"/lists/{at}/action", "splash without a splash address", "set /splash/address4 or another action"
        if entry.action == "shadow" and entry.tier == "csam":
            found = "action shadow for tier csam, which is enforced from its first day"
            yield f"/lists/{at}/action", found, "remove it, or write another action"
    yield from _check_tls(config.dns)
    yield from _check_rpz(config)
    if (config.api.certificate is None) != (config.api.key is None):
        yield "/api", "a certificate without its key, or a key without its certificate", "set both or none"
    for at, upstream in enumerate(config.dns.upstreams):
        for endpoint in (*config.dns.listen, *config.dns.tls.listen):
            if _is_ourselves(endpoint, upstream):
                found = f"{upstream} is this box, which listens at {endpoint}"
                yield f"/dns/upstreams/{at}", found, "name the resolver behind us"
    for at, endpoint in enumerate(config.transfers.notify):
        if any(_share(listen, endpoint) for listen in (*config.dns.listen, *config.rpz.listen)):
            yield (
                f"/transfers/notify/{at}",
                f"{endpoint} is taken by dns or rpz",
                "write another port, for example 5300",
            )
    yield from _check_mode(config.gate)
    both = set(config.gate.tls_ports) & set(config.gate.http_ports)
    if both:
        yield "/gate/http_ports", f"{min(both)} is a port of tls_ports, too", "give each port to one of the two"


def _check_mode(gate: Gate) -> Iterator[tuple[str, str, str]]:
    if gate.mode == "tap":
        if not gate.tap_interfaces:
            yield "/gate/tap_interfaces", "a tap without an interface", "write tap_interfaces: [eth1]"
        if gate.quic == "refuse":
            yield (
                "/gate/quic",
                "quic: refuse with a tap, which cannot refuse anything",
                "write quic: pass, or mode: inline",
            )
    elif gate.tap_interfaces or gate.tap_reset:
        path = "/gate/tap_interfaces" if gate.tap_interfaces else "/gate/tap_reset"
        yield path, "a tap's setting without a tap", "write mode: tap, or remove it"


def _check_tls(dns: Dns) -> Iterator[tuple[str, str, str]]:
    if (dns.tls.certificate is None) != (dns.tls.key is None):
        yield "/dns/tls", "a certificate without its key, or a key without its certificate", "set both or none"
    if dns.upstream_ca is not None and not any(isinstance(each, TlsEndpoint) for each in dns.upstreams):
        yield "/dns/upstream_ca", "certificates without an upstream over TLS", "write tls://… there, or remove it"
    for path, listen in (("/dns/tls/listen", dns.tls.listen), ("/dns/https/listen", dns.https.listen)):
        if listen and dns.tls.certificate is None:
            yield path, "a listener without a certificate", "set /dns/tls/certificate and /dns/tls/key"


def _check_rpz(config: Config) -> Iterator[tuple[str, str, str]]:
    confidential = {entry.id for entry in config.lists if entry.tier == "csam"}
    known = {entry.id for entry in config.lists} | set(OWN_LISTS)
    names = [zone.name for zone in config.rpz.zones]
    if bool(config.rpz.listen) != bool(config.rpz.zones):
        yield "/rpz", "listen without zones, or zones without listen", "set both or none"
    for at, zone in enumerate(config.rpz.zones):
        path = f"/rpz/zones/{at}"
        if zone.name in names[:at]:
            yield f"{path}/name", f"'{zone.name}' is the name of an earlier zone", "give each zone its own name"
        for number, list_id in enumerate(zone.lists):
            if list_id in confidential:
                yield f"{path}/lists/{number}", f"'{list_id}' is confidential", "remove it; it never leaves this box"
            elif list_id not in known:
                yield f"{path}/lists/{number}", f"no list '{list_id}'", f"write {nearest(list_id, sorted(known))}"
        if not zone.secondaries and not zone.allow:
            yield path, "no client may fetch this zone", "add secondaries: [ADDRESS:PORT] or allow: [PREFIX]"


def _check_source(path: str, entry: ListEntry) -> Iterator[tuple[str, str, str]]:
    sources = [key for key in ("file", "url", "zone") if getattr(entry, key) is not None]
    if len(sources) != 1:
        yield path, " and ".join(sources) or "no file, url or zone", "write one of file, url and zone"
    if entry.zone is not None or entry.primaries or entry.tsig is not None or entry.tls_name is not None:
        yield from _check_zone(path, entry)
    if (entry.client_certificate is None) != (entry.client_key is None):
        yield path, "client_certificate without client_key, or the other way round", "set both or none"
    if entry.columns is not None and entry.format not in TABLES:
        yield f"{path}/columns", f"columns of a list of format {entry.format}", f"write format: {' or '.join(TABLES)}"
    if entry.url is not None and entry.format in FOLDERS:
        yield f"{path}/url", f"a list of format {entry.format} is a folder", "fetch it by other means; write file"
    for key in ("ca", "client_certificate"):
        is_tls = (entry.url or "").startswith("https:") or entry.tls_name is not None
        if getattr(entry, key) is not None and not is_tls:
            wanted = "remove it, or write url: https://… or tls_name: …"
            yield f"{path}/{key}", "a certificate for a source without TLS", wanted
    if entry.minisign is not None and (entry.zone is not None or entry.format in FOLDERS):
        yield f"{path}/minisign", "a signature of what is no single file", "remove it; a zone is signed by tsig"
    if entry.url is not None and entry.max_age is not None and entry.max_age < entry.every:
        yield f"{path}/max_age", f"{entry.max_age} is less than every, {entry.every}", "write a longer time"


def _check_zone(path: str, entry: ListEntry) -> Iterator[tuple[str, str, str]]:
    if entry.zone is None:
        yield path, "primaries, tsig or tls_name without zone", "write zone: NAME, or remove them"
    elif not entry.primaries:
        yield path, f"zone {entry.zone} without a primary", "add primaries: [ADDRESS:PORT]"
    if entry.zone is not None and entry.format != "rpz":
        yield f"{path}/format", f"a zone of format {entry.format}", "write format: rpz"


def _share(one: Endpoint, other: Endpoint) -> bool:
    """Whether two listeners cannot both bind."""
    here, there = ip_address(one.host), ip_address(other.host)
    is_same = here == there or here.is_unspecified or there.is_unspecified
    return one.port == other.port and here.version == there.version and is_same


def _is_ourselves(listen: Endpoint, upstream: Upstream) -> bool:
    """Whether a query to `upstream` comes back to `listen`, by the file alone; require_others() asks the host."""
    here, there = ip_address(listen.host), destination(upstream.host)
    if listen.port != upstream.port or here.version != there.version:
        return False
    return here == there or (here.is_unspecified and there.is_loopback)
