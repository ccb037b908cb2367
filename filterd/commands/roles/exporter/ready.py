"""Whether dns and gate can serve, asked of the workers themselves: a health check must not hang on control or database.

    both  the time that a worker gives its counters file while its loop turns
    dns   one question, for a name that every front answers itself, to where clients ask; its upstreams, as control says

Invariants: what control and the database do makes nothing unready; it is reported separately.
Absent on purpose: a look-up of a listed name, as no list says of one that anyone may ask for it.
Cost: a datagram each way, and one request to control.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from dns.base.address_query import is_answered
from filterd.box.places import CONTROL, control_socket, counters_folder, role_of
from filterd.config import Config
from filterd.process.codec import FailureReply, Message
from filterd.process.json_socket import NoAnswer, ask
from filterd.process.messages import Status
from filterd.process.readiness import LIVES_S, answers, silent, without_upstreams
from rules.base.canonical import canonical_wire

ASKED_S = 1.0  # for one answer; for control, too
TRIES = 3  # each from another port, so perhaps of another worker: one of them may be about to be restarted
LOCAL = canonical_wire("localhost")  # RFC 6761 §6.3


class Ready(Struct, frozen=True):
    """What was found.

    unfit  role, of those that this box has → why it cannot serve, a sentence each; none: it can
    beside  what is wrong elsewhere"""

    unfit: Mapping[str, list[str]]
    beside: list[str]


async def ready(config: Config) -> Ready:
    """Ask now."""
    control = await ask_control(config, ASKED_S)
    found = await asyncio.to_thread(unfit, config, control)
    if config.dns.workers and not await _is_dns_alive(config):
        found["dns"] = [silent("dns")]
    return Ready(found, _beside(control))


def unfit(config: Config, control: Message | None) -> dict[str, list[str]]:
    """Role, of those that this box has → why it cannot serve, as its counters files say.   Blocking

    control  its status, which knows of upstreams; None: it did not answer"""
    has_workers = {"dns": config.dns.workers, "gate": config.gate.workers}
    found = {role: [] if is_one_turning(config, role) else [silent(role)] for role, n in has_workers.items() if n}
    cut_off = without_upstreams(_workers(control, "dns"))
    if found.get("dns") == [] and cut_off is not None:
        found["dns"] = [cut_off]
    return found


async def ask_control(config: Config, timeout_s: float) -> Message | None:
    """The status of control, as `filterd status --json` has it; None: it does not answer."""
    try:
        reply: Any = await ask(control_socket(config.run_dir), CONTROL, Status(), Message, timeout_s)
    except NoAnswer:
        return None
    return None if isinstance(reply, FailureReply) else reply


def is_one_turning(config: Config, role: str) -> bool:
    """Whether a worker of a role has said lately that its loop turns."""
    oldest = time.time() - LIVES_S
    return any(file.stat().st_mtime > oldest for file in counters_folder(config.run_dir, role).glob(f"{role}-*"))


async def _is_dns_alive(config: Config) -> bool:
    for _ in range(TRIES):
        if await is_answered(config.dns.listen[0].from_here, LOCAL, ASKED_S, config.dns.proxies):
            return True
    return False


def _workers(control: Message | None, role: str) -> list[Message]:
    """The workers of a role that control has heard."""
    found = control["workers"] if control else []
    return [each for each in found if role_of(each["name"]) == role and answers(each)]


def _beside(control: Message | None) -> list[str]:
    if control is None:
        return [f"control: no answer within {ASKED_S:g} s; what is in force stays, and nothing new is; see its journal"]
    database = control.get("faults", {}).get("database")
    return [f"control: {database}"] if database else []
