"""Signs the ledger, and answers the issuers of orders whose state has changed.

    ledger → signed → orders that the traffic has confirmed, or does not confirm any more → their confirmations

Invariants: where the ledger cannot be signed, no issuer is answered; what is not answered now is at the next look.
"""

import socket
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import Engine

from filterd.audit.seal import Seal
from filterd.box.places import keys_folder
from filterd.config import Config
from mgmt.ledger.checkpoint import Signer
from mgmt.orders.confirmation.replies import Mark, changed, confirm, due, mark_of, restate
from parental.store.database import reading, writing

CONFIRMED_AT_ONCE = 20  # orders of one look


class AnswerProgress(NamedTuple):
    """Up to where answers to issuers were looked at, and the orders whose next one waits for the workers."""

    mark: Mark | None
    waiting: list[int]


class LedgerSeal:
    """The seal of the ledger, opened at the first look."""

    def __init__(self, config: Config, engine: Engine) -> None:
        self._config, self._engine = config, engine
        self._seal: Seal | None = None
        self._progress = AnswerProgress(None, [])

    def look(self) -> None:
        """Sign what is new, and answer the issuers.   Blocking.   Raises LedgerDamage, OSError, DatabaseFault"""
        if self._seal is None:
            self._seal = Seal(self._engine, keys_folder(self._config.state_dir), socket.gethostname())
        self._seal.seal(datetime.now(UTC))
        self._progress = answer_issuers(self._engine, self._seal.signer, self._progress)


def answer_issuers(engine: Engine, signer: Signer, before: AnswerProgress) -> AnswerProgress:
    """Answer the issuers of orders that the traffic has confirmed, and of those whose answer is not so any more."""
    with reading(engine) as conn:
        found, mark = due(conn, CONFIRMED_AT_ONCE), mark_of(conn)
        new = [] if mark == before.mark else changed(conn, since=before.mark)
    outdated = list(dict.fromkeys([*before.waiting, *new]))
    for each in found:
        with writing(engine) as conn:
            confirm(conn, each, signer, datetime.now(UTC))
    waiting = outdated[CONFIRMED_AT_ONCE:]
    for order in outdated[:CONFIRMED_AT_ONCE]:
        with writing(engine) as conn:
            if not restate(conn, order, signer, datetime.now(UTC)):
                waiting.append(order)
    return AnswerProgress(mark, waiting)
