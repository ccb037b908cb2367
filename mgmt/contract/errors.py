"""What a request can be refused for, without a word of HTTP; mgmt.web.kit.problems maps it to an answer.

Exception
├── BadRequest      the request cannot be taken; `where` is the field
│   └── NotJson     its body cannot be read at all
└── NotInForce      the change is stored, and a worker or the control role has not taken it
"""


class BadRequest(ValueError):
    """A field that cannot be taken.

    where   its path, as "/entries/3" or "?since";   detail  one line for the client"""

    def __init__(self, where: str, detail: str) -> None:
        super().__init__(detail)
        self.where, self.detail = where, detail


class NotJson(BadRequest):
    """A body that is no JSON, or holds text that is no Unicode."""


class NotInForce(RuntimeError):
    """A change that is stored and not in force everywhere.   detail  why, and what to do"""

    def __init__(self, reason: str) -> None:
        self.detail = f"{reason}; the change is stored; send the same request again"
        super().__init__(self.detail)
