"""`filterd orders deliver`: hands messages about alarms to their receivers; control runs it for those that are due.

A job of its own, since control speaks no HTTP, and a receiver that takes an hour over its answer ends with the job.
Invariants: a message is noted as sent at once after it was taken; one whose contact has gone from the configuration is
dropped; a receiver that does not answer holds up its own messages alone, as each has a thread.
"""

import argparse
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filterd.box.errors import MissingPart
from filterd.commands.run import CONFIG_FILE, loaded
from filterd.config import Config
from filterd.verbs import add_verb

if TYPE_CHECKING:
    from sqlalchemy import Engine, Row

KEY = "webhook.key"
_KEY_IS_MADE_ONCE = threading.Lock()
EXAMPLE = "filterd orders deliver --config /etc/filterd/filterd.yaml 7\nfilterd orders deliver --public-key"


def add_deliver(verbs: Any) -> None:
    """The verb and its arguments."""
    verb = add_verb(
        verbs, "deliver", "hand over messages about alarms; control runs this; exit 1 where one was not taken", EXAMPLE
    )
    verb.add_argument("notice", nargs="*", type=int, metavar="NUMBER", help="of a message that waits")
    verb.add_argument("--config", type=Path, default=CONFIG_FILE, metavar="FILE", help=f"default {CONFIG_FILE}")
    verb.add_argument("--public-key", action="store_true", help="print the key that webhooks check, in hexadecimal")


def run_deliver(args: argparse.Namespace) -> int:
    """Raises MissingPart."""
    from filterd.process.database.access import opened_for_control
    from parental.store.errors import DatabaseFault

    config = loaded(args.config)
    if args.public_key:
        print(_signing(config).public_key().public_bytes_raw().hex())
        return 0
    try:
        with opened_for_control(config) as engine:
            return 0 if deliver_all(config, engine, args.notice) else 1
    except DatabaseFault as reason:
        raise MissingPart(f"deliver: {reason}; nothing sent; run as control's account, or as root") from reason


def deliver_all(config: Config, engine: "Engine", numbers: Sequence[int]) -> bool:
    """Try messages, those of one receiver in turn and the receivers at once; whether none waits any more."""
    from mgmt.orders.deadlines.notices import find_notice
    from parental.store.database import reading

    of_receiver: dict[str, list[int]] = {}
    with reading(engine) as conn:
        for number in numbers:
            if (notice := find_notice(conn, number)) is not None:
                of_receiver.setdefault(notice.receiver, []).append(number)

    def in_turn(chosen: list[int]) -> bool:
        return all([deliver(config, engine, number) for number in chosen])

    with ThreadPoolExecutor(max(len(of_receiver), 1)) as pool:
        return all(list(pool.map(in_turn, of_receiver.values())))


def deliver(config: Config, engine: "Engine", number: int) -> bool:
    """Try one message; whether it waits no more."""
    from filterd.control.escalation.contacts import find_contact, shown
    from filterd.control.escalation.failed import DeliveryFailure
    from mgmt.orders.deadlines.notices import DROPPED, SENT, end, find_notice, note_fault
    from parental.store.database import reading, writing

    with reading(engine) as conn:
        notice = find_notice(conn, number)
    if notice is None:
        return True
    contact = find_contact(config.orders, notice.receiver)
    if contact is None:
        with writing(engine) as conn:
            end(conn, notice, DROPPED, datetime.now(UTC))
        return True
    try:
        _hand_over(config, contact, notice)
    except Exception as reason:  # the edge: what is wrong with one message is said, and the next one is tried
        fault = str(reason) if isinstance(reason, (DeliveryFailure, OSError)) else type(reason).__name__
        with writing(engine) as conn:
            note_fault(conn, notice, fault)
        print(f"{shown(notice.receiver)}: {fault}", file=sys.stderr)
        return False
    with writing(engine) as conn:
        end(conn, notice, SENT, datetime.now(UTC))
    return True


def _hand_over(config: Config, contact: Any, notice: "Row[Any]") -> None:
    """Raises DeliveryFailure."""
    import msgspec

    from filterd.control.escalation.mail import mail_of, send
    from filterd.control.escalation.webhook import post
    from mgmt.orders.deadlines.alarms import AlarmMessage

    if contact.webhook is not None:
        post(contact.webhook, notice.text.encode(), notice.key, _signing(config), contact.ca)
        return
    said = msgspec.json.decode(notice.text, type=AlarmMessage)
    made = datetime.fromtimestamp(notice.made_ms / 1000, UTC)
    send(config.orders.mail, mail_of(said, contact.mail, config.orders.mail.sender or contact.mail, notice.key, made))


def _signing(config: Config) -> Any:
    """This box's key for webhooks, made where none exists yet."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from filterd.box.keys import key_at
    from filterd.box.places import keys_folder

    with _KEY_IS_MADE_ONCE:
        return Ed25519PrivateKey.from_private_bytes(key_at(keys_folder(config.state_dir) / KEY, 32))
