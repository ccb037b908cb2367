"""One version of a list over HTTPS, octet for octet, or the reason why none exists.

Invariants: nothing is written but the part that was given; a body is whole or refused (its length, its chunks or its
digest says so); at most `max_octets` are ever read; credentials go to the host of the configuration and to no other; a
proxy of the environment is not used; a message never holds the query of a URL, which may be a secret.
Source: RFC 9110 §13 (conditional requests), RFC 9112 §8 (incomplete messages), RFC 9530 (Repr-Digest).
"""

import asyncio
import base64
import re
import ssl
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import SplitResult, urljoin, urlsplit

import aiohttp

from rules.base.canonical import canonical_wire
from rules.base.errors import BadName
from rules.base.public_suffixes import public_suffixes
from rules.lists.versions import Part, Validators

MAX_REDIRECTS = 3
CONNECT_S = 20.0  # for TCP and TLS, each try
CHUNK_OCTETS = 2**16
PAGES = ("text/html", "application/xhtml+xml")
GZIP, PACKED = ("gzip", "x-gzip"), (".gz", ".tgz")
REDIRECTS = (301, 302, 303, 307, 308)
AGENT = "filterd"
TOO_LARGE = "raise max_octets if it is meant to be so large"


class FetchFailure(OSError):
    """The source gave nothing that could be taken; the message says what it gave."""


@dataclass(frozen=True, slots=True)
class Remote:
    """Where a list is, and what may be taken from there."""

    url: str
    ca: Path | None = None  # None: those that the system trusts
    client_certificate: Path | None = None
    client_key: Path | None = None
    max_octets: int = 64 * 2**20
    timeout_s: float = 120.0  # for everything, from the name to the last octet


@dataclass(frozen=True, slots=True)
class VersionHeaders:
    """What the server says of the version that it gave."""

    etag: str | None
    last_modified: str | None


def is_loopback(host: str) -> bool:
    """Whether a host is this box itself, where http will do."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def shown(url: str) -> str:
    """A URL as status and log may hold it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


async def fetch(remote: Remote, known: Validators | None, part: Part) -> VersionHeaders | None:
    """Get the present version into `part`; None: it is still the one that `known` speaks of.   Raises FetchFailure."""
    try:
        async with asyncio.timeout(remote.timeout_s):
            return await _follow(remote, known, part)
    except TimeoutError as exc:
        raise FetchFailure(f"not whole after {remote.timeout_s:g} s") from exc
    except aiohttp.ClientPayloadError as exc:
        raise FetchFailure(f"cut off after {part.octets:,} octets") from exc
    except FetchFailure:
        raise
    except (aiohttp.ClientError, OSError, ValueError) as exc:
        raise FetchFailure(_reason(exc)) from exc


async def _follow(remote: Remote, known: Validators | None, part: Part) -> VersionHeaders | None:
    """Ask, and go where the answer sends us, within the same owner's hosts."""
    url = remote.url
    context = await asyncio.to_thread(_tls, remote) if url.startswith("https:") else True
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=context),
        timeout=timeout,
        trust_env=False,
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": AGENT, "Accept-Encoding": "identity"},
    ) as session:
        for _ in range(MAX_REDIRECTS + 1):
            async with session.get(url, headers=_conditions(known), allow_redirects=False) as response:
                if response.status in REDIRECTS:
                    url = _next_url(url, response.headers.get("Location"), remote)
                    continue
                return await _receive(response, remote, known, part)
    raise FetchFailure(f"more than {MAX_REDIRECTS} redirects")


async def _receive(
    response: aiohttp.ClientResponse, remote: Remote, known: Validators | None, part: Part
) -> VersionHeaders | None:
    if response.status == 304 and known is not None:
        return None
    _refuse_answer(response, remote)
    async for chunk in response.content.iter_chunked(CHUNK_OCTETS):
        if part.octets + len(chunk) > remote.max_octets:
            raise FetchFailure(f"more than {remote.max_octets:,} octets; {TOO_LARGE}")
        part.write(chunk)
    said = _sha256_of(response.headers.get("Repr-Digest") or response.headers.get("Content-Digest") or "")
    if said is not None and said != part.digest.digest():
        raise FetchFailure("its digest differs from what the server says")
    return VersionHeaders(response.headers.get("ETag"), response.headers.get("Last-Modified"))


