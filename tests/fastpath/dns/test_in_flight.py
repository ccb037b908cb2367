from collections.abc import Iterator
from random import Random

import pytest
from dnslib import EDNS0, QTYPE, DNSRecord

from fastpath.testing.in_flight import InFlightTable

SEED = (1, 2)
CLIENT = b"client 1"


def query(name: str = "n.test", qtype: str = "A", number: int = 0, qclass: str = "IN") -> bytes:
    record = DNSRecord.question(name, qtype, qclass)
    record.header.id = number
    record.add_ar(EDNS0(udp_len=1232))
    return bytes(record.pack())


def answer(asked: bytes, upstream_id: int) -> bytes:
    return upstream_id.to_bytes(2, "big") + b"\x81\x80" + asked[4:]


@pytest.fixture
def table() -> Iterator[InFlightTable]:
    yield InFlightTable(2, 100, SEED)


def ask(table: InFlightTable, socket: int = 0, now_ns: int = 50, asked: bytes = query(), client: bytes = CLIENT) -> int:
    upstream_id = table.ask(socket, now_ns, asked, client)
    assert upstream_id is not None
    return upstream_id


def test_the_answer_to_a_waiting_question_gives_its_client_back_once(table: InFlightTable) -> None:
    upstream_id = ask(table)

    assert table.end(0, answer(query(), upstream_id)) == [(CLIENT, query())]
    assert table.end(0, answer(query(), upstream_id)) is None
    assert len(table) == 0


def test_everybody_who_asked_the_same_is_answered_by_one_answer(table: InFlightTable) -> None:
    upstream_id = ask(table)
    assert table.ask(0, 51, query("N.tEst", number=7), CLIENT) is None
    assert table.ask(1, 52, query(), b"client 2") is None

    clients = table.end(0, answer(query(), upstream_id))

    assert clients is not None
    assert sorted(clients) == [(CLIENT, query()), (CLIENT, query("N.tEst", number=7)), (b"client 2", query())]


def test_a_client_that_repeats_its_query_waits_once(table: InFlightTable) -> None:
    upstream_id = ask(table)
    for _ in range(3):
        assert table.ask(0, 51, query(), CLIENT) is None

    assert table.end(0, answer(query(), upstream_id)) == [(CLIENT, query())]


def test_a_proxy_that_repeats_its_id_for_another_client_waits_for_both(table: InFlightTable) -> None:
    upstream_id = ask(table)
    for asker in (b"\xc0\0\2\7", b"\xc0\0\2\7", b"\xc0\0\2\7" + bytes(12), bytes(4)):
        assert table.ask(0, 51, query(), CLIENT, asker) is None

    assert table.end(0, answer(query(), upstream_id)) == [(CLIENT, query())] * 3


def test_however_many_clients_ask_one_question_it_is_asked_once(table: InFlightTable) -> None:
    ids = [table.ask(0, 50, query(number=number), CLIENT) for number in range(64)]

    assert [number for number, each in enumerate(ids) if each is not None] == [0]
    assert len(table) == 1


@pytest.mark.parametrize(
    ("what", "other"),
    [
        ("name", query("m.test")),
        ("qtype", query(qtype="AAAA")),
        ("qclass", query(qclass="CH")),
        ("qtype and qclass swapped", query(qtype=QTYPE[3], qclass="IN")),
        ("nothing", b""),
        ("a header", query()[:12]),
        ("a question cut", query()[:20]),
    ],
)
def test_an_answer_to_another_question_leaves_the_query_waiting(table: InFlightTable, what: str, other: bytes) -> None:
    upstream_id = ask(table)

    assert table.end(0, answer(other, upstream_id)) is None
    assert table.end(0, answer(query(), upstream_id)) == [(CLIENT, query())]


def test_a_query_answers_nothing(table: InFlightTable) -> None:
    upstream_id = ask(table)

    assert table.end(0, upstream_id.to_bytes(2, "big") + query()[2:]) is None


def test_an_answer_on_another_socket_is_not_believed(table: InFlightTable) -> None:
    assert table.end(1, answer(query(), ask(table))) is None


def test_the_letter_case_of_the_answers_question_does_not_matter(table: InFlightTable) -> None:
    assert table.end(0, answer(query("N.tEsT"), ask(table))) == [(CLIENT, query())]


def test_ids_of_waiting_questions_of_one_socket_are_all_different_and_in_no_order() -> None:
    table = InFlightTable(1, 20_000, SEED)

    drawn = [ask(table, asked=query(f"n{number}.test")) for number in range(20_000)]

    assert len(set(drawn)) == 20_000
    assert drawn[:50] != sorted(drawn[:50])
    assert max(drawn) > 60_000 and min(drawn) < 5_000


def test_every_table_draws_other_ids() -> None:
    first, second = InFlightTable(1, 9, SEED), InFlightTable(1, 9, SEED)

    names = [f"n{number}.test" for number in range(9)]
    assert [ask(first, asked=query(name)) for name in names] != [ask(second, asked=query(name)) for name in names]


def test_a_question_that_moved_is_answered_only_where_it_is_now(table: InFlightTable) -> None:
    before = ask(table)
    after = table.move(query(), 1, 60)

    assert table.end(0, answer(query(), before)) is None
    assert table.end(1, answer(query(), after)) == [(CLIENT, query())]


