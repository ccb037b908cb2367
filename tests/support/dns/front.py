"""The type of the fixture `serving`: a DNS front around the given lists and upstreams, as a context manager."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from dns.front.front import DnsFront

Serving = Callable[..., AbstractAsyncContextManager[DnsFront]]
