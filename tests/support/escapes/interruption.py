"""Half of something, then the lab changes what the gateway knows; then the other half."""

from collections.abc import Callable

from support.escapes.child import NGINX_HTTP, OPENSSL, Child
from support.escapes.streams import ALLOWED, asking_for_retry, get, hello
from support.evasion.connections import Connection


def half_head(child: Child) -> Connection:
    """Behind an answered request."""
    one, first, second = child.open(NGINX_HTTP), get(ALLOWED), get(child.name)
    assert child.ask(one, 0, first)
    border = second.index(child.name) + 4
    child.send(one, len(first), second[:border])
    child.wait(lambda: one.acked >= len(first) + border)
    child.pause()
    child.ask(one, len(first) + border, second[border:])
    return one


def half_hello(child: Child) -> Connection:
    one, octets = child.open(OPENSSL), hello(child.name)
    border = octets.index(child.name) + 4
    child.send(one, 0, octets[:border])
    child.wait(lambda: one.acked >= border)
    child.pause()
    child.ask(one, border, octets[border:])
    return one


def two_hellos(child: Child) -> Connection:
    one, first = child.open(OPENSSL), asking_for_retry(ALLOWED)
    assert child.ask(one, 0, first)
    child.pause()
    child.ask(one, len(first), hello(child.name))
    return one


def listed(child: Child) -> Connection:
    """Nothing but a hello, for a gateway that is set in an odd way."""
    one = child.open(OPENSSL)
    child.ask(one, 0, hello(child.name))
    return one


ROWS: dict[str, Callable[[Child], Connection]] = {
    "half a head": half_head,
    "half a hello": half_hello,
    "between two hellos": two_hellos,
    "listed": listed,
}
