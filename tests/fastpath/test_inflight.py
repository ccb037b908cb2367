from collections.abc import Iterator

import pytest

from fastpath.inflight import InFlightTable

SEED = (1, 2, 3)
QUESTION = (b"\x01n\x04test\x00", 1, 1)


@pytest.fixture
def table() -> Iterator[InFlightTable]:
    yield InFlightTable(2, 100, SEED)


def test_the_answer_to_a_waiting_query_gives_the_clients_id_back_once(table: InFlightTable) -> None:
    upstream_id = table.begin(0, 50, QUESTION, 4711)

    assert table.end(0, upstream_id, QUESTION) == 4711
    assert table.end(0, upstream_id, QUESTION) is None


@pytest.mark.parametrize(("what", "other"), [
    ("name", (b"\x01m\x04test\x00", 1, 1)), ("qtype", (b"\x01n\x04test\x00", 28, 1)),
    ("qclass", (b"\x01n\x04test\x00", 1, 3)), ("qtype and qclass swapped", (b"\x01n\x04test\x00", 3, 1))])
def test_an_answer_to_another_question_leaves_the_query_waiting(table: InFlightTable, what: str,
                                                               other: tuple[bytes, int, int]) -> None:
    upstream_id = table.begin(0, 50, QUESTION, 4711)

    assert table.end(0, upstream_id, other) is None
    assert table.end(0, upstream_id, QUESTION) == 4711


def test_an_answer_on_another_socket_is_not_believed(table: InFlightTable) -> None:
    upstream_id = table.begin(0, 50, QUESTION, 4711)

    assert table.end(1, upstream_id, QUESTION) is None


def test_the_letter_case_of_the_question_does_not_matter(table: InFlightTable) -> None:
    upstream_id = table.begin(0, 50, (b"\x01N\x04tEst\x00", 1, 1), 4711)

    assert table.end(0, upstream_id, QUESTION) == 4711


def test_ids_of_waiting_queries_of_one_socket_are_all_different_and_in_no_order() -> None:
    table = InFlightTable(1, 20_000, SEED)

    drawn = [table.begin(0, 50, QUESTION, 1) for _ in range(20_000)]

    assert len(set(drawn)) == 20_000
    assert drawn[:50] != sorted(drawn[:50])
    assert max(drawn) > 60_000 and min(drawn) < 5_000


def test_another_seed_draws_other_ids() -> None:
    first, second = InFlightTable(1, 9, (1, 2, 3)), InFlightTable(1, 9, (1, 2, 5))

    assert [first.begin(0, 50, QUESTION, 1) for _ in range(9)] != [second.begin(0, 50, QUESTION, 1) for _ in range(9)]


def test_only_queries_past_their_deadline_are_given_up(table: InFlightTable) -> None:
    early = table.begin(0, 50, QUESTION, 1)
    late = table.begin(1, 60, QUESTION, 2)

    assert table.expire(49) == 0
    assert table.expire(50) == 1
    assert table.end(0, early, QUESTION) is None
    assert table.end(1, late, QUESTION) == 2


def test_an_answered_query_does_not_expire(table: InFlightTable) -> None:
    first, second, third = (table.begin(0, 50 + i, QUESTION, i) for i in range(3))
    table.end(0, second, QUESTION)

    assert len(table) == 2
    assert table.expire(100) == 2
    assert len(table) == 0
    assert (first, third) != (second, second)


def test_a_full_table_gives_up_its_oldest_query_and_counts_it() -> None:
    table = InFlightTable(1, 3, SEED)
    ids = [table.begin(0, 50 + i, QUESTION, i) for i in range(4)]

    assert len(table) == 3
    assert table.expire(0) == 1
    assert [table.end(0, upstream_id, QUESTION) for upstream_id in ids] == [None, 1, 2, 3]


def test_slots_are_used_again_for_ever() -> None:
    table = InFlightTable(1, 2, SEED)

    for i in range(1000):
        assert table.end(0, table.begin(0, i, QUESTION, i), QUESTION) == i

    assert len(table) == 0
    assert table.expire(10_000) == 0


@pytest.mark.parametrize(("n_sockets", "n_slots"), [(0, 1), (65, 1), (1, 0), (1, 32769)])
def test_a_table_of_an_impossible_size_is_refused(n_sockets: int, n_slots: int) -> None:
    with pytest.raises(ValueError, match="not made"):
        InFlightTable(n_sockets, n_slots, SEED)
