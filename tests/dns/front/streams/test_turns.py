import asyncio

from dns.front.streams.turns import CALLED, Turns


async def ended_in_turn(turns: Turns, clients: str) -> str:
    """Clients by the order in which they were called, all of whom have waited."""
    called = list[str]()

    async def wait(client: str) -> None:
        await turns.wait(client)
        called.append(client)

    async with asyncio.TaskGroup() as group:
        for client in clients:
            group.create_task(wait(client))
    return "".join(called)


async def test_clients_are_called_in_turn_however_many_connections_one_has() -> None:
    assert await ended_in_turn(Turns(), "aaaaaaaabc") == "abcaaaaaaa"


async def test_who_waits_again_comes_after_all_others_that_wait() -> None:
    turns, called = Turns(), list[str]()

    async def go_on(client: str) -> None:
        for _ in range(3):
            await turns.wait(client)
            called.append(client)

    async with asyncio.TaskGroup() as group:
        for client in "abc":
            group.create_task(go_on(client))

    assert sorted(called[:3]) == sorted(called[3:6]) == ["a", "b", "c"]


async def test_a_turn_of_the_loop_calls_no_more_than_it_may() -> None:
    turns, called, seen = Turns(), list[int](), list[int]()

    async def wait(number: int) -> None:
        await turns.wait(number)
        called.append(number)

    async with asyncio.TaskGroup() as group:
        for number in range(10):
            group.create_task(wait(number))
        while len(called) < 10:
            before = len(called)
            await asyncio.sleep(0)
            seen.append(len(called) - before)

    assert max(seen) == CALLED


async def test_one_that_leaves_holds_nobody_up() -> None:
    turns = Turns()

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        leaving = [group.create_task(turns.wait("a")) for _ in range(5)]
        await asyncio.sleep(0)
        for each in leaving:
            each.cancel()
        assert await ended_in_turn(turns, "ab") == "ab"


async def test_who_comes_when_nobody_waits_is_called_at_once() -> None:
    turns = Turns()

    for _ in range(2):
        async with asyncio.timeout(60):
            await turns.wait("a")
