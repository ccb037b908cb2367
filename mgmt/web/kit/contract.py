"""The contract of a route: what it takes and what it gives, as types.

Requests are decoded by it, and the OpenAPI document is made of it: neither can say what the other does not.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct

from mgmt.web.kit.body import BODY_S, MAX_BODY_OCTETS


class NoQuery(Struct, forbid_unknown_fields=True):
    """No parameter."""


@dataclass(frozen=True, slots=True)
class Text:
    """An answer that is no JSON.   media_types  that it may have;   or_shape  what it is where it is JSON after all"""

    media_types: tuple[str, ...]
    or_shape: type[Struct] | None = None


Answer = type[Struct] | Text


@dataclass(frozen=True, slots=True)
class Contract:
    """What a route takes and gives.

    answers    status → what it holds, for the statuses below 300
    query      a Struct of the parameters;   body  a Struct; None: no body is read
    form       a Struct of the fields of a form (multipart) that brings a file with it: see mgmt.web.kit.uploads
    is_family  whether it stands at the families' door, too: see mgmt.web.kit.doors
    is_tagged  whether what it shows or changes has an entity tag: see mgmt.web.kit.conditions
    adds       whether what it stores adds to what is there, so that it must not be stored again: see
               mgmt.web.kit.idempotency
    refusals   statuses that it has in addition to those that its parts bring along: see mgmt.web.kit.openapi
    at_most    octets of the body, which must come within within_s"""

    answers: Mapping[int, Answer] = field(default_factory=dict)
    query: type[Any] = NoQuery
    body: type[Any] | None = None
    form: type[Any] | None = None
    is_family: bool = False
    is_tagged: bool = False
    adds: bool = False
    refusals: tuple[int, ...] = ()
    at_most: int = MAX_BODY_OCTETS
    within_s: float = BODY_S
