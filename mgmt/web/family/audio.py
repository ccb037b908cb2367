"""/audio/LANGUAGE/MESSAGE: recordings of messages, for people who listen rather than read.

A folder of the operator's holds LANGUAGE/MESSAGE.mp3, .ogg or .m4a; MESSAGE is an id of the catalogues, such as
family.tap.pause.

Invariants: only recordings of messages that there are, found when the role begins; a message without one has no player.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from aiohttp import web

from mgmt.text.accept import LANGUAGES
from mgmt.text.catalogue import catalogue
from mgmt.web.family.frame import HEADERS, SPOKEN
from mgmt.web.kit.app_context import SETTINGS
from mgmt.web.kit.page_frame import FOR_A_DAY

KINDS = {".mp3": "audio/mpeg", ".ogg": "audio/ogg", ".m4a": "audio/mp4"}


def add_audio(app: web.Application, folder: Path | None) -> None:
    """Put the routes into the web role's application.   folder  None: nothing is recorded"""
    found = {} if folder is None else recordings(folder, app[SETTINGS].family_languages)
    app[SPOKEN] = {where: f"/audio/{where[0]}/{path.name}" for where, path in found.items()}
    for where, path in found.items():
        app.router.add_get(app[SPOKEN][where], partial(_play, path))


def recordings(folder: Path, languages: Sequence[str] = LANGUAGES) -> Mapping[tuple[str, str], Path]:
    """The recordings of a folder, by language and message; nothing else in it counts."""
    return {
        (language, path.stem): path
        for language in languages
        for path in sorted((folder / language).glob("*"))
        if path.suffix in KINDS and path.stem in catalogue(language).texts and path.is_file()
    }


async def _play(path: Path, _: web.Request) -> web.FileResponse:
    """GET /audio/LANGUAGE/MESSAGE.KIND"""
    return web.FileResponse(path, headers=HEADERS | FOR_A_DAY | {"Content-Type": KINDS[path.suffix]})
