"""Entity tags: anyone who changes what another has changed meanwhile is refused, and loses nothing of the other's.

A tag is the digest of what GET answers.  That of a line changes with its state, too: when it closes, and when it opens.
Source: RFC 9110 §8.8.3, §13.1.
"""

import hashlib

from aiohttp import ETag, web
from msgspec import Struct

from mgmt.web.kit.app_context import json_octets, json_response
from mgmt.web.kit.problems import CHANGED, Problem

TAG_CHARACTERS = 32  # 128 bits


def tag_of(shown: Struct) -> str:
    """The strong tag of an answer, without its quotes."""
    return hashlib.sha256(json_octets(shown)).hexdigest()[:TAG_CHARACTERS]


def tagged_response(request: web.Request, shown: Struct) -> web.Response:
    """What GET answers: 304 where the client has it already."""
    tag = tag_of(shown)
    is_known = any(each.value in (tag, "*") for each in request.if_none_match or ())
    response = web.Response(status=304, headers={"Cache-Control": "no-store"}) if is_known else json_response(shown)
    response.etag = tag
    return response


def require_unchanged(request: web.Request, current: Struct | None) -> None:
    """Refuse a change where the conditions of the request do not hold.   Raises Problem 412.

    current   what GET answers now, in the transaction of the change;   None: there is nothing"""
    tag = None if current is None else tag_of(current)
    if request.if_match is not None and not any(_is_of(each, tag) for each in request.if_match):
        found = "it does not exist" if tag is None else "it is another one by now"
        raise Problem(412, f"If-Match: {found}; nothing changed; get it again, and change that", "If-Match", CHANGED)
    if any(_is_of(each, tag) for each in request.if_none_match or ()):
        detail = "If-None-Match: it is there already; nothing changed; get it, and say If-Match"
        raise Problem(412, detail, "If-None-Match", CHANGED)


def _is_of(said: ETag, tag: str | None) -> bool:
    """Strong comparison: a weak tag is no one's."""
    return tag is not None and not said.is_weak and said.value in (tag, "*")
