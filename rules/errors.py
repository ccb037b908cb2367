"""What can be wrong with what the room is given.

ValueError
├── BadName      a text that is no name
│   └── BadUrl   a text that is no URL
├── BadList      a file that is no list at all: one bad line never raises, it is reported as Skipped
└── BadSource    a description of a list that cannot be understood
RuntimeError
└── BadReadBack  an image that does not hold what was put into it
"""


class BadName(ValueError):
    """A text is no host name; `reason` is one of a few fixed phrases, so that reports can count by it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class BadUrl(BadName):
    """A text is no URL that can be matched; `reason` is one of a few fixed phrases, too."""


class BadList(ValueError):
    """A file is no list; the message says where, what was found, and what to do."""


class BadSource(ValueError):
    """A list is described wrongly; the message says where, what was found, and what to do."""


class BadReadBack(RuntimeError):
    """A written image does not answer as it must; it was not published."""
