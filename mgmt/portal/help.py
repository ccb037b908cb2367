"""/family/help: who helps, for anyone who comes, signed in or not.

Invariants: nothing about who opens it is written down anywhere.
"""

from aiohttp import web

from mgmt.portal.frame import PATH, page, session_of

TOPICS = ("child", "blackmail", "seen", "mistake", "talk")


def add_help(app: web.Application) -> None:
    """Put the route into the web role's application."""
    app.router.add_get(PATH + "/help", show)


async def show(request: web.Request) -> web.Response:
    """GET /family/help"""
    return page(request, "help.html", session=await session_of(request), topics=TOPICS)
