import pytest
from support.dns.upstream_answers import answer_to
from support.packets.shapes import question

from fastpath.bench.cache_lookups import hit_ns
from fastpath.testing.cache import AnswerCache

NOW = 1_000_000
QUERY = question(b"www.allowed.test")


def test_measuring_hits_takes_time() -> None:
    cache = AnswerCache(1 << 20)
    cache.put(QUERY, answer_to(QUERY, "www.allowed.test. 300 IN A 192.0.2.1"), NOW)

    assert hit_ns(cache, [QUERY] * 1000, NOW, 3) > 0


def test_a_miss_is_not_measured() -> None:
    with pytest.raises(ValueError, match="1 of 1 queries: no answer"):
        hit_ns(AnswerCache(1 << 20), [QUERY], NOW)
