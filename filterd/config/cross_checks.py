"""Conditions between keys of the configuration: what no single key shows.

Invariants: a check reads the file's values alone, never this box; each check is tried, no matter what the others find;
a check that would need a value which is a fault itself says nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from ipaddress import ip_address
from itertools import combinations
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit

from dns.base.endpoints import Endpoint, TlsEndpoint, Upstream, destination
from filterd.config.family import HTTPS_PORT, Family, door_places, has_own_door
from filterd.config.kinds import nearest
from filterd.config.schema import (
    FOLDERS,
    OWN_LISTS,
    SEALED_FORMATS,
    SEALED_ORDERS,
    TABLES,
    Api,
    Config,
    ListEntry,
    RpzZone,
)
from mgmt.orders.phases.shadow_places import SHADOW_LISTS

Part = TypeVar("Part")
Found = Iterator[tuple[str, str, str]]  # path, what was found, what to write instead


class Unreadable(Exception):
    """A check has used a value that is a fault itself."""


def check_whole(config: Config) -> Found:
    """Check conditions between keys."""
    for check in CHECKS:
        yield from what_can_be_said(check(config))
    for check_list in LIST_CHECKS:
        for at, entry in enumerate(_readable(config.lists)):
            yield from what_can_be_said(check_list(f"/lists/{at}", entry))
    for at, zone in enumerate(_readable(config.rpz.zones)):
        yield from what_can_be_said(_check_rpz_zone(config, f"/rpz/zones/{at}", zone))


def _readable(parts: Sequence[Part]) -> Sequence[Part]:
    try:
        return tuple(parts)
    except Unreadable:
        return ()


def what_can_be_said(found: Iterator[Part]) -> Iterator[Part]:
    """What a check finds until it would need a value that is a fault itself."""
    try:
        yield from found
    except Unreadable:
        return


# ----------------------------------------------------------------------------------------------------------------------


def _check_ids(config: Config) -> Found:
    seen: set[str] = set()
    for at, entry in enumerate(config.lists):
        if entry.id in seen:
            yield f"/lists/{at}/id", f"'{entry.id}' is the id of an earlier list", "give each list its own id"
        # Of the two that stand in OWN_LISTS it is a warning: files of earlier releases have them.
        if entry.id in (SEALED_ORDERS, *SHADOW_LISTS):
            yield f"/lists/{at}/id", f"'{entry.id}' is the id of a list of filterd itself", "write another id"
        seen.add(entry.id)


def _check_splash_action(config: Config) -> Found:
    for at, entry in enumerate(config.lists):
        if entry.action == "splash" and config.splash.address4 is None and config.splash.address6 is None:
            yield f"/lists/{at}/action", "splash without a splash address", "set /splash/address4 or another action"


def _check_tier(path: str, entry: ListEntry) -> Found:
    for tier, named in (("category", entry.category), ("service", entry.service)):
        if entry.tier == tier and named is None:
            yield path, f"a list of tier {tier} without a {tier}", f"add {tier}: …"
        if entry.tier != tier and named is not None:
            yield f"{path}/{tier}", f"a {tier} on a list of tier {entry.tier}", f"remove it or set tier: {tier}"
    if entry.action == "shadow" and entry.tier == "csam":
        found = "action shadow for tier csam, which is enforced from its first day"
        yield f"{path}/action", found, "remove it, or write another action"


def _check_sealed(path: str, entry: ListEntry) -> Found:
    if entry.public and (entry.sealed or entry.tier == "csam"):
        yield f"{path}/public", "a confidential list, which is never public", "remove it"
    if entry.self_test and entry.tier != "csam":
        yield f"{path}/self_test", f"of a list of tier {entry.tier}", "remove it, or set tier: csam"
    if not entry.sealed:
        return
    if entry.tier != "csam":
        yield f"{path}/sealed", f"a sealed list of tier {entry.tier}", "remove it, or set tier: csam"
    if entry.zone is not None:
        yield f"{path}/sealed", "a zone, which cannot be sealed", "remove it, or write file or url"
    if entry.format not in SEALED_FORMATS:
        found = f"format {entry.format}, of which no list can be sealed"
        yield f"{path}/format", found, f"write one of {', '.join(SEALED_FORMATS)}"


def _check_tls(config: Config) -> Found:
    tls, https = config.dns.tls, config.dns.https
    if (tls.certificate is None) != (tls.key is None):
        yield "/dns/tls", "a certificate without its key, or a key without its certificate", "set both or none"
    for path, listen in (("/dns/tls/listen", tls.listen), ("/dns/https/listen", https.listen)):
        if listen and tls.certificate is None:
            yield path, "a listener without a certificate", "set /dns/tls/certificate and /dns/tls/key"


def _check_upstream_ca(config: Config) -> Found:
    dns = config.dns
    if dns.upstream_ca is not None and not any(isinstance(each, TlsEndpoint) for each in dns.upstreams):
        yield "/dns/upstream_ca", "certificates without an upstream over TLS", "write tls://… there, or remove it"


def _check_api(config: Config) -> Found:
    yield from _check_door("/api", config.api)


def _check_client_ca(config: Config) -> Found:
    if config.api.client_ca is None:
        return
    if config.api.certificate is None:
        yield "/api/client_ca", "certificates of clients without TLS", "set /api/certificate and /api/key"
    if not config.family.listen:
        yield "/api/client_ca", "parents come in at this door, too, and have none", "give them /family/listen"


def _check_family(config: Config) -> Found:
    yield from _check_door("/family", config.family)
    sms = config.family.sms
    if sms.gateway is not None and sms.outbox is not None:
        yield "/family/sms", "a gateway and an outbox", "leave one of them out"
    for at, said in enumerate(sms.fields):
        if not said.partition("=")[0] or "=" not in said:
            yield f"/family/sms/fields/{at}", f"{said[:40]!r} names no field", "write NAME=VALUE"
    yield from _check_languages(config.family.languages)
    is_local = sms.gateway is not None and urlsplit(sms.gateway).hostname in ("localhost", "127.0.0.1", "::1")
    if sms.gateway is not None and not sms.gateway.startswith("https:") and not is_local:
        yield "/family/sms/gateway", "numbers and codes would cross the network readable", "write https://…"


def _check_families_way(config: Config) -> Found:
    """Parents come in from the line that they have closed."""
    hosts, places = config.family.hosts, tuple(door_places(config.family, config.api))
    if has_own_door(config.family) and places and not hosts:
        found = f"a door of families at {places[0]}, and no name of it: under a lock, every other name is closed"
        yield "/family/hosts", found, "write the names that families type: [family.isp.example]"
    if hosts and not places:
        found = f"'{hosts[0]}' leads to no address that is known to be open under a lock"
        wanted = "write where families reach it, ADDRESS:PORT of the proxy or the other box: [192.0.2.3:443]"
        yield "/family/addresses", found, wanted


def _check_languages(languages: tuple[str, ...]) -> Found:
    if not languages:
        return
    from mgmt.text.slots import FURTHER, is_enough, translated  # late: Babel's data, which few configurations need

    for at, code in enumerate(languages):
        path = f"/family/languages/{at}"
        if code not in FURTHER or code in languages[:at]:
            yield path, f"{code[:20]!r} cannot be added, or is there twice", f"write {' or '.join(FURTHER)}"
        elif not is_enough(code):
            n, of = translated(code)
            yield path, f"{n} of {of} messages are translated", "leave it out until more are: docs/families/family.md"


def _check_door(path: str, door: Api | Family) -> Found:
    if (door.certificate is None) != (door.key is None):
        yield path, "a certificate without its key, or a key without its certificate", "set both or none"
    if door.certificate is None and not door.cleartext:
        for at, listen in enumerate(door.listen):
            if not ip_address(listen.host).is_loopback:
                found = f"{listen} without TLS, where tokens can be read on the way"
                yield f"{path}/listen/{at}", found, "set certificate and key, or 127.0.0.1, or say cleartext: true"


def _check_upstreams(config: Config) -> Found:
    for at, upstream in enumerate(config.dns.upstreams):
        for endpoint in (*config.dns.listen, *config.dns.tls.listen):
            if _is_ourselves(endpoint, upstream):
                found = f"{upstream} is this box, which listens at {endpoint}"
                yield f"/dns/upstreams/{at}", found, "name the resolver behind us"


class _Listener(NamedTuple):
    path: str
    endpoint: Endpoint
    protocols: frozenset[str]


_TCP, _UDP = frozenset({"TCP"}), frozenset({"UDP"})
_BOTH = _TCP | _UDP


def _listeners(config: Config) -> Iterator[_Listener]:
    """Every place where a role of this box listens."""
    dns = config.dns
    is_redirected = dns.workers > 0 and dns.redirect_foreign
    if is_redirected and all(endpoint.port != dns.redirect_port for endpoint in dns.listen):
        for host in ("0.0.0.0", "::"):
            yield _Listener("/dns/redirect_port", Endpoint(host, dns.redirect_port), _BOTH)
    listening = [
        ("/dns/listen", dns.listen if dns.workers else (), _BOTH),
        ("/dns/tls/listen", dns.tls.listen if dns.workers else (), _TCP),
        ("/dns/https/listen", dns.https.listen if dns.workers else (), _TCP),
        ("/splash/listen", config.splash.listen, _TCP),
        ("/api/listen", config.api.listen, _TCP),
        ("/family/listen", config.family.listen, _TCP),
        ("/metrics/listen", config.metrics.listen, _TCP),
        ("/radius/listen", config.radius.listen, _UDP),
        ("/rpz/listen", config.rpz.listen, _BOTH),
        ("/transfers/notify", config.transfers.notify, _BOTH),
    ]
    for path, endpoints, protocols in listening:
        yield from (_Listener(f"{path}/{at}", endpoint, protocols) for at, endpoint in enumerate(endpoints))


def _doors_elsewhere(config: Config) -> Iterator[_Listener]:
    for at, endpoint in enumerate(config.family.addresses):
        yield _Listener(f"/family/addresses/{at}", endpoint, _TCP)


def _check_ports(config: Config) -> Found:
    """Two listeners on one port; a wildcard address has the port of every address."""
    told: set[str] = set()
    for one, other in combinations(_listeners(config), 2):
        if other.path not in told and one.protocols & other.protocols and _share(one.endpoint, other.endpoint):
            told.add(other.path)
            yield (
                other.path,
                f"{other.endpoint} is taken by {one.path}, {one.endpoint}",
                "write another address or port",
            )


def _check_splash_https(config: Config) -> Found:
    """Browsers ask for HTTPS pages at the splash address: a certificate of ours would be a warning to each visitor."""
    for place in filter(None, (config.splash.address4, config.splash.address6)):
        for listener in (*_listeners(config), *_doors_elsewhere(config)):
            if "UDP" not in listener.protocols and _share(listener.endpoint, Endpoint(place, HTTPS_PORT)):
                found = f"{listener.endpoint} is port 443 of the splash address {place}"
                wanted = (
                    "write another address of this box: visitors of blocked HTTPS pages get a certificate warning there"
                )
                yield listener.path, found, wanted


def _check_mode(config: Config) -> Found:
    gate = config.gate
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


def _check_gate_ports(config: Config) -> Found:
    both = set(config.gate.tls_ports) & set(config.gate.http_ports)
    if both:
        yield "/gate/http_ports", f"{min(both)} is a port of tls_ports, too", "give each port to one of the two"


def _check_rpz(config: Config) -> Found:
    names = [zone.name for zone in config.rpz.zones]
    if bool(config.rpz.listen) != bool(config.rpz.zones):
        yield "/rpz", "listen without zones, or zones without listen", "set both or none"
    for at, name in enumerate(names):
        if name in names[:at]:
            yield f"/rpz/zones/{at}/name", f"'{name}' is the name of an earlier zone", "give each zone its own name"


def _check_rpz_zone(config: Config, path: str, zone: RpzZone) -> Found:
    confidential = {entry.id for entry in config.lists if entry.tier == "csam"}
    known = {entry.id for entry in config.lists} | set(OWN_LISTS)
    for number, list_id in enumerate(zone.lists):
        if list_id in confidential:
            yield f"{path}/lists/{number}", f"'{list_id}' is confidential", "remove it; it never leaves this box"
        elif list_id not in known:
            yield f"{path}/lists/{number}", f"no list '{list_id}'", f"write {nearest(list_id, sorted(known))}"
    if not zone.secondaries and not zone.allow:
        yield path, "no client may fetch this zone", "add secondaries: [ADDRESS:PORT] or allow: [PREFIX]"


def _check_source(path: str, entry: ListEntry) -> Found:
    sources = [key for key in ("file", "url", "zone") if getattr(entry, key) is not None]
    if len(sources) != 1:
        yield path, " and ".join(sources) or "no file, url or zone", "write one of file, url and zone"


def _check_client_certificate(path: str, entry: ListEntry) -> Found:
    if (entry.client_certificate is None) != (entry.client_key is None):
        yield path, "client_certificate without client_key, or the other way round", "set both or none"


def _check_format(path: str, entry: ListEntry) -> Found:
    if entry.columns is not None and entry.format not in TABLES:
        yield f"{path}/columns", f"columns of a list of format {entry.format}", f"write format: {' or '.join(TABLES)}"


def _check_ca(path: str, entry: ListEntry) -> Found:
    for key in ("ca", "client_certificate"):
        is_tls = (entry.url or "").startswith("https:") or entry.tls_name is not None
        if getattr(entry, key) is not None and not is_tls:
            wanted = "remove it, or write url: https://… or tls_name: …"
            yield f"{path}/{key}", "a certificate for a source without TLS", wanted


def _check_signature(path: str, entry: ListEntry) -> Found:
    for key in ("minisign", "pgp"):
        if getattr(entry, key) is not None and (
            entry.zone is not None or (entry.file is not None and entry.format in FOLDERS)
        ):
            yield f"{path}/{key}", "a signature of what is no single file", "remove it; a zone is signed by tsig"
    if entry.minisign is not None and entry.pgp is not None:
        yield path, "minisign and pgp: two ways of signing one list", "set one of them"


def _check_age(path: str, entry: ListEntry) -> Found:
    if entry.url is not None and entry.max_age is not None and entry.max_age < entry.every:
        yield f"{path}/max_age", f"{entry.max_age} is less than every, {entry.every}", "write a longer time"


def _check_zone(path: str, entry: ListEntry) -> Found:
    if entry.zone is None and not entry.primaries and entry.tsig is None and entry.tls_name is None:
        return
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


def _check_radius(config: Config) -> Found:
    radius = config.radius
    if radius.listen and not radius.nas:
        yield "/radius/nas", "no one may send requests", "add an entry with address, secret and pools"
    if radius.nas and not radius.listen:
        yield "/radius/listen", "entries of NAS, and no address where they are heard", "write listen: [ADDRESS:1813]"
    for at, nas in enumerate(radius.nas):
        if nas.name in {each.name for each in radius.nas[:at]}:
            yield f"/radius/nas/{at}/name", f"'{nas.name}' is the name of an earlier one", "give each its own name"
    for at, row in enumerate(radius.places):
        if row.nas in {each.nas for each in radius.places[:at]}:
            yield f"/radius/places/{at}/nas", f"'{row.nas}' has an earlier row", "write one row for each"
        if row.zone is None and row.province is None:
            yield f"/radius/places/{at}", "neither a zone nor a province", "write zone: NAME, or province: PK-PB"


def _check_siem(config: Config) -> Found:
    siem = config.siem
    if (siem.certificate is None) != (siem.key is None):
        yield "/siem", "a certificate without a key, or a key without a certificate", "set both or none"
    if siem.server is None:
        return
    for at, what in enumerate(siem.send):
        if what in siem.send[:at]:
            yield f"/siem/send/{at}", f"'{what}' is written twice", "remove one"


def _check_canary(config: Config) -> Found:
    canary = config.orders.canary
    is_alone = config.database.url is None
    if is_alone and canary.gateway is not None and canary.name is not None and canary.gateway != canary.name:
        found = f"'{canary.gateway}' shares no database with this gateway: no order would come in force"
        yield "/orders/canary/gateway", found, "write this gateway's name, or set /database/url"


def _check_orders(config: Config) -> Found:
    mail = config.orders.mail
    for at, contact in enumerate(config.orders.contacts):
        path = f"/orders/contacts/{at}"
        if (contact.mail is None) == (contact.webhook is None):
            yield path, "a contact needs one of mail and webhook", "write one of them"
        if contact.mail is not None and mail.server is None:
            yield path, "a mail address, and no server that takes mails", "set /orders/mail/server"
        if contact.ca is not None and not (contact.webhook or "").startswith("https:"):
            yield f"{path}/ca", "authorities for what speaks no TLS", "remove it, or write webhook: https://…"
    if mail.server is not None and mail.sender is None:
        yield "/orders/mail/sender", "mails without a sender", "write sender: filterd@isp.example"
    if (mail.user is None) != (mail.password is None):
        yield "/orders/mail", "a user without a password, or a password without a user", "set both or none"
    is_here = (mail.server or "").rpartition(":")[0] in ("localhost", "127.0.0.1", "[::1]")
    if mail.server is not None and mail.security == "none" and not is_here:
        yield "/orders/mail/security", "mails would cross the network readable", "write starttls or tls"


def _check_appeals(config: Config) -> Found:
    appeals, has_splash = config.appeals, config.splash.host is not None
    if (appeals.key is None) != (appeals.address is None):
        yield "/appeals", "a key without an address, or an address without a key", "set both or none"
    if appeals.key is not None and not has_splash:
        yield "/appeals/key", "appeals, and no page that takes them", "set /splash/host"
    if appeals.address is not None and config.orders.mail.server is None:
        yield "/appeals/address", "an address, and no server that takes mails", "set /orders/mail/server"


CHECKS: tuple[Callable[[Config], Found], ...] = (
    _check_ids,
    _check_splash_action,
    _check_tls,
    _check_upstream_ca,
    _check_api,
    _check_client_ca,
    _check_family,
    _check_families_way,
    _check_orders,
    _check_appeals,
    _check_canary,
    _check_upstreams,
    _check_ports,
    _check_splash_https,
    _check_mode,
    _check_gate_ports,
    _check_rpz,
    _check_radius,
    _check_siem,
)
LIST_CHECKS: tuple[Callable[[str, ListEntry], Found], ...] = (
    _check_tier,
    _check_sealed,
    _check_source,
    _check_client_certificate,
    _check_format,
    _check_ca,
    _check_signature,
    _check_age,
    _check_zone,
)
