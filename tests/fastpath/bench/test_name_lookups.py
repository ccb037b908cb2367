"""The benchmarked name lookups find what the oracle finds."""

from collections.abc import Callable

import pytest
from oracle.matching import suffixes
from support.images.opened import Images

from fastpath.bench.name_lookups import batch_ns, serial_ns
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Mode
from fastpath.wire.name import to_wire

Measure = Callable[[TableSet, list[bytes], int], tuple[float, int]]
N_NAMES = 1001  # the last batch of 32 is not full


@pytest.mark.parametrize("measure", [serial_ns, batch_ns])
@pytest.mark.parametrize("passes", [1, 3])
def test_one_pass_finds_every_hit_once(images: Images, measure: Measure, passes: int) -> None:
    listed = {f"n{i}.test" for i in range(0, 1000, 7)} | {f"b.n{i}.test" for i in range(0, 1000, 11)}
    names = [f"n{i}.test" if i % 2 else f"a.b.n{i}.test" for i in range(N_NAMES)]
    tables = TableSet(images.names([("orders", name, Mode.SUBTREE) for name in listed]))

    ns, n_hits = measure(tables, [to_wire(name.encode()) for name in names], passes)

    assert n_hits == sum(suffix in listed for name in names for suffix in suffixes(name)) > 0
    assert ns > 0


@pytest.mark.parametrize("measure", [serial_ns, batch_ns])
def test_what_is_no_name_is_refused(measure: Measure) -> None:
    with pytest.raises(ValueError, match="not one name"):
        measure(TableSet(), [b"\x04test"], 1)
