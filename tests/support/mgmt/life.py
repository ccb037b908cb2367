"""A database of life: orders of two issuers, lines with devices, reports, blocks and a signed ledger."""

from datetime import timedelta

from sqlalchemy import Connection, Engine
from support.mgmt.desk import NOW
from support.mgmt.ledgers import sign

from mgmt.ledger.event import CONTROL
from mgmt.orders import store as orders
from mgmt.orders.base.judge import judge_entries, parse_order
from mgmt.registers.records import block_ledger
from mgmt.registers.records.block_ledger import BlockRecord, CsamCount
from mgmt.registers.records.wrong_blocks import report_mistake
from parental.people import devices
from parental.policy import subscribers as store
from parental.policy.profile import Profile
from parental.policy.schedule import Schedule, parse_interval
from parental.policy.subscriber import Subscriber, parse_prefix
from parental.store.database import writing
from rules.base.protected import ProtectedNames

LINES = range(1, 260)  # more than a page
ORDERS = range(1, 130)


def fill(engine: Engine) -> None:
    """Fill a new database."""
    with writing(engine) as conn:
        _lines(conn)
        _orders(conn)
        for number in range(6):
            report_mistake(conn, "category", f"mistake{number}.example", NOW, "Asia/Karachi")
        blocks = [_block(number) for number in range(40)]
        block_ledger.append_blocks(conn, blocks, bytes(range(32)))
        block_ledger.add_csam_counts(conn, [CsamCount(int(NOW.timestamp()), "gw1", "iwf", "sni", 2)])
    sign(engine)


def _lines(conn: Connection) -> None:
    hours = Schedule((parse_interval("mon", "21:30", "06:30"),))
    for number in LINES:
        prefix = parse_prefix(f"198.51.{100 + number // 256}.{number % 256}")
        store.put_subscriber(conn, Subscriber(number, f"گھر {number}", (prefix,), Profile(frozenset({"adult"}), hours)))
    for name in ("ali-phone", "tablet"):
        devices.put_device(conn, 7, name)


def _orders(conn: Connection) -> None:
    for number in ORDERS:
        issuer = "PTA" if number % 2 else "Islamabad High Court"
        body = (
            b'{"issuer":"%b","ref":"WA/%d","ground":"peca-37","entries":["n%d.example","https://s.example/%d","com.pk"]}'
            % (issuer.encode(), number, number, number)
        )
        order = parse_order(body)
        orders.put_order(
            conn, order, judge_entries(order, ProtectedNames()), body, NOW - timedelta(hours=number), CONTROL
        )


def _block(number: int) -> BlockRecord:
    return BlockRecord(
        time_s=int(NOW.timestamp()) - number,
        channel="sni",
        action="splash",
        list="orders",
        rule=f"n{number}.example",
        order=1,
        category="",
        reason="order",
        generation=42,
        subscriber=7,
    )
