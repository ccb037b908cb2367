"""Parsers for the scalars of the configuration, one for each kind.

Invariants: a parser returns a valid value or raises `Unfit`, which says what was found and what to write instead; the
first line of its docstring is the type of the value, as docs/reference/configuration.md shows it.
The text is read as written: YAML does not turn `53:53` into a number or `no` into a truth value.
"""

import re
import zoneinfo
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from dns.base.endpoints import TLS_SCHEME, Endpoint, TlsEndpoint, Upstream
from mgmt.registers.appeals.key_text import key_of
from mgmt.text.links import target_of
from parental.policy.subscriber import MAX_ID, PROVINCE
from rules.base.category import CATEGORIES, NAMELESS, SERVICES
from rules.lists import catalogue

TEXT_OCTETS = 1000  # a sentence on a page or a path; nothing here is a document
IDENTITY_OCTETS = 64  # what fastpath.dns.special_names has room for
LIST_ID_OCTETS = 24  # the room an image has for it (fastpath/images/layout.pxd)
# Of libpq; none of them holds a secret.
DATABASE_KEYS = frozenset(
    {"host", "port", "passfile", "service", "sslmode", "sslrootcert", "sslcert", "sslkey", "target_session_attrs"}
)
MAIL_OCTETS = 254  # RFC 5321 §4.5.3.1.3: a path with its brackets
RUN_DIR_OCTETS = 80  # sun_path holds 108 octets; "/gate-127/worker.sock" needs 22

UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
UNITS_OCTETS = {"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}

Kind = Callable[[str], object]


class Unfit(ValueError):
    """A scalar that is not valid for its kind."""

    def __init__(self, found: str, write: str) -> None:
        super().__init__(f"{found}; {write}")
        self.found, self.write = found, write


class Seconds(int):
    """A length of time, shown as written: 90s, 15m, 1h, 7d."""

    def __str__(self) -> str:
        return _with_unit(self, {unit: n for unit, n in UNITS_S.items() if unit != "w"})


class Octets(int):
    """A size, shown as written: 64MiB."""

    def __str__(self) -> str:
        return _with_unit(self, UNITS_OCTETS)


class MarkMask(int):
    """Eight bits in a row of packet and connection marks."""

    @property
    def shift(self) -> int:
        """The number of bits below them."""
        return self.bit_length() - 8

    def __str__(self) -> str:
        return f"{int(self):#010x}"


def quoted(text: str) -> str:
    """`text` in quotation marks, shortened if long, with control characters escaped for the terminal."""
    shown = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text[:60])
    return f"'{shown}…'" if len(text) > 60 else f"'{shown}'"


def nearest(word: str, words: list[str]) -> str:
    """The most similar of `words` as a suggestion, else all of them."""
    alike = get_close_matches(word[:60], words, n=1)
    return f"'{alike[0]}'" if alike else "one of " + ", ".join(words)


def text(value: str) -> str:
    """text on one line"""
    if len(value) > TEXT_OCTETS:
        raise Unfit(f"a text of {len(value)} characters", f"write at most {TEXT_OCTETS}")
    if not value.isprintable():
        raise Unfit(f"{quoted(value)} has control characters", "write it on one line")
    return value


def identity(value: str) -> str:
    """name of a server, at most 64 ASCII characters"""
    if not (0 < len(value) <= IDENTITY_OCTETS and value.isascii() and value.isprintable()):
        raise Unfit(f"{quoted(value)} is no name of a server", f"write 1 to {IDENTITY_OCTETS} ASCII characters")
    return value


def path(value: str) -> Path:
    """path of a file or folder"""
    if not value or "\0" in value or len(value) > TEXT_OCTETS:
        raise Unfit(f"{quoted(value)} is not a file name", "write the path of a file")
    return Path(value)


def list_file(value: str) -> Path:
    """path of a file or folder, or shipped:NAME for a list that filterd brings along

    It becomes the path in the release that reads it, so that an upgrade brings new data."""
    name = value.removeprefix(catalogue.SCHEME)
    if name == value:
        return path(value)
    try:
        return catalogue.shipped_path(name)
    except KeyError:
        known = [*catalogue.OWN_LISTS, *SERVICES]
        raise Unfit(
            f"filterd brings no list {quoted(name)}", f"write {catalogue.SCHEME}NAME, {nearest(name, known)}"
        ) from None


def run_directory(value: str) -> Path:
    """path of a folder"""
    if len(value.encode("utf-8", "surrogatepass")) > RUN_DIR_OCTETS:
        raise Unfit(
            f"a path of {len(value)} characters, too long for a socket in it", f"write at most {RUN_DIR_OCTETS}"
        )
    return path(value)