def _refuse_answer(response: aiohttp.ClientResponse, remote: Remote) -> None:
    """Raises FetchFailure for an answer whose body is not worth reading."""
    if response.status != 200:
        raise FetchFailure(f"status {response.status}")
    if response.content_type in PAGES:
        raise FetchFailure(f"a web page instead of a list ({response.content_type})")
    if not _is_as_it_lies_there(response):
        raise FetchFailure("compressed without a request for it")
    length = response.content_length
    if length is None and "chunked" not in response.headers.get("Transfer-Encoding", "").lower():
        raise FetchFailure("no length, so that a cut-off list would look complete")
    if length is not None and length > remote.max_octets:
        raise FetchFailure(f"{length:,} octets, more than {remote.max_octets:,}; {TOO_LARGE}")


def _is_as_it_lies_there(response: aiohttp.ClientResponse) -> bool:
    """Whether the body is the file's own octets: some servers name the compression that a .gz has by itself."""
    encoding = response.headers.get("Content-Encoding", "identity").lower()
    return encoding == "identity" or (encoding in GZIP and response.url.path.endswith(PACKED))


def _tls(remote: Remote) -> ssl.SSLContext:
    """Raises FetchFailure for a file of ours that cannot be used, as a pull that goes without it would."""
    try:
        context = ssl.create_default_context(cafile=None if remote.ca is None else str(remote.ca))
    except (OSError, ssl.SSLError) as exc:
        raise FetchFailure(f"{remote.ca}: no certificates to trust in it ({_reason(exc)})") from exc
    if remote.client_certificate is not None:
        try:
            context.load_cert_chain(remote.client_certificate, remote.client_key)
        except (OSError, ssl.SSLError) as exc:
            raise FetchFailure(f"{remote.client_certificate}: no certificate with its key ({_reason(exc)})") from exc
    return context


def _conditions(known: Validators | None) -> dict[str, str]:
    if known is None:
        return {}
    if known.etag:
        return {"If-None-Match": known.etag}
    return {"If-Modified-Since": known.last_modified} if known.last_modified else {}


def _next_url(url: str, location: str | None, remote: Remote) -> str:
    """Where a redirect leads.   Raises FetchFailure where we do not follow."""
    if not location:
        raise FetchFailure("a redirect to nowhere")
    target = urljoin(url, location)
    before, after = urlsplit(url), urlsplit(target)
    if after.scheme != "https" and not (before.scheme == after.scheme == "http" and is_loopback(after.hostname or "")):
        raise FetchFailure(f"redirected to {shown(target)}, which is not https")
    # A client certificate speaks for us: it is shown to the very host that the configuration names.
    same = _origin(before) == _origin(after) if remote.client_certificate else _are_of_one_owner(before, after)
    if not same:
        raise FetchFailure(f"redirected to {shown(target)}, another host; write that URL if it is correct")
    return target


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port


def _are_of_one_owner(before: SplitResult, after: SplitResult) -> bool:
    if before.hostname == after.hostname:
        return True
    here, there = _registered(before.hostname or ""), _registered(after.hostname or "")
    return here is not None and here == there


def _registered(host: str) -> bytes | None:
    """The name that someone has registered, above a host; None: none exists."""
    try:
        wire = canonical_wire(host)
    except BadName:
        return None
    suffixes = public_suffixes()
    found = None
    while len(wire) > 1 and suffixes.refusal(wire) is None:
        found, wire = wire, wire[wire[0] + 1 :]
    return found if len(wire) > 1 else None


def _sha256_of(header: str) -> bytes | None:
    found = re.search(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/=]+):", header)
    return base64.b64decode(found[1]) if found else None


def _reason(exc: Exception) -> str:
    """What the system or the library says, shortly."""
    if isinstance(exc, aiohttp.ClientConnectorCertificateError):
        exc = exc.certificate_error
    if isinstance(exc, ssl.SSLCertVerificationError):
        return f"TLS: its certificate is not trusted: {exc.verify_message}"
    if isinstance(exc, ssl.SSLError):
        return f"TLS: {exc.reason or exc}"
    if isinstance(exc, aiohttp.ClientConnectorError):
        return f"cannot be reached: {exc.os_error.strerror or exc.os_error}"
    if isinstance(exc, OSError) and exc.strerror:
        return exc.strerror
    return f"{type(exc).__name__}: {str(exc)[:200]}"
