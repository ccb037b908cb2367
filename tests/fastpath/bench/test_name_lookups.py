import pytest
from support.images.opened import Images

from fastpath.bench.name_lookups import batch_ns, serial_ns
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Mode
from fastpath.wire.name import to_wire


@pytest.mark.parametrize("measure", [serial_ns, batch_ns])
def test_many_lookups_take_some_time_each(images: Images, measure) -> None:
    tables = TableSet(images.names([("orders", f"n{i}.test", Mode.SUBTREE) for i in range(100)]))
    asked = [to_wire(f"a.b.c.d.e.f.n{i}.test".encode()) for i in range(5000)]

    assert 0 < measure(tables, asked, 3) < 1e6


@pytest.mark.parametrize("measure", [serial_ns, batch_ns])
def test_what_is_no_name_is_refused(measure) -> None:
    with pytest.raises(ValueError, match="not one name"):
        measure(TableSet(), [b"\x04test"], 1)
