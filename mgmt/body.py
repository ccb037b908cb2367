"""The body of an HTTP request as fields."""

from aiohttp import web

from mgmt.fields import Fields, fields_of

# An order of 100,000 names of 60 octets, with their JSON around them, is 8 MiB; nginx and aiohttp default to 1 MiB.
MAX_BODY_OCTETS = 16 * 2**20


async def read_fields(request: web.Request, *known: str) -> Fields:
    """The request's body as an object with no other keys than `known`.   Raises NotJson, BadRequest; 413 by aiohttp."""
    return fields_of(await request.read(), *known)
