"""The web role's applications, one for each door: the API, and the parent's page.  (The splash is one of its own.)

Invariants: every /v1 route stands in a table with its permission and passes the same guard; nothing here touches a
packet or a worker, only the database and `Control`.
"""

import asyncio

from aiohttp import web
from sqlalchemy import Engine

from mgmt.contract.control import Control
from mgmt.orders.base.letter_file import Letters, ReadsLetters
from mgmt.registers.records.block_archive import Archive
from mgmt.registers.settings.page_settings import Settings
from mgmt.web.api import (
    accounts,
    approvals,
    audit,
    caregivers,
    children,
    confirmations,
    devices,
    egress,
    intake,
    lawful,
    ledger,
    orders,
    profiles,
    reports,
    status,
    subscribers,
    tokens,
)
from mgmt.web.api import (
    settings as desk_settings,
)
from mgmt.web.api import statistics as quarters
from mgmt.web.api.holds import legal_holds
from mgmt.web.api.hours import calendar, grants, tickets
from mgmt.web.api.letters import files, refusals, sealed, statistics
from mgmt.web.api.letters.files import LETTERS
from mgmt.web.api.lists import versions
from mgmt.web.api.proof import block_proof
from mgmt.web.api.publications import add_publications
from mgmt.web.desk.routes import add_desk
from mgmt.web.family.captive import add_captive
from mgmt.web.family.frame import PATH as PORTAL
from mgmt.web.family.pages.routes import add_portal
from mgmt.web.family.requests.replies import Replies
from mgmt.web.family.sms import Sms
from mgmt.web.kit.app_context import (
    ARCHIVE,
    CLOCK,
    CONTROL,
    ENGINE,
    PROTECTED,
    SETTINGS,
    TICKETS,
    Clock,
    begin_settings,
    utc_now,
)
from mgmt.web.kit.auth import Route, guarded
from mgmt.web.kit.body import MAX_BODY_OCTETS
from mgmt.web.kit.client_certificates import checks_certificates
from mgmt.web.kit.doors import Door, Hosts, admitting, checks_hosts
from mgmt.web.kit.idempotency import KEYED, keyed
from mgmt.web.kit.openapi import add_document
from mgmt.web.kit.problems import Endpoint, problems
from mgmt.web.kit.rates import add_rates, rated, refusing
from mgmt.web.kit.requests import framed
from mgmt.web.public.lists import add_public_lists
from mgmt.web.public.routes import add_transparency
from rules.base.protected import ProtectedNames
from rules.base.public_suffixes import public_suffixes

HSTS = "max-age=31536000"  # a year, as browsers' own lists ask for

ROUTES = (
    *files.ROUTES,
    *refusals.ROUTES,
    *sealed.ROUTES,
    *statistics.ROUTES,
    *orders.ROUTES,
    *confirmations.ROUTES,
    *approvals.ROUTES,
    *versions.ROUTES,
    *subscribers.ROUTES,
    *profiles.ROUTES,
    *devices.ROUTES,
    *accounts.ROUTES,
    *children.ROUTES,
    *caregivers.ROUTES,
    *calendar.ROUTES,
    *grants.ROUTES,
    *tickets.ROUTES,
    *intake.ROUTES,
    *reports.ROUTES,
    *lawful.ROUTES,
    *egress.ROUTES,
    *desk_settings.ROUTES,
    *audit.ROUTES,
    *block_proof.ROUTES,
    *legal_holds.ROUTES,
    *ledger.ROUTES,
    *quarters.ROUTES,
    *status.ROUTES,
    *tokens.ROUTES,
)


def create_app(
    settings: Settings,
    engine: Engine,
    control: Control,
    clock: Clock = utc_now,
    *,
    door: Door = Door.BOTH,
    hosts: Hosts | None = None,
    desk_key: bytes | None = None,
    sms: Sms | None = None,
    replies: Replies | None = None,
    letters: ReadsLetters | None = None,
    archive: Archive | None = None,
) -> web.Application:
    """The application of a door over an engine of parental.store.database.open_database.

    hosts     the names that it answers to; None: to any
    desk_key  of mgmt.staff.secret_box; None: the desk has no pages here
    sms       what takes messages to caregivers; None: nothing does, and tokens alone open the family pages
    replies   how caregivers' answers come in; None: they do not
    letters   what reads the files of letters; None: nothing does, and such orders are not taken
    archive   what has the records of blocks; None: the database"""
    checks = [] if hosts is None else [checks_hosts(hosts)]
    app = web.Application(middlewares=[problems, *checks, checks_certificates()], client_max_size=MAX_BODY_OCTETS)
    begin_settings(app, settings)
    app[ENGINE], app[CONTROL], app[CLOCK] = engine, control, clock
    app[PROTECTED], app[TICKETS] = ProtectedNames(settings.protected_names), tickets.tries()
    app[LETTERS] = Letters(letters)
    if archive is not None:
        app[ARCHIVE] = archive
    routes = routes_of(door)
    for route in routes:
        app.router.add_route(route.method, route.path, _endpoint(route, door))
    add_rates(app)
    add_document(app, routes)
    if door is not Door.FAMILY:
        add_publications(app)
    if desk_key is not None and door is not Door.FAMILY:
        add_desk(app, desk_key)
    if door is not Door.DESK:
        add_portal(app, sms, replies)
        add_captive(app, PORTAL)
        if settings.public_lists:
            add_public_lists(app)
        if settings.has_transparency:
            add_transparency(app)
    app.on_startup.append(_warm)
    app.on_response_prepare.append(_secure)
    return app


def routes_of(door: Door) -> tuple[Route, ...]:
    """The lines of the API's table that stand at a door."""
    return tuple(route for route in ROUTES if door is not Door.FAMILY or route.contract.is_family)


def _endpoint(route: Route, door: Door) -> Endpoint:
    """The token first, then the door and its rate, then what the contract asks for, then the endpoint itself."""
    once = route._replace(endpoint=keyed(route.endpoint, adds=route.contract.adds)) if route.method == KEYED else route
    return refusing(guarded(route._replace(endpoint=admitting(rated(framed(once)), door))))


async def _secure(request: web.Request, response: web.StreamResponse) -> None:
    """Header fields of every answer.   Source: RFC 6797 §7.2 (HSTS over TLS only)"""
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    if request.app[SETTINGS].has_tls:
        response.headers["Strict-Transport-Security"] = HSTS


async def _warm(app: web.Application) -> None:
    """Read the public suffixes before the first order waits for them."""
    del app
    await asyncio.to_thread(public_suffixes)
