"""Statistics of a quarter that were published, as control does it."""

from datetime import UTC, datetime

from sqlalchemy import Connection
from support.mgmt.confirmed import SIGNER

from mgmt.registers.records.statistics import statement
from mgmt.registers.records.statistics.disclosure import LEAST
from mgmt.registers.records.statistics.releases import put_release

MADE = datetime(2026, 10, 2, tzinfo=UTC)
CELLS: dict[tuple[str, ...], int] = {
    ("2026-07", "Sindh", "adult", "dns", "pta", "unknown", "splash"): 120,
    ("2026-07", "Punjab", "adult", "sni", "pta", "unknown", "splash"): 48,
    ("2026-08", "unknown", "none", "dns", "=cmd", "unknown", "nxdomain"): 35,
    ("2026-09", "unknown", "malware", "http", "<b>", "unknown", "splash"): 7,
    ("2026-09", "Sindh", "malware", "http", "<b>", "unknown", "splash"): 6,
    ("2026-09", "Punjab", "malware", "http", "<b>", "unknown", "splash"): 5,
}


def statement_of(quarter: str = "2026-Q3", node: str = "") -> statement.Statement:
    took = statement.DurationFigures(orders=2, median_ms=1500, p95_ms=None)
    orders = statement.Orders(
        issuer="PTA",
        orders=3,
        enforced=took,
        confirmed=took,
        in_time=1,
        late=1,
        overdue=1,
        entries_in_force=9,
        entries_asked=8,
        questions=20,
        blocked_here=20,
    )
    return statement.Statement(
        format=statement.FORMAT,
        quarter=quarter,
        zone="Asia/Karachi",
        node=node,
        made="2026-10-02T00:00:00.000Z",
        least=LEAST,
        is_whole=False,
        blocks=statement.protected_blocks(CELLS),
        csam=statement.protected_csam({("2026-07", "dns"): 30}),
        appeals=[],
        bypass=None,
        orders=[orders],
    )


def published(conn: Connection, quarter: str = "2026-Q3", node: str = "") -> bool:
    return put_release(conn, statement_of(quarter, node), SIGNER, MADE)
