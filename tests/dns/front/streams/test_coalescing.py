import asyncio
from pathlib import Path

import pytest
from dnslib import DNSRecord
from support.dns.dot_servers import HOST, Peer, PlayedTls
from support.dns.front import Serving
from support.dns.stream_queries import answer_to, until
from support.images.opened import Images

from dns.base.endpoints import Endpoint
from dns.base.errors import UpstreamFailure
from dns.front.front import DnsFront
from dns.front.streams.coalescing import Coalescing
from fastpath.report.counters import Counters, read_counters


def query(number: int, name: str = "free.test", qtype: str = "A") -> bytes:
    record = DNSRecord.question(name, qtype)
    record.header.id = number
    return bytes(record.pack())


class Played:
    """An upstream that answers when it is told to; what it was asked, in order."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[bytes] = []
        self._answers: list[asyncio.Future[bytes]] = []
        self.counters = Counters(folder / "counters")
        self.coalescing = Coalescing(self._ask, self.counters)

    async def _ask(self, asked: bytes) -> bytes:
        self.asked.append(asked)
        self._answers.append(asyncio.get_running_loop().create_future())
        return await self._answers[-1]

    def answer(self, at: int = 0) -> None:
        self._answers[at].set_result(self.asked[at] + b" answered")

    def fail(self) -> None:
        self._answers[0].set_exception(UpstreamFailure("upstream: gone"))

    def counted(self) -> tuple[int, int]:
        values = self.counters.values()
        return values["dns_forwarded"], values["dns_coalesced"]


@pytest.fixture
def played(tmp_path: Path) -> Played:
    return Played(tmp_path)


async def asking(played: Played, group: asyncio.TaskGroup, *queries: bytes) -> list[asyncio.Task[bytes]]:
    tasks = [group.create_task(played.coalescing.ask(each)) for each in queries]
    await asyncio.sleep(0)
    return tasks


async def test_what_differs_in_the_id_alone_is_asked_once_and_everybody_gets_the_answer(played: Played) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = await asking(played, group, *map(query, range(10)))
        assert played.asked == [query(0)]
        played.answer()

    assert [task.result() for task in tasks] == [query(0) + b" answered"] * 10
    assert played.counted() == (1, 9)


@pytest.mark.parametrize(
    "other", [query(1, "other.test"), query(1, qtype="AAAA"), query(1)[:2] + b"\0" + query(1)[3:], query(1) + b"\0"]
)
async def test_what_differs_in_anything_else_is_asked_by_itself(played: Played, other: bytes) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = await asking(played, group, query(0), other)
        assert played.asked == [query(0), other]
        played.answer(1)
        played.answer(0)

    assert [task.result() for task in tasks] == [query(0) + b" answered", other + b" answered"]
    assert played.counted() == (2, 0)


async def test_the_same_question_later_is_asked_anew(played: Played) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(2):
            (task,) = await asking(played, group, query(number))
            played.answer(number)
            await task

    assert played.asked == [query(0), query(1)]


async def test_where_the_upstream_fails_everybody_is_told_and_the_next_one_asks_anew(played: Played) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(failing(played, number)) for number in range(3)]
        await asyncio.sleep(0)
        played.fail()
        assert [await task for task in tasks] == ["upstream: gone"] * 3
        (later,) = await asking(played, group, query(7))
        played.answer(1)

    assert later.result() == query(7) + b" answered"


async def failing(played: Played, number: int) -> str:
    with pytest.raises(UpstreamFailure) as failed:
        await played.coalescing.ask(query(number))
    return str(failed.value)


async def test_where_the_one_who_asked_leaves_one_of_the_others_asks(played: Played) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = await asking(played, group, *map(query, range(4)))
        tasks[0].cancel()
        await until(lambda: len(played.asked) > 1)
        assert played.asked == [query(0), query(1)]
        played.answer(1)

    assert [task.result() for task in tasks[1:]] == [query(1) + b" answered"] * 3


async def test_one_who_leaves_takes_nothing_from_the_others(played: Played) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = await asking(played, group, *map(query, range(3)))
        tasks[1].cancel()
        await asyncio.sleep(0.01)
        played.answer()

    assert [tasks[at].result() for at in (0, 2)] == [query(0) + b" answered"] * 2


async def test_where_all_of_them_leave_nothing_stays(played: Played) -> None:
    async with asyncio.TaskGroup() as group:
        for task in await asking(played, group, *map(query, range(3))):
            task.cancel()
    await asyncio.sleep(0)

    assert played.coalescing._under_way == {}


# -- the whole front ---------------------------------------------------------------------------------------------------


async def over_tcp(front: DnsFront, message: bytes) -> DNSRecord:
    reader, writer = await asyncio.open_connection(*front.bound[0])
    writer.write(len(message).to_bytes(2, "big") + message)
    answer = DNSRecord.parse(await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big")))
    writer.close()
    return answer


async def test_clients_over_many_connections_share_one_question_and_each_gets_its_own_answer(
    serving: Serving, images: Images
) -> None:
    asked: list[tuple[bytes, Peer]] = []

    async def reply(query: bytes, peer: Peer) -> None:
        asked.append((query, peer))

    names = ["free.test", "fReE.tEsT"]
    async with PlayedTls(None, reply)() as upstream, serving((), (Endpoint(HOST, upstream.port),)) as front:
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            tasks = [group.create_task(over_tcp(front, query(number, names[number % 2]))) for number in range(20)]
            await until(lambda: read_counters(images.folder / "c-tcp")["dns_tcp_queries"] == 20 and asked)
            for message, peer in asked:
                peer.say(answer_to(message))
        said = [task.result() for task in tasks]

    assert len(asked) == 1
    assert [(each.header.id, str(each.q.qname)) for each in said] == [(n, f"{names[n % 2]}.") for n in range(20)]
    counted = read_counters(images.folder / "c-tcp")
    assert (counted["dns_forwarded"], counted["dns_coalesced"], counted["dns_answered"]) == (1, 19, 20)
