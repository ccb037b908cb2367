from support.images.opened import Images

from fastpath.bench.url_lookups import canonical_ns, request_ns
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Mode
from fastpath.wire.name import to_wire

REQUESTS = [(to_wire(b"bad.test"), b"/a/b?x=1" * 20)] * 2000


def test_measuring_requests_takes_time(images: Images) -> None:
    tables = TableSet(images.names([]), urls=images.urls([("orders", "bad.test/a", Mode.SUBTREE)]))

    assert request_ns(tables, REQUESTS) > 0
    assert canonical_ns(REQUESTS) > 0
