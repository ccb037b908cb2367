"""/family/help and /family/learn: who helps, and what a family should know; for anyone who comes, signed in or not.

The way out leads to the operator's own site.  Its script has Back not lead here again, which no link can; without it
the link leads there all the same.
Invariants: nothing about who opens them is written down anywhere.
"""

from aiohttp import web

from mgmt.web.family.frame import FRAME, PATH, page
from mgmt.web.family.scripts import LEAVE, with_script
from mgmt.web.kit.app_context import SETTINGS

REPORT = "report"
TOPICS = ("child", "blackmail", "seen", REPORT, "mistake", "talk")
LESSONS = ("begin", "talk", "pictures", "strangers", "older", "limits")


def add_help(app: web.Application) -> None:
    """Put the routes into the web role's application."""
    app.router.add_get(PATH + "/help", show)
    app.router.add_get(PATH + "/learn", teach)


async def show(request: web.Request) -> web.Response:
    """GET /family/help"""
    can_report = request.app[SETTINGS].report_url is not None
    topics = [each for each in TOPICS if each != REPORT or can_report]
    return with_script(page(request, "help.html", session=await FRAME.session_of(request), topics=topics, leave=LEAVE))


async def teach(request: web.Request) -> web.Response:
    """GET /family/learn"""
    return page(request, "learn.html", session=await FRAME.session_of(request), topics=LESSONS)
