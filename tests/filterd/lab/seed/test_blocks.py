from sqlalchemy import select
from support.system.seeded import END, Life

from fastpath.images.verdict import Reason
from filterd.lab.seed.families import FAMILIES
from filterd.lab.seed.month import N_DAYS, Month
from mgmt.orders.store import get_order
from mgmt.registers.records.block_ledger import has_blocks, iter_csam_counts, pseudonym_of
from parental.policy.profile import lock_reason
from parental.store.schema.records import day_keys


def test_every_day_has_blocks_and_none_is_later_than_now(life: Life, month: Month) -> None:
    times = [row["time"] for row in life.blocks()]
    days = {at.astimezone(month.zone).date() for at in times}

    assert max(times) <= END
    assert days == {month.day(number) for number in range(2, N_DAYS + 1)}


def test_a_block_by_an_order_lies_between_its_push_and_its_withdrawal(life: Life) -> None:
    rows = life.blocks("order")

    assert rows
    for row in rows:
        order = get_order(life.conn, row["order"])
        ended_ms = order.withdrawn_ms or END.timestamp() * 1000
        assert order.received_ms <= (row["time"].timestamp() + 1) * 1000 <= ended_ms + 1000


def test_a_schedules_block_is_the_familys_own_and_lies_in_its_nights(life: Life, month: Month) -> None:
    rows = life.blocks("schedule")
    node_key = (life.config.state_dir / "keys/pseudonym.key").read_bytes()
    keys = {row.day: bytes(row.key) for row in life.conn.execute(select(day_keys))}

    assert rows
    for row in rows:
        of = {
            pseudonym_of(family.line, key, node_key, of_household=True): family
            for family in FAMILIES
            for key in keys.values()
        }
        closed = lock_reason(of[row["subscriber"].hex()].profile, row["time"].astimezone(month.zone))
        assert closed is Reason.SCHEDULE


def test_confidential_blocks_are_counts(life: Life) -> None:
    assert sum(found.count for found in iter_csam_counts(life.conn, 0, int(END.timestamp()) + 1)) > 0
    assert not life.blocks("csam") and not has_blocks(life.conn)
