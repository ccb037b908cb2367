"""How often someone may try a password, so that no one guesses one and no stranger keeps its owner out.

One client (an address, or an IPv6 /56) that is wrong about one account waits ever longer for it; no other client is
refused.  Where many clients are wrong about one account, or one about many, each try takes longer; none is refused.
Who knows the password and not the codes gets so many tries, and then no code of the account counts for an hour.

Invariants: memory is bounded; no name is kept, only its digest; a passkey has no limits, for nothing can be guessed.
"""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

from mgmt.staff.tokens import digest
from rules.base.clients import Client

WINDOW_S = 600.0  # after which a failure is forgotten
FREE = 5  # failures of one client about one account: a person who has two passwords in mind
LONGEST_WAIT_S = 60.0
SLOW_AFTER = 20  # failures about one account, or of one client
SLOW_S = 2.0
WRONG_CODES = 10  # after the right password: 3 of a million codes count at any time, so 3 in 100,000 to guess one
CODES_WINDOW_S = 3600.0
N_KEPT = 4096  # of each kind; the ones that have failed last


@dataclass(slots=True)
class _Failures:
    n: int = 0
    last_s: float = 0.0


class Attempts:
    """Counts failures; times are a monotonic clock's."""

    def __init__(self) -> None:
        self._of_pair: OrderedDict[Hashable, _Failures] = OrderedDict()
        self._of_account: OrderedDict[Hashable, _Failures] = OrderedDict()
        self._of_client: OrderedDict[Hashable, _Failures] = OrderedDict()
        self._codes: OrderedDict[Hashable, _Failures] = OrderedDict()

    def wait_s(self, client: Client, mail: str, now_s: float) -> float:
        """How long this client must wait before it may try this account; 0: it may now."""
        found = _recent(self._of_pair, (client, digest(mail)), now_s, WINDOW_S)
        if found is None or found.n < FREE:
            return 0.0
        wait_s: float = min(LONGEST_WAIT_S, 2.0 ** min(found.n - FREE, 10))
        return max(0.0, found.last_s + wait_s - now_s)

    def slow_s(self, client: Client, mail: str, now_s: float) -> float:
        """How long this try takes more than it must."""
        found = (
            _recent(self._of_account, digest(mail), now_s, WINDOW_S),
            _recent(self._of_client, client, now_s, WINDOW_S),
        )
        return SLOW_S if any(each is not None and each.n >= SLOW_AFTER for each in found) else 0.0

    def failed(self, client: Client, mail: str, now_s: float) -> None:
        """A try was wrong."""
        _count(self._of_pair, (client, digest(mail)), now_s, WINDOW_S)
        _count(self._of_account, digest(mail), now_s, WINDOW_S)
        _count(self._of_client, client, now_s, WINDOW_S)

    def succeeded(self, client: Client, mail: str, person: int) -> None:
        """It was the owner: nothing is counted against this client and this account any more."""
        self._of_pair.pop((client, digest(mail)), None)
        self._codes.pop(person, None)

    def may_code(self, person: int, now_s: float) -> bool:
        """Whether any code of a person counts now."""
        found = _recent(self._codes, person, now_s, CODES_WINDOW_S)
        return found is None or found.n < WRONG_CODES

    def wrong_code(self, person: int, now_s: float) -> bool:
        """The password was right and the code was not; returns whether that was one too many."""
        return _count(self._codes, person, now_s, CODES_WINDOW_S) == WRONG_CODES


def _recent(kept: OrderedDict[Hashable, _Failures], key: Hashable, now_s: float, window_s: float) -> _Failures | None:
    found = kept.get(key)
    return found if found is not None and now_s - found.last_s < window_s else None


def _count(kept: OrderedDict[Hashable, _Failures], key: Hashable, now_s: float, window_s: float) -> int:
    found = _recent(kept, key, now_s, window_s) or _Failures()
    found.n, found.last_s = found.n + 1, now_s
    kept[key] = found
    kept.move_to_end(key)
    if len(kept) > N_KEPT:
        kept.popitem(last=False)
    return found.n
