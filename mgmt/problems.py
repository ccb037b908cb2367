"""How the API says no: application/problem+json with title, detail and where.

Invariants: every answer of 400 and above under /v1 is a problem; a bug is logged and says nothing about itself; 401 and
403 have one body each, whatever the cause, so that nobody learns by asking; every problem can be sent, whatever it
quotes.   Source: RFC 9457, RFC 7493 §2.1.
"""

import json
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

log = logging.getLogger(__name__)

Endpoint = Callable[[web.Request], Awaitable[web.StreamResponse]]

_SURROGATE = re.compile("[\ud800-\udfff]")

TITLES = {400: "the request cannot be read", 404: "not there", 405: "no such method here", 413: "too large"}


class Problem(Exception):
    """An answer of 400 and above.   more  further keys of the body."""

    def __init__(self, status: int, title: str, detail: str, where: str, **more: Any) -> None:
        super().__init__(f"{where}: {detail}")
        self.status, self.title, self.detail, self.where, self.more = status, title, detail, where, more

    def response(self) -> web.Response:
        body = {"title": self.title, "status": self.status, "detail": self.detail, "where": self.where, **self.more}
        headers = {"Cache-Control": "no-store"}
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return web.Response(
            status=self.status,
            body=sendable(json.dumps(body, ensure_ascii=False)).encode(),
            content_type="application/problem+json",
            headers=headers,
        )


def sendable(text: str) -> str:
    """`text` with U+FFFD for every lone surrogate: one can be written in JSON, and nowhere else."""
    return _SURROGATE.sub("\ufffd", text)


def unauthorised() -> Problem:
    """No token, or none that counts."""
    return Problem(
        401, "who are you", "no valid bearer token; nothing done; send Authorization: Bearer TOKEN", "authorization"
    )


def forbidden() -> Problem:
    """A token that may not do this, here, for this subscriber."""
    return Problem(
        403, "not yours", "this token may not do that; nothing done; ask the operator for one that may", "authorization"
    )


@web.middleware
async def problems(request: web.Request, handler: Endpoint) -> web.StreamResponse:
    """Turn everything that goes wrong into a problem, and nothing into a traceback on the wire."""
    try:
        return await handler(request)
    except Problem as problem:
        return problem.response()
    except web.HTTPException as exc:
        if exc.status < 400:
            raise
        title = TITLES.get(exc.status, exc.reason.lower())
        answer = Problem(
            exc.status, title, f"{request.method} {request.path[:200]}: {exc.reason.lower()}", "request"
        ).response()
        if "Allow" in exc.headers:
            answer.headers["Allow"] = exc.headers["Allow"]
        return answer
    except Exception:
        log.exception("bug at %s %s", request.method, request.match_info.route.resource)
        return Problem(500, "a fault of ours", "it is in the log; nothing more can be said here", "request").response()
