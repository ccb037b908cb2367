import asyncio

import pytest

from mgmt.contract.errors import NotInForce
from mgmt.web.api.publications import Publications
from parental.store.errors import DatabaseAway


class Published:
    """Counts publications; each waits until it is let go on."""

    def __init__(self) -> None:
        self.n, self.may_go_on = 0, asyncio.Event()
        self.fails: Exception | None = None

    async def __call__(self) -> None:
        self.n += 1
        await self.may_go_on.wait()
        if self.fails is not None:
            raise self.fails


async def test_what_is_asked_while_one_publication_runs_is_one_more_publication() -> None:
    published = Published()
    publications = Publications(published)

    first = publications.ask()
    await asyncio.sleep(0)
    others = {publications.ask() for _ in range(50)}
    published.may_go_on.set()

    assert [await first, *[await each for each in others]] == [None, None]
    assert published.n == 2
    assert await publications.ask() is None and published.n == 3


@pytest.mark.parametrize(
    ("fault", "said"),
    [(NotInForce("dns-0: no space"), "dns-0: no space"), (DatabaseAway("x"), "the database gives no")],
)
async def test_a_publication_that_fails_says_why_and_the_next_one_is_made(fault: Exception, said: str) -> None:
    published = Published()
    published.may_go_on.set()
    publications = Publications(published)

    published.fails = fault
    assert (await publications.ask() or "").startswith(said)
    published.fails = None
    assert await publications.ask() is None


async def test_what_is_closed_leaves_no_task_behind() -> None:
    publications = Publications(Published())
    publications.ask()
    await asyncio.sleep(0)

    await publications.close()
    await publications.close()

    assert asyncio.all_tasks() == {asyncio.current_task()}
