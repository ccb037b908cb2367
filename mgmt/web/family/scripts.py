"""The two scripts of the family pages: Help's way out, and the code of a message, filled in.  Both pages work without.

Invariants: a page with a script has that one alone, and no other page runs any; a script asks no one for anything.
Source: W3C CSP (script-src), WebOTP.
"""

from aiohttp import web

from mgmt.web.family.frame import FOLDER, FRAME, HEADERS, PATH

LEAVE, CODE = PATH + "/leave.js", PATH + "/code.js"
TEXTS = {each: (FOLDER / each.rpartition("/")[2]).read_text() for each in (LEAVE, CODE)}
WITH_SCRIPT = HEADERS["Content-Security-Policy"] + "; script-src 'self'"


def add_scripts(app: web.Application) -> None:
    """Put the routes into the web role's application."""
    for where in TEXTS:
        app.router.add_get(where, show)


async def show(request: web.Request) -> web.Response:
    """GET /family/leave.js, code.js"""
    return FRAME.file(TEXTS[request.path], "text/javascript")


def with_script(shown: web.Response) -> web.Response:
    """A page that may run its script."""
    shown.headers["Content-Security-Policy"] = WITH_SCRIPT
    return shown
