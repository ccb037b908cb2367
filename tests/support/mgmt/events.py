"""What the ledger says, as a test reads it."""

import json
from typing import Any

from sqlalchemy import Connection

from mgmt.ledger import store


def events_of(conn: Connection, kind: str) -> list[dict[str, Any]]:
    """The events of a kind, in their order."""
    found = (json.loads(row.text) for row in store.read_events(conn, 0, store.size(conn)))
    return [event for event in found if event["kind"] == kind]
