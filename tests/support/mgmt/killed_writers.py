"""Writers of a ledger that are killed at random points, and what is left of what they said was written.

    python killed_writers.py FOLDER N_KILLS SEED      prints one JSON object

Each writer is a process with three threads: two make and revoke tokens, each change with its event in one transaction,
and say on a pipe what was committed; one signs without a pause.  Run as a program, so that a fork has no other threads.
"""

import contextlib
import json
import os
import random
import signal
import struct
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select, text
from support.mgmt import ledgers

from filterd.audit.seal import Seal
from mgmt.ledger import store
from mgmt.ledger.event import CONTROL
from mgmt.staff.tokens import create_token, revoke_token
from mgmt.web.kit.auth import find_principal
from parental.store.database import open_database, reading, writing
from parental.store.errors import DatabaseTimeout
from parental.store.schema.access import tokens

SAID = struct.Struct("qq")  # number of the event, number of the token
LONGEST_S = 0.15  # from a writer's first commit to its end


def write(folder: Path, said: int) -> None:
    """The writer: until it is killed."""
    engine = open_database(folder / "filterd.db")

    def make() -> None:
        while True:
            with contextlib.suppress(DatabaseTimeout), writing(engine) as conn:
                principal = find_principal(conn, create_token(conn, "auditor", None, CONTROL), datetime.now(UTC))
                assert principal is not None
                number = store.size(conn) - 1
                if principal.token % 3 == 0:  # gone again, in the same transaction, with an event of its own
                    revoke_token(conn, principal.token, CONTROL)
            os.write(said, SAID.pack(number, principal.token))

    for _ in range(2):
        threading.Thread(target=make, daemon=True).start()
    (folder / "keys").mkdir(exist_ok=True)
    seal = Seal(engine, folder / "keys", "gw")
    while True:
        with contextlib.suppress(DatabaseTimeout):
            seal.seal_all(datetime.now(UTC))


def kill_one(folder: Path, chosen: random.Random) -> list[tuple[int, int]]:
    """Start a writer, kill it; what it has said."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            write(folder, writer)
        finally:
            os._exit(1)
    os.close(writer)
    octets = os.read(reader, SAID.size)
    time.sleep(chosen.random() * LONGEST_S)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while more := os.read(reader, 1 << 16):
        octets += more
    os.close(reader)
    return list(SAID.iter_unpack(octets))


def judge(folder: Path, said: list[tuple[int, int]], chosen: random.Random) -> dict[str, Any]:
    engine = open_database(folder / "filterd.db")
    Seal(engine, folder / "keys", "gw").seal_all(datetime.now(UTC))
    octets = ledgers.bundle(engine)
    found = ledgers.verified(octets)
    events = [json.loads(line)["event"] for line in ledgers.split(octets) if line.startswith(b'{"event":')]
    made = [(each["number"], each["about"]["token"]) for each in events if each["action"] == "token made"]
    revoked = {each["about"]["token"] for each in events if each["action"] == "token revoked"}
    with reading(engine) as conn:
        kept = set(conn.execute(select(tokens.c.id)).scalars())
        health = conn.execute(text("PRAGMA integrity_check")).scalar_one()
    engine.dispose()
    at = chosen.randrange(len(octets) // 4, len(octets))
    altered = octets[:at] + bytes([octets[at] ^ 1]) + octets[at + 1 :]
    return {
        "said": len(said),
        "lost": [each for each in said if made.count(each) != 1],
        "twice": len(said) - len(set(said)),
        "events": found.until,
        "whole": found.until == len(events),
        "changes_are_events": kept == {token for _, token in made} - revoked,
        "health": health,
        "altered": ledgers.fault(altered),
    }


if __name__ == "__main__":
    place, n_kills, dice = Path(sys.argv[1]), int(sys.argv[2]), random.Random(int(sys.argv[3]))
    every: list[tuple[int, int]] = []
    for _ in range(n_kills):
        every += kill_one(place, dice)
    print(json.dumps(judge(place, every, dice)))
