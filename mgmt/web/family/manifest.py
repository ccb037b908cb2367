"""/family/LANGUAGE.webmanifest and the icon: with them a phone can keep the family pages on its first screen.

Invariants: nothing of a household stands in them; they are the same for anyone who asks.
Source: W3C Web Application Manifest.
"""

import json

from aiohttp import web

from mgmt.text.language import language
from mgmt.web.family.frame import FOLDER, FRAME, PATH
from mgmt.web.kit.app_context import SETTINGS
from mgmt.web.kit.page_frame import FOR_A_DAY

ICON = (FOLDER / "icon.svg").read_text()
PAPER, DEED = "#ffffff", "#0a4f86"  # of the style sheet, on light pages


def add_manifest(app: web.Application) -> None:
    """Put the routes into the web role's application."""
    app.router.add_get(f"{PATH}/{{code:{'|'.join(app[SETTINGS].family_languages)}}}.webmanifest", show)
    app.router.add_get(PATH + "/icon.svg", show_icon)


async def show(request: web.Request) -> web.Response:
    """GET /family/LANGUAGE.webmanifest"""
    t, settings = language(request.match_info["code"]), request.app[SETTINGS]
    title = t.say("family.title").striptags()
    icon = {"src": PATH + "/icon.svg", "sizes": "any", "type": "image/svg+xml"}
    said = {
        "id": PATH,
        "name": f"{title} · {t.pick(settings.isp_name, settings.isp_name_ur).striptags()}",
        "short_name": title,
        "lang": t.code,
        "dir": t.direction,
        "start_url": f"{PATH}?lang={t.code}",
        "scope": PATH,
        "display": "standalone",
        "background_color": PAPER,
        "theme_color": settings.theme.accent or DEED,
        "icons": [icon, icon | {"purpose": "maskable"}],
    }
    return FRAME.file(json.dumps(said, ensure_ascii=False), "application/manifest+json", FOR_A_DAY)


async def show_icon(_: web.Request) -> web.Response:
    """GET /family/icon.svg: a home, drawn within the part that every shape of icon shows."""
    return FRAME.file(ICON, "image/svg+xml", FOR_A_DAY)
