"""Deeds: the PIN before what opens, once each, publication after what is stored, and how the last one is taken back.

A second tap and a reload send the same form again: neither does its deed again, nor opens with the PIN that is in it.
Invariants: what a deed has done is kept as control and the workers said it, never as it was wished.
"""

from collections.abc import Callable
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from aiohttp import web
from markupsafe import Markup
from sqlalchemy import Connection

from mgmt.contract.control import receipt_json
from mgmt.contract.errors import NotInForce
from mgmt.web.family.acts import taps
from mgmt.web.family.acts.at_once import NEXT_TIME, NOW, AtOnce
from mgmt.web.family.frame import SubmittedForm, language_of, page
from mgmt.web.family.in_force import publish
from mgmt.web.family.pin import PinRefusal, has_pin, is_fresh, prove
from mgmt.web.family.session import keep_receipt, spend
from mgmt.web.kit.app_context import CLOCK, SETTINGS, write

T = TypeVar("T")


async def ask_pin(
    request: web.Request, form: SubmittedForm, action: str, label: str, back: str = "", why: Markup | None = None
) -> web.Response | None:
    """The page that asks for the PIN and does the same then; None: the PIN is right.

    action  below PATH/;   back  below PATH;   label  the button's message;   why  what it is asked for"""
    refused = None
    if "pin" in form.fields:
        try:
            await prove(request, form)
            return None
        except PinRefusal as reason:
            refused = reason
    return await _pin_page(request, form, action, label, back, why, refused)


async def ask_sure(
    request: web.Request,
    form: SubmittedForm,
    action: str,
    label: str,
    back: str,
    at_once: AtOnce | None,
    why: Markup | None = None,
) -> web.Response | None:
    """The page that asks whether it is meant, with the PIN where that is to be given; None: it is, with the PIN.

    at_once  what would be closed now;   why  what the PIN is asked for; None: it is not asked"""
    is_proven = why is None or is_fresh(form.session, request.app[CLOCK]())
    if form.fields["sure"] not in (NOW, NEXT_TIME):
        asked = {"asks": True, "at_once": at_once, "until": _until(request, at_once), "is_proven": is_proven}
        return await _pin_page(request, form, action, label, back, why, None, **asked)
    return None if is_proven else await ask_pin(request, form, action, label, back, why)


async def _pin_page(
    request: web.Request,
    form: SubmittedForm,
    action: str,
    label: str,
    back: str,
    why: Markup | None,
    refused: PinRefusal | None,
    **asked: object,
) -> web.Response:
    is_new = not await has_pin(request, form.session.account)
    return page(
        request,
        "pin.html",
        200 if refused is None else 403,
        session=form.session,
        here=back,
        of_page=form.page,
        action=action,
        label=label,
        back=back,
        why=why,
        kept=form.kept,
        refused=refused,
        is_new=is_new,
        **{"asks": False, "at_once": None, "is_proven": False} | asked,
    )


def _until(request: web.Request, at_once: AtOnce | None) -> Markup | None:
    if at_once is None or at_once.until is None:
        return None
    zone = ZoneInfo(request.app[SETTINGS].zone)
    here, until = request.app[CLOCK]().astimezone(zone), at_once.until.astimezone(zone)
    return language_of(request).moment(here, until)


async def once(request: web.Request, form: SubmittedForm, work: Callable[[Connection], T]) -> T:
    """Store what a form asks for, in one transaction.   Raises SpentForm where it did so before"""

    def spent_and_done(conn: Connection) -> T:
        spend(conn, form.secret, form.forms, form.key)
        return work(conn)

    return await write(request, spent_and_done)


async def go_live(
    request: web.Request, form: SubmittedForm, did: str, profiles: list[int], undo: list[taps.UndoStep]
) -> bool:
    """Have a deed published and keep its receipt; False: it is stored, and not in force yet.

    did  of the receipt's messages;   undo  of mgmt.web.family.acts.taps.take_back()"""
    tapped_s = int(request.app[CLOCK]().timestamp())
    kept: dict[str, Any] = {"did": did, "profiles": profiles, "undo": undo, "tapped_s": tapped_s}
    is_live = True
    try:
        # What the deed has written says its revision: a tap does not wait for one more look into the database.
        stored = max((step.revision for step in undo), default=0)
        kept |= receipt_json(await publish(request.app, stored), request.app[SETTINGS].zone)
    except NotInForce:
        is_live = False
    kept["shown_s"] = request.app[CLOCK]().timestamp()
    await write(request, lambda conn: keep_receipt(conn, form.secret, kept))
    return is_live


async def undone(request: web.Request, form: SubmittedForm) -> bool:
    """Take the last deed of a session back, and have that published; as go_live().   Raises NotNow, NoPerson"""
    now, receipt = request.app[CLOCK](), form.session.receipt or {}
    await once(request, form, lambda conn: taps.take_back(conn, form.session, receipt, now))
    return await go_live(request, form, "undo", receipt.get("profiles", []), [])
