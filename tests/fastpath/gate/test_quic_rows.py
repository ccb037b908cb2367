"""The evasion rows of QUIC, without a kernel and its server: a listed name is blocked, another one passes."""

import pytest
from support.evasion import quic_rows
from support.evasion.rows import build
from support.evasion.segments import Row
from support.gate.lab import BLOCKED, Lab
from support.packets.builders import Client

CASES = [(row, base) for row in quic_rows.ROWS for base in row.bases]


def played(lab: Lab, row: Row, base: str, name: str) -> bool:
    """Whether the gate blocks anything of a case; its server is silent, and the kernel drops wrong checksums.

    Nothing of a case is in fragments here."""
    _, stream = build(row.name, base, name)
    state, states = 0, []
    for one in row.plan(stream):
        if one.answering is None and not one.is_checksum_bad:
            client = Client(sport=2000 + one.port_by, dport=8443 if row.server == "quic elsewhere" else 443)
            states.append(lab.send_datagram(one.data, client, state))
    return BLOCKED in states


@pytest.mark.parametrize(("row", "base"), CASES, ids=[f"{row.name}, {base}" for row, base in CASES])
def test_a_listed_name_is_blocked_and_another_passes(lab: Lab, row: Row, base: str) -> None:
    is_answered = any(one.answering for one in row.plan(build(row.name, base, "notblocked.test")[1]))

    assert played(lab, row, base, "notblocked.test") == (row.reaches and not row.passes)
    assert is_answered or played(lab, row, base, "www.blocked.test")
