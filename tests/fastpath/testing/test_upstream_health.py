"""The double of the upstream pool; the pool itself is tested in tests/fastpath/dns/test_upstream_health.py."""

import pytest

from fastpath.testing.upstream_health import UpstreamPool


@pytest.mark.parametrize("n", [0, 65])
def test_a_pool_of_an_impossible_size_is_refused(n: int) -> None:
    with pytest.raises(ValueError, match="not made"):
        UpstreamPool(n)


def test_every_upstream_is_connected_until_others_are() -> None:
    pool = UpstreamPool(3)

    assert (pool.chosen, pool.after([0])) == (0, 1)
    pool.connect([2])
    assert (pool.chosen, pool.after([]), pool.after([2])) == (2, 2, None)