def test_each_upstream_gives_its_silent_questions_in_the_order_they_were_asked() -> None:
    table = InFlightTable(2, 100, SEED, 2)
    for number in range(2):
        ask(table, number, 50 + number, query(f"n{number}.test"))
    table.move(query("n0.test"), 1, 60)

    assert [table.unanswered(0, 100), table.unanswered(1, 50)] == [0, 0]
    assert [table.unanswered(1, 51), table.unanswered(1, 60), table.unanswered(1, 100)] == [1, 1, 0]
    assert len(table) == 2


def test_a_question_that_went_over_a_stream_is_answered_there_alone_and_is_silent_in_its_own_time() -> None:
    table = InFlightTable(4, 100, SEED, 2)
    first = ask(table, 0, 50)
    ask(table, 1, 60, query("m.test"))
    over_stream = table.move(query(), 3, 70, True)

    assert (table.unanswered(0, 100), table.unanswered(1, 100)) == (1, 0)
    assert (table.unanswered_over_streams(69), table.unanswered_over_streams(70)) == (0, 1)
    assert table.end(0, answer(query(), first)) is None
    assert table.end(3, answer(query(), over_stream)) == [(CLIENT, query())]


def test_only_questions_that_began_long_ago_are_given_up(table: InFlightTable) -> None:
    early = ask(table, 0, 50)
    late = ask(table, 1, 60, query("late.test"))

    assert table.expire(49) == 0
    assert table.expire(50) == 1
    assert table.end(0, answer(query(), early)) is None
    assert table.end(1, answer(query("late.test"), late)) is not None


def test_each_question_becomes_old_once() -> None:
    table = InFlightTable(1, 100, SEED)
    ids = [ask(table, 0, 50 + number, query(f"n{number}.test")) for number in range(4)]

    assert table.old(49) == 0
    assert table.old(51) == 2
    assert table.end(0, answer(query("n2.test"), ids[2])) is not None
    assert [table.old(100), table.old(100)] == [1, 0]
    ask(table, 0, 101, query("new.test"))
    assert table.old(101) == 1


def test_an_answered_question_does_not_expire(table: InFlightTable) -> None:
    ids = [ask(table, 0, 50 + number, query(f"n{number}.test")) for number in range(3)]
    table.end(0, answer(query("n1.test"), ids[1]))

    assert len(table) == 2
    assert table.expire(100) == 2
    assert len(table) == 0


def test_a_full_table_gives_up_its_oldest_question_and_counts_it() -> None:
    table = InFlightTable(1, 3, SEED)
    names = [f"n{number}.test" for number in range(4)]
    ids = [ask(table, 0, 50 + number, query(name)) for number, name in enumerate(names)]

    assert len(table) == 3
    assert table.expire(0) == 1
    found = [table.end(0, answer(query(name), each)) for name, each in zip(names, ids, strict=True)]
    assert [each is None for each in found] == [True, False, False, False]


def test_where_clients_fill_the_table_the_oldest_question_goes_with_all_of_its_own() -> None:
    table = InFlightTable(1, 3, SEED)
    first = ask(table)
    table.ask(0, 50, query(number=1), CLIENT)
    second = ask(table, 0, 51, query("m.test"))

    assert table.ask(0, 52, query("m.test", number=1), CLIENT) is None

    assert table.end(0, answer(query(), first)) is None
    clients = table.end(0, answer(query("m.test"), second))
    assert clients is not None and len(clients) == 2


def test_a_table_full_of_clients_of_one_question_takes_no_other_of_it() -> None:
    table = InFlightTable(1, 3, SEED)
    upstream_id = ask(table)

    for number in range(1, 5):
        assert table.ask(0, 50, query(number=number), CLIENT) is None

    clients = table.end(0, answer(query(), upstream_id))
    assert clients is not None and len(clients) == 3


def test_slots_are_used_again_for_ever() -> None:
    table = InFlightTable(1, 2, SEED)

    for number in range(1000):
        asked = query(number=number)
        assert table.end(0, answer(asked, ask(table, 0, number, asked))) == [(CLIENT, asked)]

    assert len(table) == 0
    assert table.expire(10_000) == 0


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens_in_whatever_order_nothing_is_lost_of_the_table(seed: int) -> None:
    dice = Random(seed)
    table = InFlightTable(4, 12, SEED, 2)
    names = [f"n{number}.test" for number in range(20)]
    at: dict[str, tuple[int, int]] = {}
    for now_ns in range(4000):
        name, socket = dice.choice(names), dice.randrange(4)
        what = dice.randrange(6)
        if what < 3:
            upstream_id = table.ask(socket, now_ns, query(name, number=dice.randrange(40)), CLIENT)
            if upstream_id is not None:
                at[name] = socket, upstream_id
            elif what == 0:
                at[name] = socket, table.move(query(name), socket, now_ns, True)
        elif what == 3 and name in at:
            table.end(at[name][0], answer(query(name), at.pop(name)[1]))
        elif what == 4:
            table.unanswered(dice.randrange(2), now_ns - 20)
            table.unanswered_over_streams(now_ns - 20)
            table.old(now_ns - 30)
        else:
            table.expire(now_ns - 50)
        assert len(table) <= 12

    table.expire(4000)
    assert len(table) == 0
    ids = [ask(table, 0, 5000, query(f"m{number}.test")) for number in range(12)]
    assert (len(table), table.expire(4999), table.old(5000)) == (12, 0, 12)
    for number, upstream_id in enumerate(ids):
        assert table.end(0, answer(query(f"m{number}.test"), upstream_id)) == [(CLIENT, query(f"m{number}.test"))]
