"""Work that goes on beside what is measured."""

import contextlib
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def repeated(every_s: float, work: Callable[[], None]) -> Iterator[None]:
    """Work as long as the block lasts."""
    over = threading.Event()

    def go_on() -> None:
        while not over.wait(every_s):
            work()

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
