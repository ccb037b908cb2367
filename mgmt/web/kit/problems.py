"""Problem details: application/problem+json with type, title, detail and where.

Invariants: every answer of 400 and above under /v1 is a problem; its title is the status in RFC 9110's words; a bug is
logged and says nothing about itself; 401 and 403 have one body each, regardless of the cause, so that an answer gives
no hint; every problem can be sent, also one that quotes half a surrogate pair.
Source: RFC 9457, RFC 7493 §2.1, RFC 9110 §15, RFC 4918 §11.5 (507).
"""

import json
import logging
from collections.abc import Awaitable, Callable

from aiohttp import web

from mgmt.contract.errors import BadRequest, NotInForce, NotJson
from mgmt.contract.fields import sendable
from parental.store.errors import DatabaseFault, DatabaseFull, DatabaseTimeout

log = logging.getLogger(__name__)

Endpoint = Callable[[web.Request], Awaitable[web.StreamResponse]]

BUSY_RETRY_S = 5  # the longest write is about a second
AWAY_RETRY_S = 30  # a server that restarts

# RFC 9110 §15; http.HTTPStatus has older words for 413 and 422 before Python 3.13.
TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    409: "Conflict",
    412: "Precondition Failed",
    413: "Content Too Large",
    421: "Misdirected Request",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
    507: "Insufficient Storage",
}
# What a problem is where nothing else is said: the last part of its type.
KINDS = {
    400: "not-readable",
    401: "no-token",
    403: "not-allowed",
    404: "not-found",
    405: "no-such-method",
    408: "too-slow",
    409: "conflict",
    412: "changed-meanwhile",
    413: "too-large",
    421: "unknown-host",
    422: "not-taken",
    429: "too-many",
    500: "fault",
    503: "not-in-force",
    507: "disk-full",
}
CHANGED, DATABASE_AWAY, NOT_SIGNED = "changed-meanwhile", "database-away", "not-signed"
RECORDS_AWAY = "records-away"
KEY_REUSED, KEY_RUNS = "key-reused", "key-runs"
TYPE = "/v1/problems/"  # and the kind: a page of the API itself, since a box has no name that we know
MEANINGS = {
    "not-readable": "The request, or its body, cannot be read at all: it is no HTTP, or no JSON in UTF-8.",
    "no-token": "There is no token, or none that counts.",
    "not-allowed": "The token may not do that: not here, or not for this line or issuer.",
    "not-found": "There is no such thing, or no such path.",
    "no-such-method": "The path is known, and the method is not; `Allow` has those that are.",
    "too-slow": "The body has not come in the time that it has.",
    "conflict": "What is there does not allow it; `order` is what is there, where it is an order.",
    CHANGED: "What the change is of is another one by now, or is there already; nothing was changed.",
    "too-large": "The body is larger than the route takes.",
    "unknown-host": "The Host is no name of this door; nothing was done.",
    "not-taken": "A field or a parameter cannot be taken; `where` names it, `detail` says what to write.",
    KEY_REUSED: "The Idempotency-Key is that of another request; nothing was done.",
    KEY_RUNS: "A request with this Idempotency-Key still runs; its answer comes to the same request in some seconds.",
    "too-many": "More requests than one client has; nothing was done. `Retry-After` says when to ask again.",
    "fault": "A fault of filterd; it is in the log.",
    "not-in-force": "Control or a worker has not taken it, or gives no answer. A change is stored; send it again.",
    "disk-full": "No space is left; nothing was done.",
    DATABASE_AWAY: "The database is busy or away; nothing was done. `Retry-After` says when to ask again.",
    RECORDS_AWAY: "Records of blocks are files, and cannot be had for now; nothing was sent. Ask again.",
    NOT_SIGNED: "What is asked for is not signed yet; it is within a minute.",
    "other": "A status that nothing of the API has; its title says which.",
}


class Problem(Exception):
    """An answer of 400 and above.

    kind  one of MEANINGS, where its status has several;   retry_s  when to ask again;   more  further keys"""

    def __init__(
        self, status: int, detail: str, where: str, kind: str | None = None, retry_s: int | None = None, **more: object
    ) -> None:
        super().__init__(f"{where}: {detail}")
        self.status, self.detail, self.where, self.more = status, detail, where, more
        self.retry_s = retry_s
        self.kind = kind or KINDS.get(status, "other")

    def response(self, title: str = "") -> web.Response:
        """The answer.   title  of a status that has none in TITLES"""
        body = {
            "type": TYPE + self.kind,
            "title": TITLES.get(self.status, title),
            "status": self.status,
            "detail": self.detail,
            "where": self.where,
            **self.more,
        }
        headers = {"Cache-Control": "no-store"}
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        if self.retry_s is not None:
            headers["Retry-After"] = str(self.retry_s)
        return web.Response(
            status=self.status,
            body=sendable(json.dumps(body, ensure_ascii=False)).encode(),
            content_type="application/problem+json",
            headers=headers,
        )


def unauthorised() -> Problem:
    """No token, or none that counts."""
    return Problem(401, "no valid bearer token; nothing done; send Authorization: Bearer TOKEN", "authorization")


def forbidden() -> Problem:
    """A token that may not do this, here, for this subscriber."""
    return Problem(403, "this token may not do that; nothing done; ask the operator for one that may", "authorization")


def problem_of(error: BadRequest | NotInForce) -> Problem:
    """The answer to an error that knows nothing of HTTP."""
    if isinstance(error, NotInForce):
        return Problem(503, error.detail, "control")
    return Problem(400 if isinstance(error, NotJson) else 422, error.detail, error.where)


def _without_database(fault: DatabaseFault) -> web.Response:
    """The answer where the database cannot be used; which one, and why, is in the log."""
    if isinstance(fault, DatabaseFull):
        return Problem(507, "no space is left on the disk; nothing done; tell the operator", "database").response()
    is_locked = isinstance(fault, DatabaseTimeout)
    why = "is busy" if is_locked else "cannot be used; the operator finds the reason in the log"
    detail = f"the database {why}; nothing done; send the same request again"
    retry_s = BUSY_RETRY_S if is_locked else AWAY_RETRY_S
    return Problem(503, detail, "database", DATABASE_AWAY, retry_s).response()


@web.middleware
async def problems(request: web.Request, handler: Endpoint) -> web.StreamResponse:
    """Turn everything that goes wrong into a problem, and nothing into a traceback on the wire."""
    try:
        return await handler(request)
    except Problem as problem:
        return problem.response()
    except (BadRequest, NotInForce) as error:
        return problem_of(error).response()
    except web.HTTPException as exc:
        if exc.status < 400:
            raise
        detail = f"{request.method} {request.path[:200]}: {exc.reason.lower()}"
        answer = Problem(exc.status, detail, "request").response(exc.reason)
        if "Allow" in exc.headers:
            answer.headers["Allow"] = exc.headers["Allow"]
        return answer
    except DatabaseFault as fault:
        log.error("%s %s: %s", request.method, request.match_info.route.resource, fault)
        return _without_database(fault)
    except (ConnectionError, web.RequestPayloadError):  # the client is gone, or its body is no HTTP
        return Problem(400, "the body broke off; nothing done; send the request again", "body").response()
    except Exception:
        log.exception("bug at %s %s", request.method, request.match_info.route.resource)
        detail = "a fault of filterd; it is in the log; give the time of this request to the operator"
        return Problem(500, detail, "request").response()
