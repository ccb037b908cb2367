"""Pages of lists: as many statements for a full one as for a short one, and each entry as it is alone."""

from collections.abc import Iterator
from dataclasses import replace

import msgspec
import pytest
from sqlalchemy import Connection, Engine, event
from support.mgmt.desk import NOW, DeskOf
from support.mgmt.life import fill

from mgmt.ledger.event import CONTROL
from mgmt.orders import store as orders
from mgmt.orders.base.judge import judge_entries, order_of
from mgmt.orders.base.letters import keep_letters
from mgmt.orders.base.pushed import PushedOrder
from mgmt.registers.records.wrong_blocks import report_mistake
from parental.policy import subscribers as store
from parental.policy.profile import UNTIL_RESUMED, Profile
from parental.policy.schedule import Schedule, parse_interval
from parental.policy.subscriber import Subscriber
from parental.store.database import writing
from rules.base.protected import ProtectedNames

LISTS = ("orders", "reports", "profiles", "subscribers", "accounts", "tokens")
LATE = Profile(frozenset({"adult"}), Schedule((parse_interval("mon", "21:30", "06:30"),)))
EARLY = Profile(frozenset({"adult"}), Schedule((parse_interval("mon", "20:00", "06:30"),)))
KINDS = {"profiles": 2, "subscribers": 3}  # a pause is no part of what a profile says


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """Every statement of this process, as the database gets it."""
    seen: list[str] = []

    def note(_conn: Connection, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield seen
    event.remove(Engine, "before_cursor_execute", note)


def push(conn: Connection, ref: str, n_entries: int) -> int:
    """An emergency order, which a list holds, too."""
    said = PushedOrder("PTA", ref, "peca-37", [f"n{n}.{ref}.example" for n in range(n_entries)], emergency=True)
    order = order_of(said)
    number = orders.put_order(conn, order, judge_entries(order, ProtectedNames()), b"{}", NOW, CONTROL)
    keep_letters(conn, {"a": {str(each): {"enforced": 1} for each in range(1, number + 1)}}, 7, NOW)
    return number


async def test_a_full_page_asks_the_database_no_more_than_a_short_one(
    desk: DeskOf, engine: Engine, statements: list[str]
) -> None:
    operator = desk("operator")

    async def pages() -> dict[str, tuple[int, int]]:
        """How many entries the page of each list has, and for how many statements."""
        found = {}
        for name in LISTS:
            statements.clear()
            _, page = await operator.ask("GET", f"/v1/{name}")
            found[name] = (len(page[name]), len(statements))
        return found

    with writing(engine) as conn:
        push(conn, "a", 1)
        report_mistake(conn, "category", "a.example", NOW, "Asia/Karachi")
    await operator.ask("GET", "/v1/orders")  # the first use of a token is noted

    short = await pages()
    fill(engine)
    with writing(engine) as conn:
        push(conn, "b", 1)
    for _ in range(3):
        desk("operator")
    full = await pages()

    for name in LISTS:
        assert full[name][0] > short[name][0] > 0, name
        assert full[name][1] <= short[name][1], name


async def test_an_order_of_many_entries_asks_the_database_no_more_than_one_of_one(
    desk: DeskOf, engine: Engine, statements: list[str]
) -> None:
    operator = desk("operator")
    with writing(engine) as conn:
        small, large = push(conn, "a", 1), push(conn, "b", 50)
    await operator.ask("GET", f"/v1/orders/id/{small}")

    statements.clear()
    await operator.ask("GET", f"/v1/orders/id/{small}")
    of_small = len(statements)
    statements.clear()
    _, shown = await operator.ask("GET", f"/v1/orders/id/{large}")

    assert len(shown["entries"]) == 50
    assert len(statements) <= of_small


@pytest.mark.parametrize("name", ["profiles", "subscribers"])
async def test_each_of_a_page_is_as_it_is_alone_whoever_is_like_it(name: str, desk: DeskOf, engine: Engine) -> None:
    operator = desk("operator")
    with writing(engine) as conn:
        for number, rules in enumerate((LATE, LATE, EARLY, replace(EARLY, paused_until_s=UNTIL_RESUMED), EARLY), 20):
            store.put_subscriber(conn, Subscriber(number, f"Home {number}", (), rules))

    _, page = await operator.ask("GET", f"/v1/{name}?after=19")

    assert page[name] == [(await operator.ask("GET", f"/v1/{name}/{number}"))[1] for number in range(20, 25)]
    assert len({msgspec.json.encode({**each, "id": 0, "label": ""}) for each in page[name]}) == KINDS[name]
