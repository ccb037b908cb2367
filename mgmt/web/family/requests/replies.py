"""Where answers of caregivers come in: posted by the gateway, or as files in a folder where none exists; and the look
that sends what was asked.

    POST /family/replies   from and text, as the gateway calls them; 204: taken, or nothing for us

Invariants: without the gateway's secret nothing is read; a file is taken away before its answer is done, so that it is
done once; what cannot be done now, as the database is away, is answered 503, and the gateway sends it once more; a look
that fails in a way that no one foresaw is logged, and the next one comes all the same.
"""

import asyncio
import contextlib
import hmac
import json
import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from mgmt.web.family.frame import PATH
from mgmt.web.family.requests.messages import take, tell
from mgmt.web.kit.body import BODY_S, MAX_FORM_OCTETS, read_body, read_form
from parental.store.errors import DatabaseFault

LOOK_S = 2.0  # what a child waits before its parents' telephones ring, at most
STOP_S = 5.0
MOST_FILES = 100  # of one look

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Replies:
    """How answers come in.

    number, text   what the gateway calls the two;   authorization  that it must send; None: it sends none
    inbox          a folder of files {"from", "text"}; None: none exists"""

    number: str = "from"
    text: str = "text"
    authorization: str | None = field(default=None, repr=False)
    inbox: Path | None = None


REPLIES: web.AppKey[Replies | None] = web.AppKey("replies")


def add_replies(app: web.Application, replies: Replies | None) -> None:
    """Put the route and the look into the web role's application.   replies  None: no one answers by message"""
    app[REPLIES] = replies
    if replies is None:
        return
    app.router.add_post(PATH + "/replies", receive)
    app.cleanup_ctx.append(_looking)


async def receive(request: web.Request) -> web.Response:
    """POST /family/replies: an answer that the gateway hands over."""
    replies = request.app[REPLIES]
    if replies is None or not _is_of_the_gateway(request, replies.authorization):
        return web.Response(status=401, headers={"WWW-Authenticate": "Bearer"})
    fields = await _fields_of(request)
    number, text = fields.get(replies.number), fields.get(replies.text)
    if not isinstance(number, str) or not isinstance(text, str):
        return web.Response(
            status=400, text=f"replies: no {replies.number} or no {replies.text}; see /family/sms/replies"
        )
    await take(request.app, number, text)
    return web.Response(status=204)


async def look(app: web.Application) -> None:
    """Send what has been asked, and read what lies in the folder: not while the database is away."""
    await tell(app)
    replies = app[REPLIES]
    if replies is None or replies.inbox is None:
        return
    for path in await asyncio.to_thread(_files_of, replies.inbox):
        found = await asyncio.to_thread(_taken, path)
        if found is not None:
            await take(app, *found)


async def _looking(app: web.Application) -> AsyncIterator[None]:
    stopping = asyncio.Event()
    task = asyncio.get_running_loop().create_task(_look_until(app, stopping))
    yield
    stopping.set()
    await asyncio.wait([task], timeout=STOP_S)  # a look that is at the database ends by itself
    task.cancel()


async def _look_until(app: web.Application, stopping: asyncio.Event) -> None:
    while not stopping.is_set():
        try:
            await look(app)
        except (DatabaseFault, OSError) as reason:
            log.warning("requests: %s; nothing is sent to caregivers until it is better", reason)
        except Exception:  # the edge: one fault must not end all looks; what was asked is on the home page
            log.exception("requests: a look failed; nothing was sent to caregivers; the next one comes in %d s", LOOK_S)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), LOOK_S)


def _is_of_the_gateway(request: web.Request, secret: str | None) -> bool:
    shown = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
    return secret is not None and hmac.compare_digest(shown, secret.encode())


async def _fields_of(request: web.Request) -> Mapping[str, object]:
    if request.content_type != "application/json":
        return await read_form(request)
    try:
        found = json.loads(await read_body(request, MAX_FORM_OCTETS, BODY_S))
    except (ValueError, RecursionError) as reason:
        raise web.HTTPBadRequest(reason="Not JSON") from reason
    return found if isinstance(found, dict) else {}


def _files_of(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.json"))[:MOST_FILES]


def _taken(path: Path) -> tuple[str, str] | None:
    """The answer of a file, which is deleted; None: it is not an answer, another role has taken it, or it stays."""
    try:
        found = _read(path)
        path.unlink()
    except FileNotFoundError:
        return None
    except OSError as reason:
        log.warning("requests: a file of the inbox: %s; left there; let web read and delete it", reason.strerror)
        return None
    return found


def _read(path: Path) -> tuple[str, str] | None:
    with path.open("rb") as file:
        octets = file.read(MAX_FORM_OCTETS)
    try:
        said = json.loads(octets)
        return str(said["from"]), str(said["text"])
    except (ValueError, LookupError, TypeError, RecursionError):
        log.warning('requests: a file of the inbox is no answer; deleted; write {"from", "text"}')
        return None
