"""Forms that browsers send: whether our own page sent them, what is in them, and what the page showed.

Source: Fetch §3.2 (Origin), W3C Fetch Metadata; OWASP ASVS 4.2.2 (CSRF).
"""

import hashlib
import json
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.web_request import FileField

from mgmt.web.kit.body import MAX_FORM_OCTETS, read_form


class Stale(Exception):
    """A form that replaces the whole of something, from a page that shows what someone has changed since."""


def mark_of(*shown: object) -> str:
    """What a page shows, as a hidden field of its form says it: another one means that it was changed meanwhile.

    shown  as JSON has it, sets in an order"""
    return hashlib.sha256(json.dumps(shown, sort_keys=True, default=str).encode()).hexdigest()[:16]


def is_from_here(request: web.Request) -> bool:
    """Whether the browser says that our own page sent the form; old ones that say nothing have the form token only."""
    origin = request.headers.get("Origin")
    if origin is not None:
        return urlsplit(origin).netloc.lower() == request.host.lower()
    return request.headers.get("Sec-Fetch-Site", "same-origin") in ("same-origin", "none")


async def form_of(request: web.Request, at_most: int = MAX_FORM_OCTETS) -> dict[str, str]:
    """The text fields of a form; files are left out.   The body can be read once.   at_most  octets"""
    fields = await read_form(request, at_most)
    for value in fields.values():
        if isinstance(value, FileField):
            value.file.close()
    return {key: value for key, value in fields.items() if isinstance(value, str)}
