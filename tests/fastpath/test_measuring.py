import pytest
from support.images import Images

from fastpath.measuring import batch_ns, serial_ns
from fastpath.name import to_wire
from fastpath.tables import TableSet
from fastpath.verdict import Mode


@pytest.mark.parametrize("measure", [serial_ns, batch_ns])
def test_many_lookups_take_some_time_each(images: Images, measure) -> None:
    tables = TableSet(images.names([("orders", f"n{i}.test", Mode.SUBTREE) for i in range(100)]))
    asked = [to_wire(f"a.b.c.d.e.f.n{i}.test".encode()) for i in range(5000)]

    assert 0 < measure(tables, asked, 3) < 1e6


@pytest.mark.parametrize("measure", [serial_ns, batch_ns])
def test_what_is_no_name_is_refused(measure) -> None:
    with pytest.raises(ValueError, match="not one name"):
        measure(TableSet(), [b"\x04test"], 1)
