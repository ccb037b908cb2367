"""The double of the cache; the cache itself is tested in tests/fastpath/dns/test_cache.py."""

import pytest
from support.dns.upstream_answers import answer_to
from support.packets.shapes import question

from fastpath.testing.cache import AnswerCache

MIB = 1 << 20
QUERY = question(b"www.allowed.test")


@pytest.mark.parametrize("octets", [0, MIB - 1, 1 << 35])
def test_a_cache_of_an_impossible_size_is_refused(octets: int) -> None:
    with pytest.raises(ValueError, match="not made"):
        AnswerCache(octets)


def test_an_answer_that_was_put_is_given_back_until_it_fails() -> None:
    cache = AnswerCache(MIB)

    assert cache.get(QUERY, 1000) is None
    assert cache.put(QUERY, answer_to(QUERY, "www.allowed.test. 300 IN A 192.0.2.1"), 1000)
    assert [(cache.get(QUERY, at) or ("none",))[0] for at in (1000, 1400)] == ["fresh", "stale"]
    cache.fail(QUERY, 1400)
    assert (cache.get(QUERY, 1401) or ("none",))[0] == "fresh", "no upstream is asked for 30 s"
    assert (len(cache), cache.n_evicted) == (1, 0)


def test_what_is_no_query_is_refused() -> None:
    with pytest.raises(ValueError, match="not one readable question"):
        AnswerCache(MIB).get(b"", 0)
