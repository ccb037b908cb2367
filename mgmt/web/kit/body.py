"""The body of an HTTP request: read within the size and the time that its route allows.

Invariants: nothing of a body is read before its sender is known, except at the sign-in; a body that comes too slowly
ends with 408, one that is too large with 413, and neither is kept.
"""

import asyncio
import contextlib
import zlib
from collections.abc import AsyncIterator, Mapping

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

MAX_FORM_OCTETS = 4 * 2**10  # of the parent's page, before and after the sign-in: a token of 43 characters
MAX_BODY_OCTETS = 64 * 2**10  # a subscriber with every prefix and schedule is a tenth of it
BODY_S = 10.0
ORDER_S = 60.0  # 16 MiB over 2.2 Mbit/s
# What a client may write in place of a form: another layout, a charset or an encoding of a part that no one knows, one
# that does not hold what it says, and more head lines than there may be.
NO_FORM = (ValueError, LookupError, RuntimeError, AssertionError, zlib.error, HttpProcessingError)


async def read_body(request: web.Request, at_most: int, within_s: float) -> bytes:
    """The request's body.

    Raises HTTPRequestEntityTooLarge, HTTPRequestTimeout; ConnectionError where it breaks off."""
    async with _within(within_s):
        return await _limited(request, at_most).read()


async def read_form(request: web.Request, at_most: int = MAX_FORM_OCTETS) -> Mapping[str, object]:
    """The fields of a form.   at_most  octets of it.   Raises what read_body() raises; 400 where it is not a form."""
    try:
        async with _within(BODY_S):
            fields = await _limited(request, at_most).post()
        _require_text(fields)
    except NO_FORM as reason:
        raise web.HTTPBadRequest(reason="Not a form") from reason
    return fields


def _require_text(fields: Mapping[str, object]) -> None:
    """Raise UnicodeEncodeError for half a character, which a charset may spell and no page and no database can hold."""
    for key, value in fields.items():
        key.encode()
        if isinstance(value, str):
            value.encode()


def _limited(request: web.Request, at_most: int) -> web.Request:
    """The request with its own limit of size, which is asked before anything is read where its header tells."""
    length = request.content_length or 0
    if length > at_most:
        raise web.HTTPRequestEntityTooLarge(at_most, length)
    return request.clone(client_max_size=at_most)


@contextlib.asynccontextmanager
async def _within(seconds: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
