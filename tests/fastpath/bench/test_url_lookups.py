"""The benchmarked requests are judged, and their URLs read, as the oracle says."""

import pytest
from oracle.urls import UrlEntry, is_match
from support.images.opened import Images

from fastpath.bench.url_lookups import canonical_ns, request_ns
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Mode
from fastpath.wire.name import to_wire

LISTED = UrlEntry("orders", "bad.test/a", Mode.SUBTREE)
LONG = "/a/" + "b" * 3000  # of which as much is read as a listed URL may have
TARGETS = ["/a", "/a/b?x=1", "/ab", "/", LONG, "/other"] * 50
REQUESTS = [(to_wire(b"bad.test"), target.encode()) for target in TARGETS]


@pytest.mark.parametrize("passes", [1, 3])
def test_one_pass_blocks_the_listed_requests_once(images: Images, passes: int) -> None:
    tables = TableSet(images.names([]), urls=images.urls([LISTED]))

    ns, n_blocked = request_ns(tables, REQUESTS, passes)

    assert n_blocked == sum(is_match(LISTED, "bad.test" + target[:100]) for target in TARGETS) > 0
    assert ns > 0


@pytest.mark.parametrize("passes", [1, 3])
def test_one_pass_reads_every_url_once(passes: int) -> None:
    ns, n_read = canonical_ns(REQUESTS, passes)

    assert n_read == len(TARGETS)
    assert ns > 0
