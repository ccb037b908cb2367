"""The family pages' routes, put into the web role's application."""

from aiohttp import web

from mgmt.app_context import SETTINGS
from mgmt.portal.changes import add_changes
from mgmt.portal.frame import PATH, above, add_style, moved, page, session_of
from mgmt.portal.help import add_help
from mgmt.portal.home import add_home
from mgmt.portal.hours.dates import add_dates
from mgmt.portal.hours.pages import add_hours
from mgmt.portal.household.child import add_child_page
from mgmt.portal.household.children import add_children
from mgmt.portal.household.filter_state import add_filter_state
from mgmt.portal.household.school import add_school
from mgmt.portal.manifest import add_manifest
from mgmt.portal.people import add_people
from mgmt.portal.pin import add_pins
from mgmt.portal.reports import add_reports
from mgmt.portal.requests.overview import add_requests
from mgmt.portal.requests.replies import Replies, add_replies
from mgmt.portal.rules.pages import add_rules
from mgmt.portal.sign_in import DOOR, add_sign_in
from mgmt.portal.sms import Sms
from mgmt.portal.tickets import add_tickets
from mgmt.portal.visitor.audio import add_audio
from mgmt.portal.visitor.mine import add_mine
from mgmt.portal.visitor.scripts import add_scripts


def add_portal(app: web.Application, sms: Sms | None, replies: Replies | None) -> None:
    """Put all of them into it.   sms  what takes messages; None: nothing does;   replies  how answers come in"""
    add_style(app)
    add_audio(app, app[SETTINGS].audio)
    add_scripts(app)
    add_manifest(app)
    add_pins(app)
    add_sign_in(app, sms)
    add_replies(app, replies if app[DOOR].sender is not None else None)
    add_filter_state(app)
    add_home(app)
    add_hours(app)
    add_dates(app)
    add_rules(app)
    add_requests(app)
    add_tickets(app)
    add_reports(app)
    add_people(app)
    add_children(app)
    add_child_page(app)
    add_school(app)
    add_changes(app)
    add_mine(app)
    add_help(app)
    app.router.add_get("/", to_family)
    app.router.add_get(PATH + "/{rest:.*}", missing)


async def to_family(request: web.Request) -> web.Response:
    """GET /: who types the name of the door alone wants the family pages."""
    return moved(request)


async def missing(request: web.Request) -> web.Response:
    """GET of what is no page: of what a form is sent to, the page that has the form; else a page that says so."""
    as_form = await request.app.router.resolve(request.clone(method="POST"))
    if as_form.http_exception is None or request.path == PATH + "/":
        return moved(request, above(request))
    return page(request, "gone.html", 404, session=await session_of(request))