def whole_number(lowest: int, highest: int) -> Kind:
    def parse(value: str) -> int:
        wanted = f"write a whole number, {lowest} to {highest}"
        if not re.fullmatch(r"[0-9]{1,9}", value):
            raise Unfit(f"{quoted(value)} is not a whole number", wanted)
        if not lowest <= int(value) <= highest:
            raise Unfit(f"{int(value)} is out of range", wanted)
        return int(value)

    parse.__doc__ = f"whole number, {lowest} to {highest}"
    return parse


port = whole_number(1, 65535)


def profile(value: str) -> int:
    """number of a line or a profile"""
    if not re.fullmatch(r"[0-9]{1,10}", value) or not 1 <= int(value) <= MAX_ID:
        raise Unfit(f"{quoted(value)} is no number of a line or a profile", f"write a whole number, 1 to {MAX_ID}")
    return int(value)


def province(value: str) -> str:
    """province by ISO 3166-2"""
    if not PROVINCE.fullmatch(value):
        raise Unfit(f"{quoted(value)} is not a province", "write its code by ISO 3166-2, such as PK-PB")
    return value


def mark_mask(value: str) -> MarkMask:
    """eight bits in a row, in hexadecimal"""
    wanted = "write eight bits in a row: 0xff000000, 0x00ff0000, 0x3fc00"
    if not re.fullmatch(r"0x[0-9a-fA-F]{1,8}", value):
        raise Unfit(f"{quoted(value)} is not a mask of marks", wanted)
    bits = MarkMask(int(value, 16))
    if bits.shift < 0 or bits != 0xFF << bits.shift:
        raise Unfit(f"{bits} are not eight bits in a row", wanted)
    return bits


def duration(lowest_s: int, highest_s: int) -> Kind:
    def parse(value: str) -> Seconds:
        return Seconds(_measured(value, UNITS_S, Seconds(lowest_s), Seconds(highest_s), "a length of time"))

    parse.__doc__ = f"length of time, {Seconds(lowest_s)} to {Seconds(highest_s)}, in s, m, h, d or w"
    return parse


def octets(lowest: int, highest: int) -> Kind:
    def parse(value: str) -> Octets:
        return Octets(_measured(value, UNITS_OCTETS, Octets(lowest), Octets(highest), "a size"))

    parse.__doc__ = f"size, {Octets(lowest)} to {Octets(highest)}, in KiB, MiB or GiB"
    return parse


def cache(value: str) -> Octets:
    """0, or a size, 4MiB to 32GiB

    At least 4 MiB, so that one large answer is a small part of it."""
    if value == "0":
        return Octets(0)
    return Octets(_measured(value, UNITS_OCTETS, Octets(4 << 20), Octets(32 << 30), "a size"))


def truth(value: str) -> bool:
    """true or false"""
    if value not in ("true", "false"):
        raise Unfit(f"{quoted(value)} is neither true nor false", "write true or false")
    return value == "true"


def one_of(*words: str) -> Kind:
    def parse(value: str) -> str:
        if value not in words:
            raise Unfit(f"{quoted(value)} is not known here", f"write {nearest(value, list(words))}")
        return value

    parse.__doc__ = "one of " + ", ".join(words)
    return parse


def endpoint(value: str) -> Endpoint:
    """ADDRESS:PORT, an IPv6 address in brackets"""
    wanted = "write ADDRESS:PORT, an IPv6 address in brackets: 192.0.2.1:53 or [2001:db8::1]:53"
    found = re.fullmatch(r"(?:\[([0-9a-fA-F:.]{2,45})\]|([0-9.]{7,15})):([0-9]{1,5})", value)
    if not found:
        raise Unfit(f"{quoted(value)} is not an address and a port", wanted)
    number = int(found[3])
    if not 1 <= number <= 65535:
        raise Unfit(f"{number} is not a port", "write a port, 1 to 65535")
    parsed = _ip(found[1] or found[2], wanted)
    if (parsed.version == 6) != bool(found[1]):
        raise Unfit(f"{quoted(value)} is not an address and a port", wanted)
    return Endpoint(str(parsed), number)


def upstream(value: str) -> Upstream:
    """ADDRESS:PORT, or tls://ADDRESS:PORT#NAME for TLS"""
    if not value.startswith(TLS_SCHEME):
        return endpoint(value)
    at, hash_sign, name = value.removeprefix(TLS_SCHEME).partition("#")
    plain = endpoint(at)
    return TlsEndpoint(plain.host, plain.port, host(name) if hash_sign else "")


def address4(value: str) -> str:
    """IPv4 address"""
    parsed = _ip(value, "write an IPv4 address")
    if not isinstance(parsed, IPv4Address):
        raise Unfit(f"{quoted(value)} is not an IPv4 address", "write an IPv4 address")
    return str(parsed)


