"""What every family page has: its language, its head fields, its cookies, and who sends its forms.

Forms and redirects only, so that a reload sends nothing again; no JavaScript but what two pages have that work without
it (mgmt.web.family.visitor.scripts).
Each page has a number of its own in its forms, so that a form that is sent twice is seen, and two pages are two.
Invariants: nothing changes without the session's cookie, its form token and a request from our own page; a page has no
style of its own, and asks no other host for anything.
Source: semantics §9; OWASP ASVS 5.0 §3 (CSP, CSRF); WCAG 2.2.
"""

import functools
import hashlib
import hmac
import json
import re
import secrets
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from aiohttp import web

from mgmt.registers.settings.page_settings import Theme
from mgmt.text.accept import preferred_language
from mgmt.text.language import Language, language, languages
from mgmt.text.slots import fonts
from mgmt.web.family.session import LIFE, Session, find_session
from mgmt.web.kit.app_context import CLOCK, SETTINGS, read
from mgmt.web.kit.environment import SHARED, environment
from mgmt.web.kit.forms import form_of, is_from_here

PATH = "/family"
FOLDER = Path(__file__).parent / "templates"
HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer: with it a browser sends `Origin: null` from our own forms (Fetch §3.2).
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; media-src 'self'; manifest-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
}
MAX_FIELD_CHARACTERS = 200
STYLE = (SHARED / "style.css").read_text() + (FOLDER / "portal.css").read_text() + fonts()
OF_PAGE = re.compile(r"([0-9]{1,9})\.[\w-]{11}")  # how many forms were spent when it was made, and its number
NOT_OF_THE_DEED = frozenset({"csrf", "pin", "new_pin", "again", "alone"})
FOR_A_YEAR = {"Cache-Control": "public, max-age=31536000, immutable"}

# By language and message: where its recording is (mgmt.web.family.visitor.audio).
SPOKEN: web.AppKey[Mapping[tuple[str, str], str]] = web.AppKey("family_spoken")

_TYPED: web.RequestKey[defaultdict[str, str]] = web.RequestKey("family_typed", defaultdict)

_templates = environment(FOLDER)


class SubmittedForm(NamedTuple):
    """A form that was really sent from our page, by somebody who is signed in.

    secret  of the session's cookie;   forms  that the session had spent when the page was made
    key     of this deed from this page, with the PIN and without it"""

    session: Session
    secret: str
    fields: defaultdict[str, str]
    forms: int
    key: str

    @property
    def kept(self) -> dict[str, str]:
        """The fields that say what is to be done."""
        return {key: value for key, value in self.fields.items() if key not in NOT_OF_THE_DEED}

    @property
    def page(self) -> str:
        """The number of the page, with what goes before it."""
        return self.fields["csrf"].partition(".")[2]


def add_style(app: web.Application) -> None:
    """Put the style sheet into the web role's application."""

    async def style(request: web.Request) -> web.Response:
        name, text = style_of(request.app[SETTINGS].theme)
        headers = HEADERS | (FOR_A_YEAR if request.path == name else {})
        return web.Response(text=text, content_type="text/css", charset="utf-8", headers=headers)

    app.router.add_get(PATH + "/{digest:[0-9a-f]{12}}.css", style)


@functools.cache
def style_of(theme: Theme) -> tuple[str, str]:
    """The address of the style sheet with the operator's colours, and its text; another text has another address."""
    text = STYLE + _templates.get_template("theme.css").render(theme=theme)
    return f"{PATH}/{hashlib.sha256(text.encode()).hexdigest()[:12]}.css", text


async def session_of(request: web.Request) -> Session | None:
    """The session of the request's cookie, if there is one that holds."""
    secret, now = secret_of(request), request.app[CLOCK]()
    return await read(request, lambda conn: find_session(conn, secret, now)) if secret else None


async def sent(request: web.Request) -> SubmittedForm | None:
    """What a form of ours says; None for anything else."""
    session = await session_of(request)
    if session is None or not is_from_here(request):
        return None
    fields = await fields_of(request)
    said, _, page_number = fields["csrf"].partition(".")
    of_page = OF_PAGE.fullmatch(page_number)
    is_ours = hmac.compare_digest(said.encode("utf-8", "replace"), session.csrf.encode())
    if of_page is None or not is_ours:
        return None
    form = SubmittedForm(session, secret_of(request), fields, int(of_page[1]), "")
    return form._replace(key=_key(request.path, form))


