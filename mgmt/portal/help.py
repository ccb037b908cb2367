"""/family/help and /family/learn: who helps, and what a family should know; for anyone who comes, signed in or not.

The way out leads to the operator's own site.  Its script is the family pages' only one: it has Back not lead here
again, which no link can; without it the link leads there all the same.
Invariants: nothing about who opens them is written down anywhere.
"""

from aiohttp import web

from mgmt.app_context import SETTINGS
from mgmt.portal.frame import FOLDER, HEADERS, PATH, page, session_of

REPORT = "report"
TOPICS = ("child", "blackmail", "seen", REPORT, "mistake", "talk")
LEAVE = PATH + "/leave.js"
WITH_LEAVE = HEADERS["Content-Security-Policy"] + "; script-src 'self'"
LESSONS = ("begin", "talk", "pictures", "strangers", "older", "limits")


def add_help(app: web.Application) -> None:
    """Put the routes into the web role's application."""
    app.router.add_get(PATH + "/help", show)
    app.router.add_get(PATH + "/learn", teach)
    app.router.add_get(LEAVE, leave)


async def show(request: web.Request) -> web.Response:
    """GET /family/help"""
    can_report = request.app[SETTINGS].report_url is not None
    topics = [each for each in TOPICS if each != REPORT or can_report]
    shown = page(request, "help.html", session=await session_of(request), topics=topics, leave=LEAVE)
    shown.headers["Content-Security-Policy"] = WITH_LEAVE
    return shown


async def leave(request: web.Request) -> web.Response:
    """GET /family/leave.js"""
    del request
    text = (FOLDER / "leave.js").read_text()
    return web.Response(text=text, content_type="text/javascript", charset="utf-8", headers=HEADERS)


async def teach(request: web.Request) -> web.Response:
    """GET /family/learn"""
    return page(request, "learn.html", session=await session_of(request), topics=LESSONS)
