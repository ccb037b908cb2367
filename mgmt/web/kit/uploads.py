"""A form with a file (multipart/form-data), as its endpoint reads it.

Invariants: the body was read whole, within the limits of its contract, before it is looked at; the file is a part of
it, octet for octet; a part has no transfer encoding.
Source: RFC 7578, RFC 2046 §5.1.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import NamedTuple, TypeVar

from aiohttp import BodyPartReader, MultipartReader, StreamReader, web
from aiohttp.base_protocol import BaseProtocol
from msgspec import Struct
from multidict import CIMultiDict, MultiDict

from mgmt.contract.decoder import decode_query
from mgmt.contract.errors import BadRequest
from mgmt.contract.fields import sendable, unfit
from mgmt.web.kit.requests import octets_of

MAX_PARTS = 16
MAX_FIELD_OCTETS = 4096
MAX_NAME_CHARACTERS = 200
FILE = "file"
_HOW = "send multipart/form-data, with the part file"

S = TypeVar("S", bound=Struct)


class Upload(NamedTuple):
    """A file.   begin  in the body"""

    name: str
    begin: int
    octets: bytes


async def upload_of(request: web.Request, shape: type[S]) -> tuple[S, Upload]:
    """The fields and the file; `shape` is the contract's.   Raises BadRequest, and what octets_of() raises."""
    body = await octets_of(request)
    fields: MultiDict[str] = MultiDict()
    files: list[Upload] = []
    try:
        async for name, part in _parts(request, body):
            octets = bytes(await part.read())
            if name == FILE:
                files.append(Upload(_name_of(part), body.index(octets), octets))
            else:
                fields.add(name, _text(name, octets))
    except BadRequest:
        raise
    except (ValueError, RuntimeError, AssertionError, LookupError) as reason:
        raise unfit("body", f"no form that can be read ({type(reason).__name__})", _HOW) from reason
    if len(files) != 1 or not files[0].octets:
        raise unfit("/file", "missing, empty, or there are several", _HOW)
    return decode_query(fields, shape, "/"), files[0]


async def _parts(request: web.Request, body: bytes) -> AsyncIterator[tuple[str, BodyPartReader]]:
    loop = asyncio.get_running_loop()
    # The body is there already: above twice its limit the reader would ask a connection, which it has none of, to wait.
    stream = StreamReader(BaseProtocol(loop), limit=len(body), loop=loop)
    stream.feed_data(body)
    stream.feed_eof()
    reader = MultipartReader(CIMultiDict({"Content-Type": request.headers.get("Content-Type", "")}), stream)
    n_parts = 0
    while (part := await reader.next()) is not None:
        n_parts += 1
        if not isinstance(part, BodyPartReader) or part.name is None or "Content-Transfer-Encoding" in part.headers:
            raise unfit("body", "a part that is itself of several, encoded, or without a name", _HOW)
        if n_parts > MAX_PARTS:
            raise unfit("body", f"more than {MAX_PARTS} parts", _HOW)
        yield part.name, part


def _text(name: str, octets: bytes) -> str:
    if len(octets) > MAX_FIELD_OCTETS:
        raise unfit(f"/{sendable(name[:40])}", f"longer than {MAX_FIELD_OCTETS} octets", "write less")
    return octets.decode()


def _name_of(part: BodyPartReader) -> str:
    """The name of the file, as it can stand in a line; no path."""
    said = (part.filename or "").replace("\\", "/").rpartition("/")[2]
    return "".join(each for each in sendable(said) if each.isprintable())[:MAX_NAME_CHARACTERS] or FILE
