"""Control's look at the other gateways with its database: whether all of them are set alike to try orders.

What differs is a standing fault on each of them, as an alarm: `filterd status` exits with 1, and `filterd_faults`
counts it.  It goes by itself once they agree.
"""

import asyncio
import logging
import socket
import time

from filterd.control.base.context import Context
from filterd.images.lists.rails import canary_of
from mgmt.orders.phases.canary_gateways import Gateway, difference, say
from parental.store.database import reading, writing

FAULT = "orders on one gateway first"

log = logging.getLogger("filterd.control.service")


async def look(context: Context) -> None:
    """Say how this gateway is set, and compare.   Raises DatabaseFault"""
    note(context, await asyncio.to_thread(compare, context, int(time.time())))


def compare(context: Context, now_s: int) -> str | None:
    """What is wrong between the gateways; None: nothing.   Raises DatabaseFault"""
    gateway = Gateway(socket.gethostname(), canary_of(context.config))
    with writing(context.engine) as conn:
        say(conn, gateway, now_s)
    with reading(context.engine) as conn:
        return difference(conn, gateway, now_s)


def note(context: Context, found: str | None) -> None:
    """Have the fault stand, or go; it is logged once."""
    before = context.faults.pop(FAULT, None)
    if found is not None:
        context.faults[FAULT] = found
        if found != before:
            log.warning("%s: %s", FAULT, found)
