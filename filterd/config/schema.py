"""The schema of the configuration: keys, meanings, defaults, limits, and what a change of each takes.

Invariants: every default is here, in `filterd.config.pages` or in `mgmt.registers.settings.page_settings`, once; an
unknown key is a fault; a value of these types is valid.
A field says what it may hold (`one`, `many`, `part`, `parts`), and which roles must be started again before a change of
it is in force: its own `restart`, else that of the part it is in; LIVE: none, a reload is enough.  The text below a
field is its meaning in docs/reference/configuration.md.  `filterd.config.load` walks these fields and knows no key
by name; conditions between keys are in `filterd.config.cross_checks`.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from msgspec import structs

from dns.base.endpoints import Endpoint, Upstream
from fastpath.gate.marks import MARK_BITS, MARK_SHIFT
from fastpath.images.layout import Limit
from filterd.config import kinds
from filterd.config.family import MAX_HOSTS, Family
from filterd.config.kinds import MarkMask, Octets, Seconds
from filterd.config.orders import Orders
from filterd.config.pages import SETTINGS, Appeals, Complaint, StopPage
from filterd.config.protected import Protection
from filterd.config.radius import Radius
from filterd.config.records import Records, Transparency
from filterd.config.siem import Siem
from filterd.config.spec import (
    ALL,
    ARCHIVE,
    CONTROL,
    DNS,
    GATE,
    LIVE,
    METRICS,
    RADIUS,
    SIEM,
    SPLASH,
    WEB,
    many,
    one,
    part,
    parts,
    several,
)
from filterd.config.verifier import Verifier
from mgmt.orders.phases.shadow_places import SHADOW_LISTS
from mgmt.registers.settings.page_settings import HELPLINES
from mgmt.registers.settings.shapes import MAX_COMPLAINTS, MAX_HELPLINES
from mgmt.text.accept import LANGUAGES

DEFAULT_STATE_DIR = Path("/var/lib/filterd")
OWN_LISTS = ("help-corridor", "orders")  # without a source, see filterd.images.lists.sources
SEALED_ORDERS = "sealed-orders"  # the list of orders that came encrypted, see filterd.images.lists.sealed_orders
MAX_LISTS = int(Limit.LISTS) - len(OWN_LISTS) - 1 - len(SHADOW_LISTS)  # an image holds these as well
LOG_LEVELS = ("debug", "info", "warning", "error")
MAX_WORKERS = 128  # one a core; the largest boxes of an access network have 128
# Who may ask where nothing else is said: this box, private and shared addresses (RFC 1918, 6598, 4193), the link.
OWN_PREFIXES = (
    *("127.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"),
    *("::1/128", "fc00::/7", "fe80::/10"),
)
MAX_FLOWS = 1 << 24  # 3.5 GiB of flows
MAX_TAPS = 8  # what fastpath.tap.tap_loop has room for
MAX_RATE = 1_000_000  # a second: more than one client's packets can be
TABLES = ("csv", "xlsx")
FOLDERS = ("ut1",)
SEALED_FORMATS = ("cncpo", "csv", "hosts", "native", "plain", "xlsx")  # what has no addresses and no folder
MAX_FILE_OCTETS = 256 << 20  # what rules.lists.reader takes of one file
MAX_RPZ_ZONES = 64  # that BIND takes as response policies of one view
MAX_KEPT_S = 3660 * 86400  # ten years
MAX_OWN_NAMES = 64  # what fastpath.dns.special_names has room for, in addition to its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Isp:
    """The provider that runs this box, as shown on its pages."""

    name: str = one(kinds.text, default="Your internet provider")
    """As subscribers know it."""
    name_ur: str | None = one(kinds.text, default=None)
    """The same in Urdu, for Urdu pages."""
    url: str | None = one(kinds.url, default=None)
    """Its home page."""
    contact: str | None = one(kinds.text, default=None)
    """Where subscribers ask for help: an address or a telephone number, as written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsTls:
    """DNS over TLS, and the certificate of DNS over HTTPS."""

    listen: tuple[Endpoint, ...] = many(kinds.endpoint, default=())
    """Where DNS over TLS is answered; none: nowhere."""
    certificate: Path | None = one(kinds.path, LIVE, default=None)
    """PEM, with its chain.   A new file at this path is noticed within 5 s."""
    key: Path | None = one(kinds.path, LIVE, default=None)
    """The certificate's, without a password; only dns reads it."""
    name: str | None = one(kinds.host, WEB, default=None)
    """What the certificate is for; a device's token is a label before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsHttps:
    """DNS over HTTPS, at the path /dns-query."""

    listen: tuple[Endpoint, ...] = many(kinds.endpoint, default=())
    """Where it is answered, with the certificate of `/dns/tls`; never port 443 of the splash address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dns:
    """The DNS front."""

    listen: tuple[Endpoint, ...] = many(
        kinds.endpoint, 1, (*DNS, *CONTROL), default=(Endpoint("0.0.0.0", 53), Endpoint("::", 53))
    )
    """Where queries are answered, over UDP and TCP."""
    upstreams: tuple[Upstream, ...] = many(kinds.upstream, 1, LIVE)
    """ADDRESS:PORT, or tls://ADDRESS:PORT#NAME: over TLS, with a certificate for NAME, or left out, for the address."""
    upstream_ca: Path | None = one(kinds.path, LIVE, default=None)
    """Certificates to trust of upstreams over TLS; none: those that the system trusts."""
    workers: int = one(kinds.whole_number(0, MAX_WORKERS), ALL, default=1)
    """One for each core that is to answer; 0: this box answers no DNS."""
    cache: Octets = one(kinds.cache, LIVE, default=Octets(64 << 20))
    """Memory for upstreams' answers at each worker, taken as they come; 0: none is kept."""
    clients: tuple[str, ...] = many(kinds.prefix, 1, LIVE, default=OWN_PREFIXES)
    """Who may ask; all others are refused, with EDE 18.   Written, it replaces the default as a whole."""
    queries_per_second: int = one(kinds.whole_number(0, MAX_RATE), LIVE, default=0)
    """What one client, an IPv4 address or an IPv6 /56, may ask at each worker; 0: as much as it likes."""
    burst: int = one(kinds.whole_number(1, MAX_RATE), LIVE, default=1000)
    """Queries that a client may have at once before its rate counts."""
    large_answers_per_second: int = one(kinds.whole_number(0, MAX_RATE), LIVE, default=20)
    """How often one client gets the same answer of more than 512 octets over UDP without a cookie; 0: always."""
    cookie_key: Path | None = one(kinds.path, LIVE, default=None)
    """The key of DNS cookies, 16 octets: the same file at all boxes that share an address.   Left out: a key of this
    box's own, made at its start."""
    forwarders: tuple[str, ...] = many(kinds.prefix, restart=LIVE, default=())
    """Resolvers of households or hotels before us: which device asks, they say in an EDNS option, and are believed."""
    redirect_foreign: bool = one(kinds.truth, (*DNS, *CONTROL), default=True)
    """Queries of `clients` and of all lines to other resolvers come here, too."""
    redirect_port: int = one(kinds.port, (*DNS, *CONTROL), default=5300)
    """Where those come in: the kernel tracks them, to find their way back, and no query to the ports of `listen`."""
    redirect_except: tuple[str, ...] = many(kinds.prefix, restart=LIVE, default=())
    """Resolvers among them: their DNS goes out as it is, over TLS too.   That of `upstreams` always does."""
    refuse_foreign_dot: bool = one(kinds.truth, LIVE, default=True)
    """They reach no other resolver over TLS or QUIC (port 853): their devices then ask in the clear.   In force with
    `redirect_foreign` or an inline gate; a box with neither has no rules in the kernel."""
    identity: str | None = one(kinds.identity, LIVE, default=None)
    """What this server calls itself to those who ask for id.server, hostname.bind or NSID.   Left out: such questions
    are refused."""
    egress: tuple[str, ...] = many(kinds.prefix, restart=LIVE, default=())
    """Addresses from which queries of this gateway really leave, where routes do not say it: behind NAT, or asked by a
    resolver on this box.   For the register of `filterd egress`."""
    own_names: tuple[str, ...] = several(kinds.host, MAX_OWN_NAMES, restart=LIVE, default=())
    """Zones that the upstreams have for this network.  Forwarded, even where they would be answered here
    (10.in-addr.arpa, home.arpa, a company's .local); their answers may have private addresses."""
    rebinding_guard: bool = one(kinds.truth, LIVE, default=False)
    """Answers with private addresses are refused for all names outside of `own_names`."""
    canaries: str = one(kinds.one_of("profiles", "all"), LIVE, default="profiles")
    """Whose browsers and phones learn to keep using this resolver, by the names that their makers ask for it."""
    structured_errors: bool = one(kinds.truth, LIVE, default=False)
    """Clients that ask for it learn in JSON who blocks and why, after an Internet-Draft."""
    tls: DnsTls = part(DnsTls)
    https: DnsHttps = part(DnsHttps)
    proxies: tuple[str, ...] = many(kinds.prefix, restart=LIVE, default=())
    """Those who ask from there send a PROXY header first, version 2, in each UDP datagram too, and are believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """The packet gate."""

    mode: str = one(kinds.one_of("inline", "tap"), ALL, default="inline")
    """tap: traffic is only seen, at `tap_interfaces`; what would be blocked is recorded as a shadow."""
    tap_interfaces: tuple[str, ...] = several(kinds.interface, MAX_TAPS, default=())
    """Where the copy of the traffic comes in."""
    tap_reset: bool = one(kinds.truth, default=False)
    """A tap sends resets to both ends of what would be blocked; those that come too late reset nothing."""
    workers: int = one(kinds.whole_number(0, MAX_WORKERS), ALL, default=1)
    """One for each core that is to judge packets; 0: this box judges none."""
    first_queue: int = one(kinds.whole_number(0, 65535 - MAX_WORKERS), (*GATE, *CONTROL), default=0)
    """NFQUEUE number of the first worker; the others follow."""
    tls_ports: tuple[int, ...] = many(kinds.port, restart=(*GATE, *CONTROL), default=(443,))
    """TCP ports whose connections are read as TLS, and UDP ports as QUIC."""
    http_ports: tuple[int, ...] = many(kinds.port, restart=ALL, default=(80,))
    """TCP ports whose connections are read as HTTP."""
    routing: str = one(kinds.one_of("symmetric", "asymmetric"), (*GATE, *CONTROL), default="symmetric")
    """asymmetric: servers' packets may take another way.   Of connections to the ports above, only what clients send
    is tracked then, and all payload of clients goes through the gate."""
    when_dead: str = one(kinds.one_of("open", "closed"), (*GATE, *CONTROL), default="open")
    """While no worker lives.   open: traffic passes without inspection.   closed: new connections are dropped."""
    when_overloaded: str | None = one(kinds.one_of("open", "closed"), default=None)
    """What comes while a worker's queue is full.   closed: dropped, its client repeats it.   none: as `when_dead`."""
    when_undecidable: str = one(kinds.one_of("open", "closed"), default="open")
    """The same for connections that show no name that can be read."""
    quic: str = one(kinds.one_of("judge", "pass", "refuse"), (*GATE, *CONTROL), default="judge")
    """judge: its names are read like those of TLS.   refuse: UDP to the TLS ports is answered with ICMP, and browsers
    fall back to TCP."""
    quic_reject: bool = one(kinds.truth, (*GATE, *CONTROL), default=False)
    """A blocked QUIC flow is refused by ICMP, and not only dropped."""
    h2c: str = one(kinds.one_of("refuse", "pass"), default="refuse")
    """HTTP/2 without TLS, which no browser speaks and whose names are not read."""
    flows: int = one(kinds.whole_number(1024, MAX_FLOWS), default=262144)
    """Connections that one worker can follow at once, 256 octets each."""
    windows: int = one(kinds.whole_number(256, MAX_FLOWS), default=32768)
    """Buffers of 4 KiB at each worker, for octets of hellos and requests that are not decided yet; taken from memory as
    they are used."""
    windows_per_subscriber: int = one(kinds.whole_number(64, MAX_FLOWS), default=1024)
    """Buffers that one subscriber (an IPv4 address or an IPv6 /56) may hold; beyond it, its own longest silent ones are
    forgotten.   More where the gate stands outside of address translation."""
    quic_initials_per_second: int = one(kinds.whole_number(10, MAX_RATE), default=1000)
    """Packets that are opened for one subscriber (an IPv4 address or an IPv6 /56); beyond it they are dropped."""
    mark_mask: MarkMask = one(kinds.mark_mask, (*GATE, *CONTROL), default=MarkMask(MARK_BITS << MARK_SHIFT))
    """The bits of packet and connection marks that are filterd's; all others are left as they are."""
    ja4_classes: Path | None = one(kinds.path, default=None)
    """A file of JA4 fingerprints and classes of software: hellos are counted by them.   Left out: they are not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Splash:
    """The page that a blocked visitor sees."""

    listen: tuple[Endpoint, ...] = many(kinds.endpoint, default=(Endpoint("0.0.0.0", 80), Endpoint("::", 80)))
    """Where the page is served, by plain HTTP."""
    address4: str | None = one(kinds.address4, LIVE, default=None)
    """Where answers of action splash lead; none of the two: such names are answered NXDOMAIN."""
    address6: str | None = one(kinds.address6, LIVE, default=None)
    """The same for IPv6."""
    host: str | None = one(kinds.host, (*GATE, *SPLASH), default=None)
    """A name with the splash address: there a line sees what is closed for it, and why."""
    help_host: str | None = one(kinds.host, default=None)
    """A name with the splash address: there are the helplines."""
    first_language: str = one(kinds.one_of(*LANGUAGES), LIVE, default=SETTINGS.first_language)
    """Of a page where the browser asks for none that we have."""
    report_url: str | None = one(kinds.page_address, LIVE, default=SETTINGS.report_url)
    """Where crimes are reported on the web, below the helplines."""
    complaints: tuple[Complaint, ...] = parts(Complaint, MAX_COMPLAINTS, LIVE)
    """Where visitors complain about orders.   Left out: that of the telecommunication authority."""
    stop_page: StopPage = part(StopPage, LIVE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """The desk's API."""

    listen: tuple[Endpoint, ...] = many(kinds.endpoint, default=(Endpoint("127.0.0.1", 8080),))
    """Set a certificate before you write an address that others reach."""
    certificate: Path | None = one(kinds.path, default=None)
    """PEM, with its chain; none: plain HTTP.   A new file at this path is noticed within 5 s."""
    key: Path | None = one(kinds.path, default=None)
    """The certificate's, without a password; only web reads it."""
    client_ca: Path | None = one(kinds.path, default=None)
    """PEM: the authorities whose certificates the desk's clients show.   With it, a connection without one is refused,
    and each certificate is an issuer's or a person's (`filterd staff certificate`).   Needs `certificate`, and
    `/family/listen` for the parents."""
    cleartext: bool = one(kinds.truth, default=False)
    """Without a certificate, listen on other addresses than the loopback, too: tokens then cross that network readable.
    For a network of its own, or behind a proxy that speaks TLS."""
    hosts: tuple[str, ...] = several(kinds.host, MAX_HOSTS, default=())
    """Names that clients may call it by, in addition to those of its certificate and to addresses; others are answered
    421.   Needed behind a proxy."""
    desk_origin: str | None = one(kinds.origin, default=None)
    """Where browsers reach the desk (/desk), such as https://desk.isp.example: passkeys are bound to this host name, so
    it should never change.   Left out: the desk has passwords with one-time codes, and no passkeys."""
    vouched_passkeys: Path = one(kinds.path, LIVE, default=Path("/etc/filterd/vouched-passkeys"))
    """The passkeys that sign approvals, with `desk_origin`.   `filterd staff vouch` writes it, as root, and control
    believes no other passkey.   No other account may write it or its folder."""
    approvals_by_name: bool = one(kinds.truth, LIVE, default=False)
    """For an emergency in which no passkey can be used: with `desk_origin`, also take approvals by `filterd orders
    approve`, which proves no person.   They end when this is taken out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """What Prometheus and health checks ask: /metrics, /livez, /readyz."""

    listen: tuple[Endpoint, ...] = many(kinds.endpoint, default=(Endpoint("127.0.0.1", 9464),))
    """Where it is answered, by plain HTTP, to all that can reach it; [ ]: nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListEntry:
    """One list."""

    id: str = one(kinds.list_id)
    """Its name in commands, records and reports."""
    file: Path | None = one(kinds.list_file, default=None)
    """Where new versions are put; noticed within a minute.   shipped:NAME: a list that filterd brings along, see
    `filterd lists sources`.   Either this, or `url`, or `zone`."""
    url: str | None = one(kinds.list_url, default=None)
    """Where it is pulled from."""
    zone: str | None = one(kinds.host, default=None)
    """A response policy zone, transferred from `primaries`."""
    primaries: tuple[Endpoint, ...] = many(kinds.endpoint, default=())
    """In order of preference: the first one that answers is taken."""
    tsig: Path | None = one(kinds.path, default=None)
    """A file with the key that we share with the primaries, as tsig-keygen prints it."""
    tls_name: str | None = one(kinds.host, default=None)
    """What the primaries' certificates name; then the zone comes over TLS (RFC 9103)."""
    every: Seconds = one(kinds.duration(60, 30 * 86400), default=Seconds(3600))
    """Time between two pulls of `url`."""
    ca: Path | None = one(kinds.path, default=None)
    """Certificates to trust for this url, or these primaries; none: those that the system trusts."""
    client_certificate: Path | None = one(kinds.path, default=None)
    """What identifies this box to the list's server; PEM."""
    client_key: Path | None = one(kinds.path, default=None)
    """The key of `client_certificate`."""
    max_octets: Octets = one(kinds.octets(1024, MAX_FILE_OCTETS), default=Octets(64 << 20))
    """A larger file is refused."""
    timeout: Seconds = one(kinds.duration(1, 3600), default=Seconds(120))
    """For one pull as a whole."""
    minisign: str | None = one(kinds.minisign_key, default=None)
    """The public key that signs every version, in a file .minisig next to it; what is not signed so is not taken."""
    pgp: Path | None = one(kinds.path, default=None)
    """A file of OpenPGP public keys, as `gpg --export` writes it.  One of them signs every version, in a file .asc next
    to it; what is not signed so is not taken."""
    sealed: bool = one(kinds.truth, default=False)
    """Of tier csam: what comes is encrypted for this box by OpenPGP, and is decrypted by the reader of sealed lists
    alone."""
    self_test: tuple[str, ...] = many(kinds.host, default=())
    """Names that the owner of a list of tier csam has put into it as tests.   One that it does not close is a fault."""
    seed: Path | None = one(kinds.path, default=None)
    """In force until the first good version comes."""
    max_age: Seconds | None = one(kinds.duration(60, 366 * 86400), default=None)
    """A good copy that its source has not confirmed for so long is stale.  none: 26 hours in the tier csam; else
    3 × `every`; a zone: as its SOA says; a file: never."""
    shrink_percent: int = one(kinds.whole_number(0, 100), default=20)
    """A version that lost more of its rules than this waits for approval."""
    grow_percent: int = one(kinds.whole_number(0, 1_000_000), default=400)
    """A version that grew by more than this waits for approval."""
    added_percent: int | None = one(kinds.whole_number(0, 100), default=None)
    """A version with more new rules than this share of the last good one, and more than 500, waits for approval; 100:
    any number may be new.   none: 5 in the tiers csam and order, else 100."""
    first_rules: int = one(kinds.whole_number(0, 10_000_000), default=500_000)
    """A first version with more rules waits for approval: there is nothing yet that it could be compared with."""
    unreadable_percent: int = one(kinds.whole_number(0, 100), default=50)
    """A version with a larger share of lines that are no rules is refused."""
    format: str = one(kinds.list_format)
    """How its lines are read: docs/reference/list-formats.md."""
    columns: str | None = one(kinds.columns, default=None)
    """Where a table has its addresses, if its headings do not tell: url:1;type:2."""
    match: str | None = one(kinds.one_of("exact", "subtree", "as-written"), default=None)
    """none: as the format's own default says (semantics §2)."""
    tier: str = one(kinds.one_of("csam", "order", "service", "category", "security"))
    """Which lists it outranks, and who may override it: csam, then order, service, category, security."""
    category: str | None = one(kinds.category, default=None)
    """Of a list of tier category: what a profile closes."""
    service: str | None = one(kinds.service, default=None)
    """Of a list of tier service: the same."""
    action: str | None = one(
        kinds.one_of("nxdomain", "nodata", "refused", "splash", "drop", "tcp-only", "shadow"), default=None
    )
    """none: splash where a splash address is configured, else nxdomain.   shadow: what the list would block is counted,
    and nothing is."""
    issuer: str | None = one(kinds.text, default=None)
    """Of a list of tier order: who issued it, as pages name it.   Records of blocks have it where the row names a
    letter; where it names none, they have the list alone."""
    public: bool = one(kinds.truth, restart=WEB, default=False)
    """Give its names to everyone, as files (docs/desk/lists.md); never of tier csam."""
    allow_public_suffix: bool = one(kinds.truth, default=False)
    """A rule for a public suffix such as co.uk is enforced, and not left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfers:
    """Zones transferred from other name servers."""

    notify: tuple[Endpoint, ...] = many(kinds.endpoint, default=())
    """Where primaries tell that a zone has changed (RFC 1996); without it, a zone's refresh time decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RpzZone:
    """A response policy zone that this box serves to other resolvers."""

    name: str = one(kinds.host)
    """Of the zone."""
    lists: tuple[str, ...] = many(kinds.list_id, 1)
    """Not confidential ones.   help-corridor and orders (pushed over the API) are lists, too."""
    secondaries: tuple[Endpoint, ...] = many(kinds.endpoint, default=())
    """Get NOTIFY of every change; may fetch the zone from these addresses."""
    allow: tuple[str, ...] = many(kinds.prefix, default=())
    """Who else may fetch it."""
    tsig: Path | None = one(kinds.path, default=None)
    """A file with the key that we share with them, as tsig-keygen prints it.   none: their addresses are enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rpz:
    """Response policy zones for other resolvers."""

    listen: tuple[Endpoint, ...] = many(kinds.endpoint, default=())
    """Where other resolvers fetch the zones, over TCP and UDP."""
    zones: tuple[RpzZone, ...] = parts(RpzZone, MAX_RPZ_ZONES)
    """The zones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HelpCorridor:
    """Names that stay open during every lock and are never logged."""

    names: tuple[str, ...] = many(kinds.host, default=())
    """Each with everything below it.   Under a lock, the web sites of a name and of `www.` below it are reached, at the
    addresses that this box's own resolver gives, over TCP; not with asymmetric routing.   A site further below is to be
    written by itself."""
    addresses: tuple[str, ...] = many(kinds.prefix, default=())
    """Under a lock, all packets pass to these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Helpline:
    """A number that people in need can call."""

    number: str = one(kinds.telephone)
    """As people dial it.   Written, the list replaces the default as a whole (1121, 1799, 1099, 0800-39393); its first
    line is for children, and pages also name it by itself."""
    name_en: str = one(kinds.text)
    """Who answers, in English."""
    name_ur: str = one(kinds.text)
    """The same in Urdu."""
    note_en: str | None = one(kinds.text, default=None)
    """What else a caller should know, such as: free."""
    note_ur: str | None = one(kinds.text, default=None)
    """The same in Urdu."""
    verified_on: date | None = one(kinds.past_day, default=None)
    """The day on which you last called it and it answered.   none: the API's status reminds you of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parental:
    """What parents set."""

    timezone: str = one(kinds.zone, default="Asia/Karachi")
    """Schedules are by the clocks of this zone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """Orders, subscribers, tokens and records."""

    url: str | None = one(kinds.database_url, default=None)
    """PostgreSQL's, for several gateways.   Without a password: let PostgreSQL ask for the account of the socket
    (peer), or name a file of passwords with ?passfile=.   Left out: SQLite, in `state_dir`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long records are kept.   Then the keys of their pseudonyms are destroyed, and after the keys the records."""

    blocks: Seconds = one(kinds.duration(86400, MAX_KEPT_S), default=Seconds(1095 * 86400))
    """Records of blocks by orders and security lists."""
    household: Seconds = one(kinds.duration(0, MAX_KEPT_S), default=Seconds(30 * 86400))
    """Records of blocks that a household has chosen, and of what was done there.   0s: until the next hour."""
    day_keys: Seconds = one(kinds.duration(86400, MAX_KEPT_S), default=Seconds(90 * 86400))
    """The key of a day, by which its pseudonyms can be matched to subscribers; no longer than the records."""
    released_addresses: Seconds = one(kinds.duration(86400, MAX_KEPT_S), default=Seconds(7 * 86400))
    """Addresses that a line has lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The whole configuration of the daemon."""

    state_dir: Path = one(kinds.path, (*ALL, *RADIUS, *ARCHIVE, *SIEM), default=DEFAULT_STATE_DIR)
    """Images, lists, spool, database: what must survive a restart."""
    run_dir: Path = one(kinds.run_directory, (*ALL, *RADIUS, *ARCHIVE, *SIEM), default=Path("/run/filterd"))
    """Sockets, counters, locks: what must not."""
    when_no_images: str = one(kinds.one_of("open", "closed"), (*DNS, *GATE), default="open")
    """What a worker does while it has no images that it can read: at the first start, and after an upgrade that changes
    their layout.   closed: queries are answered SERVFAIL, and the gate blocks what it would judge."""
    log_level: str = one(kinds.one_of(*LOG_LEVELS), LIVE, default="info")
    """The least that is logged; `filterd run --log-level` outranks it until it is changed."""
    database: Database = part(Database, (*CONTROL, *WEB))
    isp: Isp = part(Isp, LIVE)
    dns: Dns = part(Dns, DNS)
    gate: Gate = part(Gate, GATE)
    splash: Splash = part(Splash, SPLASH)
    api: Api = part(Api, WEB)
    family: Family = part(Family, WEB)
    metrics: Metrics = part(Metrics, METRICS)
    radius: Radius = part(Radius, RADIUS)
    lists: tuple[ListEntry, ...] = parts(ListEntry, MAX_LISTS, LIVE)
    transfers: Transfers = part(Transfers, LIVE)
    rpz: Rpz = part(Rpz, LIVE)
    help_corridor: HelpCorridor = part(HelpCorridor, LIVE)
    helplines: tuple[Helpline, ...] = parts(
        Helpline, MAX_HELPLINES, LIVE, default=tuple(Helpline(**structs.asdict(line)) for line in HELPLINES)
    )
    protected: Protection = part(Protection, WEB)
    parental: Parental = part(Parental, (*WEB, *SPLASH))
    records: Records = part(Records, (*CONTROL, *WEB, *ARCHIVE))
    siem: Siem = part(Siem, SIEM)
    retention: Retention = part(Retention, LIVE)
    transparency: Transparency = part(Transparency, (*CONTROL, *WEB))
    orders: Orders = part(Orders, LIVE)
    appeals: Appeals = part(Appeals, LIVE)
    verifier: Verifier = part(Verifier, LIVE)
