"""/desk/people: the access review, and writing down that someone has read it.

Invariants: what is written down as read is what the page showed: where it is another by now, nothing is written.
"""

import msgspec
from aiohttp import web
from sqlalchemy import Connection

from mgmt.staff.review import Review, note_review, review_of
from mgmt.staff.session import Session
from mgmt.web.desk.access import done, viewed
from mgmt.web.desk.frame import PATH, SubmittedForm, page
from mgmt.web.kit.app_context import CLOCK, read, write
from mgmt.web.kit.conditions import tag_of

READ = "staff.read"


def add_people(app: web.Application) -> None:
    """Put the routes into an application that has a desk."""
    app.router.add_get(PATH + "/people", viewed(show, READ))
    app.router.add_post(PATH + "/people/reviewed", done(reviewed, READ))


async def show(request: web.Request, session: Session) -> web.Response:
    """GET /desk/people"""
    return await _page(request, session)


async def reviewed(request: web.Request, form: SubmittedForm) -> web.Response:
    """POST /desk/people/reviewed"""
    now = request.app[CLOCK]()

    def note(conn: Connection) -> bool:
        review = review_of(conn, now, of_households=False)
        is_same = _tag(review) == form.fields["tag"]
        if is_same:
            note_review(conn, review, form.session.person.actor, now)
        return is_same

    if not await write(request, note):
        alert = "It has changed since you loaded the page. Nothing was written down. Read it again."
        return await _page(request, form.session, 409, alert=alert)
    return await _page(request, form.session, done="Written down: you have read this review.")


async def _page(request: web.Request, session: Session, status: int = 200, **said: str) -> web.Response:
    now = request.app[CLOCK]()
    review = await read(request, lambda conn: review_of(conn, now, of_households=False))
    return page(request, "people.html", status, session=session, review=review, tag=_tag(review), **said)


def _tag(review: Review) -> str:
    """Of all but its time, and when people were last seen: who reads it signs in."""
    people = [msgspec.structs.replace(each, last_login=None) for each in review.people]
    tokens = [each | {"last_used": None} for each in review.tokens]
    return tag_of(msgspec.structs.replace(review, at="", people=people, tokens=tokens))
