"""The error types of rules/.

ValueError
├── BadName      a text that is not a name
│   └── BadUrl   a text that is not a URL
├── BadList      a file that is not a list at all: one bad line never raises, it is reported as Skipped
└── BadSource    a description of a list that is not valid
RuntimeError
└── BadReadBack  an image that does not contain what was compiled
"""


class BadName(ValueError):
    """A text is not a host name; `reason` is one of a few fixed phrases, so that reports can count by it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class BadUrl(BadName):
    """A text is not a URL that can be matched; `reason` is one of a few fixed phrases, too."""


class BadList(ValueError):
    """A file is not a list; the message says where, what was found, and what to do."""


class BadSource(ValueError):
    """A list is described wrongly; the message says where, what was found, and what to do."""


class BadReadBack(RuntimeError):
    """A written image answers wrongly; it was not published."""
