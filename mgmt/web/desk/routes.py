"""The desk's routes, put into the web role's application."""

from aiohttp import web

from mgmt.staff.challenges import Challenges
from mgmt.staff.login import Login
from mgmt.staff.passkeys import Party
from mgmt.staff.secret_box import SecretBox
from mgmt.web.desk.approvals import add_approvals
from mgmt.web.desk.audit_routes import add_audit
from mgmt.web.desk.ceremonies import add_ceremonies
from mgmt.web.desk.frame import DESK, Desk, add_files
from mgmt.web.desk.holds import add_holds
from mgmt.web.desk.lawful import add_lawful
from mgmt.web.desk.letters import add_letters
from mgmt.web.desk.lists import add_lists
from mgmt.web.desk.orders import add_orders
from mgmt.web.desk.people import add_people
from mgmt.web.desk.reports import add_reports
from mgmt.web.desk.sign_in import add_sign_in
from mgmt.web.kit.app_context import ENGINE, SETTINGS


def add_desk(app: web.Application, key: bytes) -> None:
    """Put all of them into it.   key  of SecretBox"""
    origin = app[SETTINGS].desk_origin
    party = None if origin is None else Party(origin, app[SETTINGS].isp_name)
    app[DESK] = Desk(Login(app[ENGINE], SecretBox(key)), Challenges(), party)
    add_files(app)
    add_sign_in(app)
    add_ceremonies(app)
    add_letters(app)  # before orders: /desk/orders/new is no number
    add_orders(app)
    add_approvals(app)
    add_audit(app)
    add_holds(app)
    add_reports(app)
    add_lawful(app)
    add_lists(app)
    add_people(app)
