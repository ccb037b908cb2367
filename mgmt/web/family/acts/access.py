"""Who comes to a family page: handlers for those who are signed in, and for forms that are really theirs.

Invariants: a deed is done for a form of ours alone (mgmt.web.family.frame.sent()), once, by a session whose role may;
who is not signed in gets the page to sign in, and no word about what is behind it; a form that does nothing says so.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol

from aiohttp import web

from mgmt.web.family.acts.deeds import undone
from mgmt.web.family.acts.taps import TooSoon
from mgmt.web.family.frame import FRAME, SubmittedForm, above, moved, number_of, sent
from mgmt.web.family.session import Session, SpentForm
from mgmt.web.family.sign_in import not_ours, sign_in_page
from parental.store.errors import NoPerson, NotNow

Handler = Callable[[web.Request], Awaitable[web.Response]]
View = Callable[[web.Request, Session], Awaitable[web.Response]]
Deed = Callable[[web.Request, SubmittedForm], Awaitable[web.Response]]


class Page(Protocol):
    """A page that can say what was not done.   alert  a message's name"""

    async def __call__(
        self, request: web.Request, session: Session, status: int = 200, *, alert: str = ""
    ) -> web.Response:
        """Show it."""


def viewed(view: View) -> Handler:
    """A page for who is signed in."""

    async def handler(request: web.Request) -> web.Response:
        session = await FRAME.session_of(request)
        return sign_in_page(request) if session is None else await view(request, session)

    return handler


def done(deed: Deed) -> Handler:
    """What a form does."""

    async def handler(request: web.Request) -> web.Response:
        form = await sent(request)
        if form is None:
            return await not_ours(request)
        try:
            return await deed(request, form)
        except SpentForm:
            return moved(request, above(request))

    return handler


def permitted(deed: Deed, permission: str, otherwise: Page) -> Handler:
    """The same for a role that has a permission; another reads so on the page."""

    async def if_it_may(request: web.Request, form: SubmittedForm) -> web.Response:
        if not form.session.may(permission):
            return await otherwise(request, form.session, 403, alert="family.tap.forbidden")
        return await deed(request, form)

    return done(if_it_may)


def taken_back(back: Callable[[web.Request], str], otherwise: Page) -> Handler:
    """Undo of the last deed.   back  where to go then, below PATH"""

    async def undo(request: web.Request, form: SubmittedForm) -> web.Response:
        try:
            await undone(request, form)
        except TooSoon:
            return await otherwise(request, form.session, 409, alert="family.tap.soon")
        except (NotNow, NoPerson):
            return await otherwise(request, form.session, 409, alert="family.undo.late")
        return moved(request, back(request))

    return done(undo)


def deed_of(request: web.Request) -> str:
    """What the address of a form says that is to be done: its last part."""
    return request.path.rpartition("/")[2]


def profile_of(request: web.Request) -> int:
    """The profile that the address names; 0, which is no one's, for anything else."""
    return number_of(request.match_info["profile"])
