"""What every family page has, above mgmt.web.kit.page_frame: its language, its colours, and the number of its forms.

Forms and redirects only, so that a reload sends nothing again; no JavaScript but what two pages have that work without
it (mgmt.web.family.scripts).
Each page has a number of its own in its forms, so that a form that is sent twice is seen, and two pages are two.
Invariants: nothing changes without the session's cookie, its form token and a request from our own page; a page has no
style of its own, and asks no other host for anything.
Source: semantics §9; OWASP ASVS 5.0 §3 (CSP, CSRF); WCAG 2.2.
"""

import functools
import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from mgmt.registers.settings.page_settings import Theme
from mgmt.text.accept import preferred_language
from mgmt.text.language import Language, language, languages
from mgmt.text.slots import fonts
from mgmt.web.family.session import LIFE, Session, find_session
from mgmt.web.kit import page_frame
from mgmt.web.kit.app_context import CLOCK, SETTINGS, read

PATH = "/family"
FOLDER = Path(__file__).parent / "templates"
MAX_FIELD_CHARACTERS = 200
MAX_DIGITS = 15  # of a number
OF_PAGE = re.compile(r"([0-9]{1,9})\.[\w-]{11}")  # how many forms were spent when it was made, and its number
NOT_OF_THE_DEED = frozenset({"csrf", "pin", "new_pin", "again", "alone"})
FOR_A_YEAR = {"Cache-Control": "public, max-age=31536000, immutable"}

# By language and message: where its recording is (mgmt.web.family.audio).
SPOKEN: web.AppKey[Mapping[tuple[str, str], str]] = web.AppKey("family_spoken")


async def _find(request: web.Request, secret: str) -> Session | None:
    now = request.app[CLOCK]()
    return await read(request, lambda conn: find_session(conn, secret, now))


def _token_of(said: str) -> str:
    """The form token, before the number of the page."""
    return said.partition(".")[0]


FRAME = page_frame.PageFrame(
    PATH,
    FOLDER,
    "portal.css",
    cookie="family",
    life=LIFE,
    find=_find,
    loads="style-src 'self'; img-src 'self'; media-src 'self'; manifest-src 'self'",
    longest=MAX_FIELD_CHARACTERS,
    token_of=_token_of,
)
HEADERS = FRAME.headers
STYLE = FRAME.style + fonts()


@dataclass(frozen=True, slots=True)
class SubmittedForm(page_frame.SubmittedForm[Session]):
    """A form that was really sent from our page, by someone who is signed in.

    secret  of the session's cookie;   forms  that the session had spent when the page was made;   path  of the form"""

    secret: str
    forms: int
    path: str

    @property
    def kept(self) -> dict[str, str]:
        """The fields that say what is to be done."""
        return {key: value for key, value in self.fields.items() if key not in NOT_OF_THE_DEED}

    @property
    def page(self) -> str:
        """The number of the page, with what goes before it."""
        return self.fields["csrf"].partition(".")[2]

    @property
    def key(self) -> str:
        """Of this deed from this page, with the PIN and without it: another where anything is changed."""
        said = json.dumps([self.path, self.page, sorted(self.kept.items())])
        return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def add_style(app: web.Application) -> None:
    """Put the style sheet into the web role's application."""

    async def style(request: web.Request) -> web.Response:
        name, text = style_of(request.app[SETTINGS].theme)
        return FRAME.file(text, "text/css", FOR_A_YEAR if request.path == name else None)

    app.router.add_get(PATH + "/{digest:[0-9a-f]{12}}.css", style)


@functools.cache
def style_of(theme: Theme) -> tuple[str, str]:
    """The address of the style sheet with the operator's colours, and its text; another text has another address."""
    text = STYLE + FRAME.templates.get_template("theme.css").render(theme=theme)
    return f"{PATH}/{hashlib.sha256(text.encode()).hexdigest()[:12]}.css", text


async def sent(request: web.Request) -> SubmittedForm | None:
    """What a form of ours says; None for anything else."""
    form = await FRAME.sent(request)
    of_page = None if form is None else OF_PAGE.fullmatch(form.fields["csrf"].partition(".")[2])
    if form is None or of_page is None:
        return None
    return SubmittedForm(form.session, form.fields, FRAME.secret_of(request), int(of_page[1]), request.path)


def number_of(said: str) -> int:
    """A number that a form or an address says; 0, which is no one's, for anything else."""
    return page_frame.number_of(said, MAX_DIGITS)


def nth_of(request: web.Request) -> int:
    """Which page of a long one the address names; 1 where it names none."""
    return number_of(request.query.get("page", "")) or 1


def language_of(request: web.Request) -> Language:
    """The language that the address names, or else the one that the browser prefers."""
    asked, settings = request.query.get("lang", ""), request.app[SETTINGS]
    if asked in settings.family_languages:
        return language(asked)
    accepted = request.headers.get("Accept-Language", "")
    return language(preferred_language(accepted, settings.first_language, settings.family_languages))


def page(
    request: web.Request,
    template: str,
    status: int = 200,
    *,
    session: Session | None = None,
    here: str = "",
    of_page: str = "",
    **values: object,
) -> web.Response:
    """A page of the family's.

    session  of the one who reads it;   here  below PATH: what can be opened again, in another language where a form
    was sent;   of_page  the number of the page whose form it goes on with;   values  what the template shows"""
    t, settings = language_of(request), request.app[SETTINGS]
    return FRAME.page(
        request,
        template,
        status,
        session,
        t=t,
        others=languages(t.code, settings.family_languages)[1:],
        here=request.path if request.method == "GET" else PATH + here,
        style=style_of(settings.theme)[0],
        csrf="" if session is None else f"{session.csrf}.{of_page or _new_page(session)}",
        nth=nth_of(request),
        spoken=request.app[SPOKEN],
        **values,
    )


def _new_page(session: Session) -> str:
    return f"{session.forms}.{secrets.token_urlsafe(8)}"


def moved(request: web.Request, where: str = "") -> web.Response:
    """To another page of the family's, so that a reload sends nothing again."""
    asked, nth = request.query.get("lang", ""), nth_of(request)
    kept = [f"lang={asked}"] if asked in request.app[SETTINGS].family_languages else []
    kept += [f"page={nth}"] if nth > 1 else []
    return FRAME.moved(where + ("?" + "&".join(kept) if kept else ""))


def above(request: web.Request) -> str:
    """The page that a form stands on, below PATH: its address without what is to be done."""
    return request.path.removeprefix(PATH).rpartition("/")[0]
