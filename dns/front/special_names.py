"""Special-use names answered locally: local zones, canary domains, safe search, resolver discovery.

The data behind fastpath.dns.special_names.

Safe search is a service of the search engines: under another name or (Yandex) address each filters its results.
Exact hosts only: a search engine's other hosts carry mail, maps and fonts.
Local zones are those that BIND and Unbound serve by default, too.  `test` is not among them: a resolver behind us that
serves it is asked, and any other says itself that it does not exist.
Source: RFC 6761 §6, RFC 6762 §22.1 (local), RFC 7686 (onion), RFC 8375 (home.arpa), RFC 6303 §4 and RFC 7793 (reverse
trees); support.google.com/websearch/answer/186669 and google.com/supported_domains, support.google.com/a/answer/6214622
(YouTube), Bing's, DuckDuckGo's, Ecosia's, Pixabay's and Yandex's help pages; support.mozilla.org "Canary domain",
developer.apple.com "Prepare your network for iCloud Private Relay"; RFC 9460 §2.2 and §14.3, RFC 9461 §4–5, RFC 9462.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from fastpath.dns.special_names import SpecialNames, ZoneKind
from fastpath.wire.name import to_wire

CANARIES: Final = (
    "use-application-dns.net",  # Firefox: no DNS over HTTPS by default
    "mask.icloud.com",  # Apple: no private relay
    "mask-h2.icloud.com",
    "mask-canary.icloud.com",
    "dns-tunnel-check.googlezip.net",  # Chrome: no prefetch proxy
)

_ABSENT: Final = ("invalid", "local", "onion")
_EMPTY: Final = (
    "home.arpa",
    "0.in-addr.arpa",
    "10.in-addr.arpa",
    *(f"{number}.172.in-addr.arpa" for number in range(16, 32)),
    "168.192.in-addr.arpa",
    *(f"{number}.100.in-addr.arpa" for number in range(64, 128)),
    "127.in-addr.arpa",
    "254.169.in-addr.arpa",
    "2.0.192.in-addr.arpa",
    "100.51.198.in-addr.arpa",
    "113.0.203.in-addr.arpa",
    "255.255.255.255.in-addr.arpa",
    ".".join("0" * 32) + ".ip6.arpa",
    "1." + ".".join("0" * 31) + ".ip6.arpa",
    "d.f.ip6.arpa",
    *(f"{nibble}.e.f.ip6.arpa" for nibble in "89ab"),
    "8.b.d.0.1.0.0.2.ip6.arpa",
)

_GOOGLE_COUNTRIES: Final = (  # behind "www.google."
    "com ad ae al am as at az ba be bf bg bi bj bs bt by ca cat cd cf cg ch ci cl cm cn cv cz de dj dk dm dz ee es fi "
    "fm fr ga ge gg gl gm gp gr gy hn hr ht hu ie im iq is it je jo kg ki kz la li lk lt lu lv md me mg mk ml mn ms mu "
    "mv mw ne nl no nr nu pl pn ps pt ro rs ru rw sc se sh si sk sm sn so sr st td tg tk tl tm tn to tt vg vu ws "
    "co.ao co.bw co.ck co.cr co.id co.il co.in co.jp co.ke co.kr co.ls co.ma co.mz co.nz co.th co.tz co.ug co.uk co.uz "
    "co.ve co.vi co.za co.zm co.zw "
    "com.af com.ag com.ai com.ar com.au com.bd com.bh com.bn com.bo com.br com.bz com.co com.cu com.cy com.do com.ec "
    "com.eg com.et com.fj com.gh com.gi com.gt com.hk com.jm com.kh com.kw com.lb com.lc com.ly com.mm com.mt com.mx "
    "com.my com.na com.nf com.ng com.ni com.np com.om com.pa com.pe com.pg com.ph com.pk com.pr com.py com.qa com.sa "
    "com.sb com.sg com.sl com.sv com.tj com.tr com.tw com.ua com.uy com.vc com.vn"
)
_YOUTUBE: Final = (
    "www.youtube.com",
    "m.youtube.com",
    "youtubei.googleapis.com",
    "youtube.googleapis.com",
    "www.youtube-nocookie.com",
)
_YANDEX: Final = ("ya.ru", "yandex.ru", "yandex.com", "yandex.by", "yandex.kz", "yandex.uz", "yandex.com.tr")
_OTHERS: Final = {
    "www.bing.com": "strict.bing.com",
    "duckduckgo.com": "safe.duckduckgo.com",
    "www.duckduckgo.com": "safe.duckduckgo.com",
    "start.duckduckgo.com": "safe.duckduckgo.com",
    "www.ecosia.org": "strict-safe-search.ecosia.org",
    "pixabay.com": "safesearch.pixabay.com",
}

_SVCB_ALPN, _SVCB_PORT, _SVCB_IPV4HINT, _SVCB_IPV6HINT, _SVCB_DOHPATH = 1, 3, 4, 6, 7
DOH_PATH: Final = "/dns-query{?dns}"


@dataclass(frozen=True, slots=True)
class EncryptedResolver:
    """An endpoint of our encrypted DNS, as clients discover it (RFC 9462).

    name       that the certificate holds;  alpn  "dot" or "h2"
    addresses  where it listens; a client may use one without looking up the name"""

    name: str
    alpn: str
    port: int
    addresses: tuple[IPv4Address | IPv6Address, ...] = ()

    def rdata(self, priority: int) -> bytes:
        """Rdata of its SVCB record.   priority  1 is the best"""
        params = {
            _SVCB_ALPN: bytes([len(self.alpn)]) + self.alpn.encode(),
            _SVCB_PORT: struct.pack("!H", self.port),
            _SVCB_IPV4HINT: b"".join(address.packed for address in self.addresses if address.version == 4),
            _SVCB_IPV6HINT: b"".join(address.packed for address in self.addresses if address.version == 6),
            _SVCB_DOHPATH: DOH_PATH.encode() if self.alpn == "h2" else b"",
        }
        packed = b"".join(struct.pack("!HH", key, len(value)) + value for key, value in params.items() if value)
        return struct.pack("!H", priority) + to_wire(self.name.encode()) + packed


def encrypted_resolvers(
    name: str | None, dot: Iterable[tuple[str, int]], doh: Iterable[tuple[str, int]]
) -> list[EncryptedResolver]:
    """Our encrypted endpoints, in order of preference: one for each protocol and port.

    name      that the certificate holds; None: there is no certificate, so no client is sent there
    dot, doh  (host, port) of listeners; a wildcard address gives no hint"""
    if name is None:
        return []
    addresses_of: dict[tuple[str, int], list[IPv4Address | IPv6Address]] = {}
    for alpn, listeners in (("dot", dot), ("h2", doh)):
        for host, port in listeners:
            address = ip_address(host)
            addresses_of.setdefault((alpn, port), []).extend([] if address.is_unspecified else [address])
    return [EncryptedResolver(name, alpn, port, tuple(found)) for (alpn, port), found in addresses_of.items()]


def safe_search_hosts() -> Iterator[tuple[str, str, str]]:
    """(host, its target for moderate, for strict) of search engines."""
    for country in _GOOGLE_COUNTRIES.split():
        yield f"www.google.{country}", "forcesafesearch.google.com", "forcesafesearch.google.com"
    for host in _YANDEX:
        for name in (host, f"www.{host}"):
            yield name, "213.180.193.56", "213.180.193.56"
    for host, target in _OTHERS.items():
        yield host, target, target


def youtube_hosts() -> Iterator[tuple[str, str, str]]:
    """The same of YouTube's restricted mode."""
    for host in _YOUTUBE:
        yield host, "restrictmoderate.youtube.com", "restrict.youtube.com"


