"""mgmt's Control over control.sock: what the web role knows of the control role.

Invariants: a Receipt is what control said, unchanged; anything else becomes ControlFailed.
"""

from pathlib import Path
from typing import Any, TypeVar

from msgspec import Struct

from filterd.control.messages import Explain, OrdersChanged, PolicyChanged
from filterd.places import CONTROL, control_socket
from filterd.process.codec import Failed, Message
from filterd.process.json_socket import NoAnswer, ask
from filterd.process.messages import Status
from mgmt.control_protocol import ControlFailed, Receipt

TIMEOUT_S = 14.0  # just below mgmt's own, so that its 503 gives our reason

T = TypeVar("T")


class ControlClient:
    """Satisfies mgmt.control_protocol.Control."""

    def __init__(self, run_dir: Path) -> None:
        self._path = control_socket(run_dir)

    async def orders_changed(self) -> Receipt:
        return await self._ask(OrdersChanged(), Receipt)

    async def policy_changed(self) -> Receipt:
        return await self._ask(PolicyChanged(), Receipt)

    async def explain(self, name: str | None, address: str | None, channel: str) -> dict[str, Any]:
        return await self._ask(Explain(name, address, channel), Message)

    async def status(self) -> dict[str, Any]:
        return await self._ask(Status(), Message)

    async def _ask(self, request: Struct, kind: type[T]) -> T:
        try:
            reply = await ask(self._path, CONTROL, request, kind, TIMEOUT_S)
        except NoAnswer as reason:
            raise ControlFailed(str(reason)) from reason
        if isinstance(reply, Failed):
            raise ControlFailed(reply.reason)
        return reply
