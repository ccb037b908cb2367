"""An enum's values as commands and records write them."""

from typing import Any

from fastpath.images.verdict import Action, Reason


def word(value: Action | Reason | Any) -> str:
    """The name in lower case, with dashes."""
    return str(value.name).lower().replace("_", "-")
