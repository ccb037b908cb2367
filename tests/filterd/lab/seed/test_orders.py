from collections import Counter
from dataclasses import replace
from random import Random

from sqlalchemy import select
from support.system.seeded import SEED, Life

from filterd.lab.seed.month import Month
from filterd.lab.seed.orders import LIST_LETTERS, letters_of
from filterd.lab.seed.staff import ISSUERS
from mgmt.orders import store
from parental.store.schema import ledger


def test_one_seed_is_one_month_and_another_seed_another(month: Month) -> None:
    again, other = (replace(month, draw=Random(seed)) for seed in (SEED, SEED + 1))
    letters = letters_of(month)

    assert letters == letters_of(again) != letters_of(other)


def test_both_issuers_have_orders_in_force_in_part_and_withdrawn(life: Life) -> None:
    found = store.page_of_orders(life.conn, 0, 100)
    pushed = [order for order in found if order.ref not in LIST_LETTERS]
    states = Counter(store.state_of(order, store.counts_of(life.conn, order.id)) for order in pushed)

    assert {order.issuer for order in pushed} == {*ISSUERS}
    assert states.keys() == {"enforced", "partly_enforced", "withdrawn"}
    assert len(pushed) == life.filled.n_letters > 10
    assert len(found) - len(pushed) == len(LIST_LETTERS)


def test_entries_have_every_status_that_a_letter_can_give_them(life: Life) -> None:
    counted: Counter[str] = Counter()
    for order in store.page_of_orders(life.conn, 0, 100):
        counted.update(store.counts_of(life.conn, order.id))

    assert counted.keys() >= {
        "enforced",
        "enforced_http_only",
        "invalid",
        "duplicate",
        "refused_protected",
        "withdrawn",
    }


def test_what_was_done_stands_in_the_ledger_and_no_event_was_written_behind_the_time(life: Life) -> None:
    texts = life.conn.execute(select(ledger.events.c.text)).scalars().all()
    pushed = [text for text in texts if '"pushed"' in text]

    assert not [text for text in texts if "behind" in text]
    assert len(pushed) == life.filled.n_letters + len(LIST_LETTERS)
    assert sum('"role":"regulator"' in text for text in pushed) == life.filled.n_letters