def address6(value: str) -> str:
    """IPv6 address"""
    parsed = _ip(value, "write an IPv6 address")
    if not isinstance(parsed, IPv6Address):
        raise Unfit(f"{quoted(value)} is not an IPv6 address", "write an IPv6 address")
    return str(parsed)


def prefix(value: str) -> str:
    """address or prefix, IPv4 or IPv6"""
    try:
        return str(ip_network(value))
    except ValueError as reason:
        raise Unfit(
            f"{quoted(value)} is not an address or prefix", "write 192.0.2.0/24 or 2001:db8::/32, no host bits"
        ) from reason


def list_id(value: str) -> str:
    """id of a list: at most 24 of a-z, 0-9, '.', '_' and '-'"""
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,23}", value):
        raise Unfit(f"{quoted(value)} is not a list's id", f"write at most {LIST_ID_OCTETS} of a-z, 0-9, '.', '_', '-'")
    return value


def interface(value: str) -> str:
    """name of a network interface

    As Linux allows it (dev_valid_name)."""
    if not re.fullmatch(r"[^\s/:]{1,15}", value) or value in (".", ".."):
        raise Unfit(f"{quoted(value)} is not an interface's name", "write at most 15 characters, as 'ip link' shows it")
    return value


def host(value: str) -> str:
    """host name"""
    from rules.base.canonical import canonical_name  # late: it loads the IDNA tables, which most commands do not need

    try:
        return canonical_name(value)
    except ValueError as reason:
        raise Unfit(
            f"{quoted(value)} is not a host name ({reason})", "write a name such as splash.isp.example"
        ) from reason


def category(value: str) -> str:
    """name of a category"""
    if value in NAMELESS:
        raise Unfit(
            f"{quoted(value)} is a category that has no names", "choose another category; only profiles use this one"
        )
    if value not in CATEGORIES:
        raise Unfit(f"{quoted(value)} is not a category", f"write {nearest(value, list(CATEGORIES))}")
    return value


def service(value: str) -> str:
    """name of a service"""
    if value not in SERVICES:
        raise Unfit(f"{quoted(value)} is not a service", f"write {nearest(value, list(SERVICES))}")
    return value


def url(value: str) -> str:
    """URL of a page"""
    try:
        parts = urlsplit(text(value))
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_web = False
    if not is_web:
        raise Unfit(f"{quoted(value)} is not the URL of a page", "write https://…")
    return value


def database_url(value: str) -> str:
    """postgresql://[USER@][HOST[:PORT]]/NAME[?KEY=VALUE], a database"""
    parts = urlsplit(value) if value.isascii() and value.isprintable() else urlsplit("")
    keys = {key for key, _ in parse_qsl(parts.query, keep_blank_values=True)}
    if parts.password is not None or any("password" in key for key in keys):
        raise Unfit("a URL with a password in it", "remove it; name a file of passwords with ?passfile=FILE")
    if parts.scheme != "postgresql" or len(parts.path) < 2 or "/" in parts.path[1:] or parts.fragment:
        raise Unfit(f"{quoted(value)} is not the URL of a PostgreSQL database", "write postgresql://[USER@][HOST]/NAME")
    if unknown := sorted(keys - DATABASE_KEYS):
        wanted = f"write {nearest(unknown[0], sorted(DATABASE_KEYS))}"
        raise Unfit(f"{quoted(unknown[0])} is not known in the URL of a database", wanted)
    return value


def minisign_key(value: str) -> str:
    """public key of minisign: 42 octets that begin with Ed"""
    if not re.fullmatch(r"RW[A-Za-z0-9+/]{54}", value):
        raise Unfit(f"{quoted(value)} is not a public key of minisign", "write the second line of minisign.pub, RW…")
    return value


def appeals_key(value: str) -> str:
    """public key of appeals"""
    try:
        key_of(value)
    except ValueError as reason:
        raise Unfit(f"{quoted(value)} is {reason}", "write the line that `filterd appeals key` printed") from reason
    return value


def page_address(value: str) -> str:
    """e-mail address, telephone number or URL"""
    if target_of(text(value)) is None:
        raise Unfit(f"{quoted(value)} is no address", "write an e-mail address, a telephone number or a URL")
    return value


def origin(value: str) -> str:
    """origin of a web site: scheme, host and port"""
    wanted = "write https://desk.isp.example, without a path; http only for localhost"
    try:
        parts = urlsplit(text(value))
        port_number = parts.port
    except ValueError as reason:
        raise Unfit(f"{quoted(value)} is no origin", wanted) from reason
    is_plain = parts.scheme == "http" and parts.hostname == "localhost"
    is_default = port_number == {"http": 80, "https": 443}.get(parts.scheme)  # which browsers leave out
    is_bare = value == f"{parts.scheme}://{parts.netloc}" == value.lower() and "@" not in parts.netloc
    if not (is_plain or parts.scheme == "https") or not is_bare or is_default or not parts.hostname:
        raise Unfit(f"{quoted(value)} is no origin", wanted)
    try:
        ip_address(parts.hostname)
    except ValueError:
        return value
    raise Unfit(f"{quoted(value)} is an address, for which no browser makes a passkey", wanted)


