"""/lists/ID/FILE: lists that the operator has made public, as files, without a login.

    GET /lists/ID/signed.json   what there is: digests of the files, signed;   GET /lists/ID/rpz.zone …

Invariants: only lists that the configuration calls public, and files of FILES; no name of a path is followed but these;
an answer has an ETag, and is the same for every client.
"""

from pathlib import Path

from aiohttp import web

from mgmt.web.kit.app_context import SETTINGS
from mgmt.web.kit.problems import Problem

PATH = "/lists"
FILES = {
    "domains.txt": "text/plain",
    "hosts.txt": "text/plain",
    "rpz.zone": "text/dns",
    "domains.csv": "text/csv",
    "domains.json": "application/json",
    "signed.json": "application/json",
}
SIGNED = "signed.json"


def add_public_lists(app: web.Application) -> None:
    """Put the route into the web role's application."""
    app.router.add_get(PATH + "/{list}/{file}", give)


async def give(request: web.Request) -> web.StreamResponse:
    """GET /lists/ads/domains.txt"""
    settings, list_id, name = request.app[SETTINGS], request.match_info["list"], request.match_info["file"]
    folder: Path | None = settings.public_folder
    if folder is None or list_id not in settings.public_lists or name not in FILES:
        raise _absent(list_id, name)
    place = folder / list_id
    if not (place / SIGNED).is_file() or not (place / name).is_file():
        raise _absent(list_id, name)
    headers = {"Cache-Control": "public, max-age=300", "Content-Type": f"{FILES[name]}; charset=utf-8"}
    return web.FileResponse(place / name, headers=headers)


def _absent(list_id: str, name: str) -> Problem:
    return Problem(404, f"{list_id[:40]}/{name[:40]}: not public here; nothing given; ask the operator", "list")
