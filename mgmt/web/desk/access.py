"""Who comes to a page of the desk: handlers for those whose role may, and for forms that are really theirs.

Invariants: the permissions' table alone says who may (mgmt.staff.permissions); who is not signed in gets the page to
sign in, whose role may not reads so, and neither has a word of what is behind it.
"""

from collections.abc import Awaitable, Callable

from aiohttp import web

from mgmt.staff.session import Session
from mgmt.web.desk.frame import FRAME, MAX_FIELD_CHARACTERS, SubmittedForm, moved, page
from mgmt.web.kit.body import MAX_FORM_OCTETS

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
View = Callable[[web.Request, Session], Awaitable[web.StreamResponse]]
Deed = Callable[[web.Request, SubmittedForm], Awaitable[web.Response]]


def viewed(view: View, permission: str) -> Handler:
    """A page for anyone who has a permission."""

    async def handler(request: web.Request) -> web.StreamResponse:
        session = await FRAME.session_of(request)
        if session is None:
            return moved("/login")
        return await view(request, session) if session.person.may(permission) else forbidden(request, session)

    return handler


def done(deed: Deed, permission: str, at_most: int = MAX_FORM_OCTETS, longest: int = MAX_FIELD_CHARACTERS) -> Handler:
    """What a form does, for anyone who has a permission.   at_most, longest  as PageFrame.sent()"""

    async def handler(request: web.Request) -> web.StreamResponse:
        form = await FRAME.sent(request, at_most, longest)
        if form is None:
            alert = "The form came from another page, or you are signed out. Nothing was done. Sign in and try again."
            return page(request, "login.html", 403, alert=alert)
        return await deed(request, form) if form.session.person.may(permission) else forbidden(request, form.session)

    return handler


def forbidden(request: web.Request, session: Session) -> web.Response:
    """What a role reads that may not."""
    return page(request, "forbidden.html", 403, session=session)
