"""Special-use names answered locally: canary domains, safe search, resolver discovery.

The data behind fastpath.dns.special_names.

Safe search is a service of the search engines: under another name or (Yandex) address each filters its results.
Exact hosts only: a search engine's other hosts carry mail, maps and fonts.
Source: support.google.com/websearch/answer/186669 and google.com/supported_domains, support.google.com/a/answer/6214622
(YouTube), Bing's, DuckDuckGo's, Ecosia's, Pixabay's and Yandex's help pages; support.mozilla.org "Canary domain",
developer.apple.com "Prepare your network for iCloud Private Relay"; RFC 9460 §2.2 and §14.3, RFC 9461 §4–5, RFC 9462.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from fastpath.dns.special_names import SpecialNames
from fastpath.wire.name import to_wire

CANARIES: Final = (
    "use-application-dns.net",  # Firefox: no DNS over HTTPS by default
    "mask.icloud.com",  # Apple: no private relay
    "mask-h2.icloud.com",
    "mask-canary.icloud.com",
    "dns-tunnel-check.googlezip.net",  # Chrome: no prefetch proxy
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
    """(host, its target for moderate, for strict); they differ for YouTube only."""
    for country in _GOOGLE_COUNTRIES.split():
        yield f"www.google.{country}", "forcesafesearch.google.com", "forcesafesearch.google.com"
    for host in _YOUTUBE:
        yield host, "restrictmoderate.youtube.com", "restrict.youtube.com"
    for host in _YANDEX:
        for name in (host, f"www.{host}"):
            yield name, "213.180.193.56", "213.180.193.56"
    for host, target in _OTHERS.items():
        yield host, target, target


def special_names(resolvers: Iterable[EncryptedResolver] = ()) -> SpecialNames:
    """All special names, for the loops.   resolvers  our own, the best first, at most 8; none: no discovery"""
    numbered = enumerate(resolvers, 1)
    return SpecialNames(safe_search_hosts(), CANARIES, [found.rdata(priority) for priority, found in numbered])
