"""What is in force, as far as this process knows: up to which revision control has published for every worker.

A page compares it with the profile's revision: what is newer is on its way, no matter who has changed it.
Invariants: a revision is noted as in force only if it was read before control was asked and every worker has taken
what control had then; after a start nothing is known, and the first page asks.
"""

import asyncio
import time

from aiohttp import web

from mgmt.contract.control import Receipt, receive
from mgmt.contract.errors import NotInForce
from mgmt.web.kit.app_context import CONTROL, ENGINE, read_in
from parental.store.revision import current_revision

ASK_AGAIN_S = 5.0  # after a refusal: pages are opened often, and control is kept from its work by each question
PATIENCE_S = 2.0  # of a page that only looks


class InForce:
    """revision  up to which all is in force; 0: not known"""

    def __init__(self) -> None:
        self.revision = 0
        self._asked_s = -ASK_AGAIN_S

    def note(self, revision: int) -> None:
        """Every worker has taken this revision."""
        self.revision = max(self.revision, revision)

    def may_ask(self, now_s: float) -> bool:
        """Whether a page may ask control once more; notes that it does."""
        if now_s - self._asked_s < ASK_AGAIN_S:
            return False
        self._asked_s = now_s
        return True


IN_FORCE: web.AppKey[InForce] = web.AppKey("in_force", InForce)


async def publish(app: web.Application, revision: int = 0) -> Receipt:
    """Have everything that is stored published.   revision  that was just stored; 0: not known.   Raises NotInForce"""
    revision = revision or await read_in(app[ENGINE], current_revision)
    receipt = await receive(app[CONTROL].policy_changed())
    app[IN_FORCE].note(revision)
    return receipt


async def catch_up(request: web.Request, newest: int) -> None:
    """Ask control again where a change is newer than what is known to be in force; patience is short."""
    known = request.app[IN_FORCE]
    if newest <= known.revision or not known.may_ask(time.monotonic()):
        return
    try:
        async with asyncio.timeout(PATIENCE_S):
            await publish(request.app)
    except (NotInForce, TimeoutError):
        return