def _key(path: str, form: SubmittedForm) -> str:
    """Of what a form does, from its page: the same where it is sent once more, another where anything is changed."""
    said = json.dumps([path, form.page, sorted(form.kept.items())])
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:16]


async def fields_of(request: web.Request) -> defaultdict[str, str]:
    """The fields of a form; '' where one is absent.   What was typed stays in the page that says what is wrong."""
    fields = await form_of(request)
    request[_TYPED] = defaultdict(str, {key: value[:MAX_FIELD_CHARACTERS] for key, value in fields.items()})
    return request[_TYPED]


def number_of(said: str) -> int:
    """A number that a form or an address says; 0, which is no one's, for anything else."""
    return int(said) if said.isascii() and said.isdigit() and len(said) < 16 else 0


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
    **values: Any,
) -> web.Response:
    """A page of the family's.

    session  of whoever reads it;   here  below PATH: what can be opened again, in another language, say, where a form
    was sent;   of_page  the number of the page whose form it goes on with;   values  what the template shows"""
    t = language_of(request)
    text = _templates.get_template(template).render(
        t=t,
        others=languages(t.code, request.app[SETTINGS].family_languages)[1:],
        settings=request.app[SETTINGS],
        path=PATH,
        here=request.path if request.method == "GET" else PATH + here,
        style=style_of(request.app[SETTINGS].theme)[0],
        session=session,
        csrf="" if session is None else f"{session.csrf}.{of_page or _new_page(session)}",
        nth=nth_of(request),
        spoken=request.app[SPOKEN],
        typed=request.get(_TYPED, defaultdict(str)),
        **values,
    )
    return web.Response(status=status, text=text, content_type="text/html", charset="utf-8", headers=HEADERS)


def _new_page(session: Session) -> str:
    return f"{session.forms}.{secrets.token_urlsafe(8)}"


def moved(request: web.Request, where: str = "") -> web.Response:
    """To another page of the family's, so that a reload sends nothing again."""
    asked, nth = request.query.get("lang", ""), nth_of(request)
    kept = [f"lang={asked}"] if asked in request.app[SETTINGS].family_languages else []
    kept += [f"page={nth}"] if nth > 1 else []
    to = PATH + where + ("?" + "&".join(kept) if kept else "")
    return web.Response(status=303, headers={**HEADERS, "Location": to})


def above(request: web.Request) -> str:
    """The page that a form stands on, below PATH: its address without what is to be done."""
    return request.path.removeprefix(PATH).rpartition("/")[0]


def secret_of(request: web.Request) -> str:
    """The value of the session's cookie, or ''."""
    return request.cookies.get(_name(request, "family"), "")


def asked_by(request: web.Request) -> str:
    """The value of the cookie of whoever has asked for a one-time code, or ''."""
    return request.cookies.get(_name(request, "family-code"), "")


def give_session(request: web.Request, response: web.Response, secret: str) -> web.Response:
    """The response with the session's cookie, and without the one by which the code was asked for."""
    response.set_cookie(_name(request, "family"), secret, max_age=int(LIFE.total_seconds()), **_cookie(request))
    response.del_cookie(_name(request, "family-code"), **_cookie(request))
    return response


def give_asked(request: web.Request, response: web.Response, secret: str, life_s: int) -> web.Response:
    """The response with the cookie of a browser that has asked for a code."""
    response.set_cookie(_name(request, "family-code"), secret, max_age=life_s, **_cookie(request))
    return response


def take_session(request: web.Request, response: web.Response) -> web.Response:
    """The response that takes the session's cookie away."""
    response.del_cookie(_name(request, "family"), **_cookie(request))
    return response


def _name(request: web.Request, plain: str) -> str:
    """A cookie's name: with https the prefix binds it to this very host."""
    return f"__Host-{plain}" if request.app[SETTINGS].has_tls else plain


def _cookie(request: web.Request) -> dict[str, Any]:
    return {"path": "/", "httponly": True, "samesite": "Strict", "secure": request.app[SETTINGS].has_tls}
