"""Progress bar of a compilation, on a terminal only."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rules.lists.compiler.compile import Progress


@contextmanager
def progress_bar() -> Iterator[Progress | None]:
    """A progress bar on stderr; None if stderr is not a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm  # late: who reads no list does not wait for it

    with tqdm(unit="B", unit_scale=True, desc="reading lists", file=sys.stderr) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield show