@dataclass(frozen=True, slots=True)
class LocalAnswers:
    """What the operator says of names that are answered locally.

    own_names                zones that the upstreams have for this network: forwarded, with private addresses or not
    identity                 what this server calls itself;  empty: nothing
    is_guarding_private      private addresses are refused for all other names
    has_canaries_for_all     canaries are not for profiles alone"""

    own_names: Sequence[str] = ()
    identity: str = ""
    is_guarding_private: bool = False
    has_canaries_for_all: bool = False


def local_zones(own_names: Sequence[str] = ()) -> dict[str, ZoneKind]:
    """The zones that are answered locally, and those of the operator's own, which are not."""
    return (
        {name: ZoneKind.ABSENT for name in _ABSENT}
        | {name: ZoneKind.EMPTY for name in _EMPTY}
        | {"localhost": ZoneKind.LOCALHOST}
        | {name: ZoneKind.OWN for name in own_names}
    )


def special_names(resolvers: Iterable[EncryptedResolver] = (), local: LocalAnswers = LocalAnswers()) -> SpecialNames:
    """All special names, for the loops.   resolvers  our own, the best first, at most 8; none: no discovery"""
    numbered = enumerate(resolvers, 1)
    own = {*local.own_names}
    return SpecialNames(
        [hosts for hosts in safe_search_hosts() if hosts[0] not in own],
        [name for name in CANARIES if name not in own],
        [found.rdata(priority) for priority, found in numbered],
        local_zones(local.own_names).items(),
        local.has_canaries_for_all,
        local.is_guarding_private,
        local.identity.encode(),
        [hosts for hosts in youtube_hosts() if hosts[0] not in own],
    )
