"""/transparency: the public's page, without a login, where the operator has switched it on.

    GET /transparency               the newest quarter
    GET /transparency/2026-Q4       one of the last eight;   ?language=ur  else by Accept-Language
    GET /transparency/2026-Q4.json  as it was signed

Invariants: the same for every visitor, with no cookie; the database is asked at most once a minute for each page, no
matter how many ask; memory is bounded by pages that there are.
"""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from aiohttp import web

from mgmt.ledger.signed_statement import document_of
from mgmt.registers.transparency.releases import MOST_QUARTERS, Release, find_release, quarters
from mgmt.text.accept import LANGUAGES, preferred_language
from mgmt.web.kit.app_context import SETTINGS, read
from mgmt.web.kit.problems import Problem
from mgmt.web.public.page import page_of

PATH = "/transparency"
KEPT_S = 60.0
MAX_ANSWERS = (len(LANGUAGES) + 1) * (MOST_QUARTERS + 1)
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
HEADERS = {
    "Cache-Control": "public, max-age=300",
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept-Language",
}
_JSON = "json"


class _Answer(NamedTuple):
    octets: bytes
    until_s: float  # monotonic


class Answers:
    """What was made a minute ago or less."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], _Answer] = {}
        self._making = asyncio.Lock()

    async def give(self, key: tuple[object, ...], make: Callable[[], Awaitable[bytes]]) -> bytes:
        """That of a key, made at most once a minute; what `make` raises is kept by none."""
        async with self._making:
            found, now_s = self._known.get(key), time.monotonic()
            if found is None or found.until_s < now_s:
                octets = await make()
                if len(self._known) >= MAX_ANSWERS:
                    self._known.clear()
                found = self._known[key] = _Answer(octets, now_s + KEPT_S)
            return found.octets


ANSWERS: web.AppKey[Answers] = web.AppKey("transparency", Answers)


def add_transparency(app: web.Application) -> None:
    """Put the routes into the web role's application."""
    app[ANSWERS] = Answers()
    of_quarter = PATH + r"/{quarter:\d{4}-Q[1-4]}"
    app.router.add_get(PATH, show)
    app.router.add_get(of_quarter, show)
    app.router.add_get(of_quarter + ".json", give_file)


async def show(request: web.Request) -> web.Response:
    """GET /transparency, /transparency/2026-Q4"""
    settings, said = request.app[SETTINGS], request.query.get("language", "")
    wanted = request.headers.get("Accept-Language", "")
    code = said if said in LANGUAGES else preferred_language(wanted, settings.first_language)
    known = await _quarters(request)
    quarter = request.match_info.get("quarter") or (known[0] if known else "")
    _check(quarter, known)

    async def make() -> bytes:
        release = await read(request, lambda conn: find_release(conn, quarter))
        return (await asyncio.to_thread(page_of, release, known, code, settings)).encode()

    # What pages name changes while we run.
    octets = await request.app[ANSWERS].give((quarter, code, tuple(known), settings.pages), make)
    return _response(request, octets, "text/html")


async def give_file(request: web.Request) -> web.Response:
    """GET /transparency/2026-Q4.json"""
    quarter = request.match_info["quarter"]
    _check(quarter, await _quarters(request))

    async def make() -> bytes:
        found: Release | None = await read(request, lambda conn: find_release(conn, quarter))
        return b"" if found is None else document_of(found.text, found.note)

    octets = await request.app[ANSWERS].give((quarter, _JSON), make)
    return _response(request, octets, "application/json")


# ----------------------------------------------------------------------------------------------------------------------


async def _quarters(request: web.Request) -> list[str]:
    async def make() -> bytes:
        return " ".join(await read(request, quarters)).encode()

    return (await request.app[ANSWERS].give((), make)).decode().split()


def _check(quarter: str, known: list[str]) -> None:
    """Raises Problem for a quarter that no page leads to."""
    if quarter and quarter not in known:
        raise Problem(404, f"{quarter}: not published here; nothing given; see {PATH} for the quarters", "quarter")


def _response(request: web.Request, octets: bytes, media_type: str) -> web.Response:
    tag = hashlib.sha256(octets).hexdigest()[:32]
    is_known = any(each.value in (tag, "*") for each in request.if_none_match or ())
    response = web.Response(status=304, headers=HEADERS)
    if not is_known:
        response = web.Response(body=octets, content_type=media_type, charset="utf-8", headers=HEADERS)
    response.etag = tag
    return response