def list_url(value: str) -> str:
    """URL, https; http to this box alone"""
    return _remote(value, "the URL of a list", "remove it; use a client certificate to identify filterd")


def webhook(value: str) -> str:
    """URL, https; http to this box alone"""
    return _remote(value, "the URL of a webhook", "remove it; requests are signed with this box's key")


def _remote(value: str, what: str, instead: str) -> str:
    """instead  of a password in the URL"""
    wanted = "write https://…; http only to this box itself"
    try:
        parts = urlsplit(text(value))
        port_number = parts.port
    except ValueError as reason:
        raise Unfit(f"{quoted(value)} is not {what}", wanted) from reason
    is_plain = parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")
    if not (is_plain or parts.scheme == "https") or not parts.hostname or port_number == 0 or " " in value:
        raise Unfit(f"{quoted(value)} is not {what}", wanted)
    if "@" in parts.netloc:
        raise Unfit("a URL with a password in it", instead)
    return value


def mail_address(value: str) -> str:
    """e-mail address

    Of RFC 5321 what a mail to people needs: no quotes, no comments, no address literals."""
    if len(value) > MAIL_OCTETS or not re.fullmatch(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]+", value):
        raise Unfit(f"{quoted(value)} is not an e-mail address", "write desk@isp.example")
    return value


def server(value: str) -> str:
    """HOST:PORT, or ADDRESS:PORT with an IPv6 address in brackets"""
    name, _, port_number = value.rpartition(":")
    if name.replace(".", "").isdigit() or name.startswith("["):
        return str(endpoint(value))
    return f"{host(name)}:{port(port_number)}"


def list_format(value: str) -> str:
    """name of a format"""
    from rules.formats import FORMATS  # late: it loads every reader, which most commands do not need

    return str(one_of(*FORMATS)(value))


def columns(value: str) -> str:
    """columns, such as url:1;type:2"""
    from rules.formats.columns import parse_columns  # late, as above

    try:
        parse_columns(text(value))
    except ValueError as reason:
        raise Unfit(f"{quoted(value)} names no columns ({reason})", "write url:1;type:2") from reason
    return value


def zone(value: str) -> str:
    """time zone, such as Asia/Karachi"""
    known = zoneinfo.available_timezones()
    if value not in known:
        alike = get_close_matches(value[:60], known, n=1)
        raise Unfit(
            f"{quoted(value)} is not a time zone known on this box",
            f"write {quoted(alike[0]) if alike else 'a name such as Asia/Karachi'}",
        )
    return value


def telephone(value: str) -> str:
    """telephone number"""
    if not re.fullmatch(r"\+?[0-9][0-9-]{0,18}[0-9]", value):
        raise Unfit(f"{quoted(value)} is not a telephone number", "write digits, as 1121 or 0800-39393")
    return value


def day(value: str) -> date:
    """day, such as 2026-11-24"""
    try:
        return date.fromisoformat(value)
    except ValueError as reason:
        raise Unfit(f"{quoted(value)} is not a day", "write it as 2026-11-24") from reason


def past_day(value: str) -> date:
    """day that has come, such as 2026-11-24"""
    found = day(value)
    if found > datetime.now(UTC).date() + timedelta(days=1):  # it may be tomorrow already where the operator is
        raise Unfit(f"{quoted(value)} has not come yet", "write the day on which it was done, as 2026-11-24")
    return found


def _ip(value: str, wanted: str) -> IPv4Address | IPv6Address:
    try:
        return ip_address(value)
    except ValueError as reason:
        raise Unfit(f"{quoted(value)} is not an address", wanted) from reason


def _measured(value: str, units: dict[str, int], lowest: int, highest: int, what: str) -> int:
    wanted = f"write {lowest} to {highest}"
    found = re.fullmatch(r"([0-9]{1,12}) ?([A-Za-z]*)", value)
    if not found or found[2] not in units:
        raise Unfit(f"{quoted(value)} is not {what}", f"{wanted}, with {', '.join(filter(None, units))}")
    number = int(found[1]) * units[found[2]]
    if not lowest <= number <= highest:
        raise Unfit(f"{quoted(value)} is out of range", wanted)
    return number


def _with_unit(number: int, units: dict[str, int]) -> str:
    unit = max((each for each in units if number % units[each] == 0), key=lambda each: units[each])
    return f"{number // units[unit]}{unit}"
