"""Holder: a profile with every prefix that answers to it, as images and the kernel's sets have it."""

from dataclasses import dataclass

from parental.policy.profile import Profile
from parental.policy.subscriber import Network


@dataclass(frozen=True, slots=True)
class Holder:
    """A profile in force.   id  its number;   prefixes  of lines and of devices, whichever line they are of"""

    id: int
    prefixes: tuple[Network, ...]
    profile: Profile
