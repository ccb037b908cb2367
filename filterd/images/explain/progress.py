"""Progress bar of work that takes its time, on a terminal only."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rules.lists.compiler.compile import Progress


@contextmanager
def progress_bar(work: str = "reading lists", unit: str = "B") -> Iterator[Progress | None]:
    """A progress bar on stderr; None if stderr is not a terminal.   unit  of what is done"""
    if not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm  # late: who reads no list does not wait for it

    with tqdm(unit=unit, unit_scale=True, desc=work, file=sys.stderr) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield show
