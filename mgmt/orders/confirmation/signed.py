"""The signature of a confirmation: a signed statement whose subject is the number of the order."""

from collections.abc import Sequence

from mgmt.ledger.checkpoint import Signer
from mgmt.ledger.signed_statement import opened, sign
from mgmt.orders.confirmation.statement import FORMAT


def note_of(signer: Signer, order: int, statement: str) -> str:
    """The note of a statement."""
    return sign(signer, FORMAT, str(order), statement)


def check_document(document: bytes, vkeys: Sequence[str]) -> str:
    """The statement of a document, which one of the keys has signed.   Raises ValueError."""
    return opened(document, vkeys, FORMAT, lambda said: str(said["order"]["number"]))
