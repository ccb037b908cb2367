"""mgmt's Control over control.sock: what the web role knows of the control role.

Invariant: a Receipt is what control said, unchanged; anything else becomes ControlFailed.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from filterd.process.json_socket import Message, NoAnswer, ask
from mgmt.control_protocol import Ack, ControlFailed, Receipt

TIMEOUT_S = 14.0  # just below mgmt's own, so that its 503 tells our reason


class ControlClient:
    """Satisfies mgmt.control_protocol.Control."""

    def __init__(self, run_dir: Path) -> None:
        self._path = run_dir / "control.sock"

    async def orders_changed(self) -> Receipt:
        return receipt_of(await self._ask({"op": "orders_changed"}))

    async def policy_changed(self) -> Receipt:
        return receipt_of(await self._ask({"op": "policy_changed"}))

    async def explain(self, name: str | None, address: str | None, channel: str) -> dict[str, Any]:
        return await self._ask({"op": "explain", "name": name, "address": address, "channel": channel})

    async def status(self) -> dict[str, Any]:
        return await self._ask({"op": "status"})

    async def _ask(self, request: Message) -> Message:
        try:
            reply = await ask(self._path, request, TIMEOUT_S)
        except NoAnswer as reason:
            raise ControlFailed(str(reason)) from reason
        if not reply.pop("ok", False):
            raise ControlFailed(str(reply.get("error", "refused without a reason")))
        return reply


def receipt_of(reply: Mapping[str, Any]) -> Receipt:
    """A receipt as control sends it.   Raises ControlFailed for anything else."""
    try:
        acks = tuple(Ack(each["worker"], each["generation"], each["ms"], each["refused"]) for each in reply["acks"])
        at = datetime.fromisoformat(reply["at"])
        return Receipt(reply["generation"], acks, reply["ms"], at, reply["connections_ended"])
    except (KeyError, TypeError, ValueError) as reason:
        raise ControlFailed(f"control: its receipt cannot be read ({reason!r})") from reason
