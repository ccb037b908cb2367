"""The family pages' routes, put into the web role's application."""

from aiohttp import web

from mgmt.web.family.audio import add_audio
from mgmt.web.family.filter_state import add_filter_state
from mgmt.web.family.frame import FRAME, PATH, above, add_style, moved, page
from mgmt.web.family.help import add_help
from mgmt.web.family.hours.dates import add_dates
from mgmt.web.family.hours.pages import add_hours
from mgmt.web.family.household.child import add_child_page
from mgmt.web.family.household.children import add_children
from mgmt.web.family.household.school import add_school
from mgmt.web.family.manifest import add_manifest
from mgmt.web.family.pages.changes import add_changes
from mgmt.web.family.pages.home import add_home
from mgmt.web.family.pages.mine import add_mine
from mgmt.web.family.pages.people import add_people
from mgmt.web.family.pages.reports import add_reports
from mgmt.web.family.pages.tickets import add_tickets
from mgmt.web.family.pin import add_pins
from mgmt.web.family.requests.overview import add_requests
from mgmt.web.family.requests.replies import Replies, add_replies
from mgmt.web.family.rules.pages import add_rules
from mgmt.web.family.scripts import add_scripts
from mgmt.web.family.sign_in import DOOR, add_sign_in
from mgmt.web.family.sms import Sms
from mgmt.web.kit.app_context import SETTINGS


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
    return page(request, "gone.html", 404, session=await FRAME.session_of(request))
