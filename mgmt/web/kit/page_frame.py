"""What the pages of the desk and of families have in common: head fields, the session's cookie, and who sends a form.

A frame is one for a set of pages below one path.  What only one of them has stays with it: the desk's tabs, the
family's languages and the number of its pages.
Invariants: a form counts with the session's cookie, its form token and a request from our own page, and with nothing
less; of another's form no octet is read.
Source: OWASP ASVS 5.0 §3 (CSP, CSRF); RFC 6265bis (cookie prefixes).
"""

import hmac
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from aiohttp import web

from mgmt.web.kit.app_context import SETTINGS
from mgmt.web.kit.body import MAX_FORM_OCTETS
from mgmt.web.kit.environment import SHARED, environment
from mgmt.web.kit.forms import form_of, is_from_here

FOR_A_DAY = {"Cache-Control": "public, max-age=86400"}
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer: with it a browser sends `Origin: null` from our own forms (Fetch §3.2).
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_TYPED: web.RequestKey[defaultdict[str, str]] = web.RequestKey("typed", defaultdict)
_CLOSED = "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"


class HasFormToken(Protocol):
    """A session, as a frame needs it."""

    @property
    def csrf(self) -> str:
        """What every form must send back."""


S = TypeVar("S", bound=HasFormToken)


@dataclass(frozen=True, slots=True)
class SubmittedForm(Generic[S]):
    """A form that was really sent from our page, by someone who is signed in.   fields  '' where one is absent"""

    session: S
    fields: defaultdict[str, str]


class PageFrame(Generic[S]):
    """The frame of the pages below a path.

    cookie   the session's, by its plain name;   life  until the browser forgets it;   find  the session of its value
    folder   of their templates;   style  the name of their style sheet in it
    loads    what a page may load from here, as its policy says it;   headers  that only these pages have
    longest  characters of a field;   token_of  the form token in the field that holds it"""

    def __init__(
        self,
        path: str,
        folder: Path,
        style: str,
        *,
        cookie: str,
        life: timedelta,
        find: Callable[[web.Request, str], Awaitable[S | None]],
        loads: str,
        longest: int,
        headers: Mapping[str, str] | None = None,
        token_of: Callable[[str], str] = str,
    ) -> None:
        self.path, self.longest = path, longest
        policy = f"default-src 'none'; {loads}; {_CLOSED}"
        self.headers = {**_HEADERS, **(headers or {}), "Content-Security-Policy": policy}
        self.templates = environment(folder)
        self.style = (SHARED / "style.css").read_text() + (folder / style).read_text()
        self._cookie, self._life, self._find, self._token_of = cookie, life, find, token_of

    async def session_of(self, request: web.Request) -> S | None:
        """The session of the request's cookie, if there is one that holds."""
        secret = self.secret_of(request)
        return await self._find(request, secret) if secret else None

    async def sent(
        self, request: web.Request, at_most: int = MAX_FORM_OCTETS, longest: int | None = None
    ) -> SubmittedForm[S] | None:
        """What a form of ours says; None for anything else.   at_most  octets;   longest  characters of a field"""
        session = await self.session_of(request)
        if session is None or not is_from_here(request):
            return None
        fields = await self.fields_of(request, at_most, longest)
        return SubmittedForm(session, fields) if self._is_token_of(session, fields["csrf"]) else None

    async def allowed(self, request: web.Request, csrf: str) -> S | None:
        """The session of a request that was really sent from our page; None for anything else."""
        session = await self.session_of(request)
        is_ours = session is not None and is_from_here(request) and self._is_token_of(session, csrf)
        return session if is_ours else None

    def _is_token_of(self, session: S, csrf: str) -> bool:
        return hmac.compare_digest(self._token_of(csrf).encode("utf-8", "replace"), session.csrf.encode())

    async def fields_of(
        self, request: web.Request, at_most: int = MAX_FORM_OCTETS, longest: int | None = None
    ) -> defaultdict[str, str]:
        """The fields of a form; '' where one is absent.   What was typed stays in the page that says what is wrong.

        at_most, longest  as sent()"""
        fields = await form_of(request, at_most)
        request[_TYPED] = defaultdict(str, {key: value[: longest or self.longest] for key, value in fields.items()})
        return request[_TYPED]

    def page(
        self, request: web.Request, template: str, status: int, session: S | None, **values: object
    ) -> web.Response:
        """A page.   session  of the one who reads it;   values  what the template shows"""
        shown = {"settings": request.app[SETTINGS], "path": self.path, "session": session, **values}
        text = self.templates.get_template(template).render(shown, typed=request.get(_TYPED, defaultdict(str)))
        return web.Response(status=status, text=text, content_type="text/html", charset="utf-8", headers=self.headers)

    def file(self, text: str, content_type: str, headers: Mapping[str, str] | None = None) -> web.Response:
        """A file of this release.   headers  in the place of the page's"""
        said = {**self.headers, **(headers or {})}
        return web.Response(text=text, content_type=content_type, charset="utf-8", headers=said)

    def moved(self, to: str) -> web.Response:
        """To another page, so that a reload sends nothing again.   to  below the path, with its query"""
        return web.Response(status=303, headers={**self.headers, "Location": self.path + to})

    def secret_of(self, request: web.Request) -> str:
        """The value of the session's cookie, or ''."""
        return cookie_of(request, self._cookie)

    def give_session(self, request: web.Request, response: web.Response, secret: str) -> web.Response:
        """The response with the session's cookie."""
        return give_cookie(request, response, self._cookie, secret, self._life)

    def take_session(self, request: web.Request, response: web.Response) -> web.Response:
        """The response that takes the session's cookie away."""
        return take_cookie(request, response, self._cookie)


def cookie_of(request: web.Request, name: str) -> str:
    """The value of a cookie of ours, or ''.   name  the plain one"""
    return request.cookies.get(_full_name(request, name), "")


def give_cookie(request: web.Request, response: web.Response, name: str, secret: str, life: timedelta) -> web.Response:
    """The response with a cookie that only our own pages send back, and no script reads."""
    response.set_cookie(_full_name(request, name), secret, max_age=int(life.total_seconds()), **_marks(request))
    return response


def take_cookie(request: web.Request, response: web.Response, name: str) -> web.Response:
    """The response that takes a cookie away."""
    response.del_cookie(_full_name(request, name), **_marks(request))
    return response


def number_of(said: str, digits: int) -> int:
    """A number that an address or a form says; 0, which nothing has, for anything else.   digits  at most"""
    return int(said) if said.isascii() and said.isdigit() and len(said) <= digits else 0


# ----------------------------------------------------------------------------------------------------------------------


def _full_name(request: web.Request, name: str) -> str:
    """A cookie's name: with https the prefix binds it to this very host."""
    return f"__Host-{name}" if request.app[SETTINGS].has_tls else name


def _marks(request: web.Request) -> dict[str, Any]:
    return {"path": "/", "httponly": True, "samesite": "Strict", "secure": request.app[SETTINGS].has_tls}
