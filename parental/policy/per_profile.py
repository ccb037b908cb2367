"""What is made of each of many profiles, made once for those that are one object: most that are equal are."""

from collections.abc import Callable
from typing import Generic, TypeVar

from parental.policy.profile import Profile

T = TypeVar("T")
SHARED = 4096  # profiles that are kept to be shared, some KB each


class PerProfile(Generic[T]):
    """make(profile), remembered for the last SHARED profiles or fewer.   Cost: 0.1 µs where it is remembered"""

    def __init__(self, make: Callable[[Profile], T]) -> None:
        self._make = make
        self._made: dict[int, tuple[Profile, T]] = {}  # by id(), which is the profile's as long as it is held here

    def __call__(self, profile: Profile) -> T:
        found = self._made.get(id(profile))
        if found is None:
            if len(self._made) >= SHARED:
                self._made.clear()
            found = self._made[id(profile)] = profile, self._make(profile)
        return found[1]
