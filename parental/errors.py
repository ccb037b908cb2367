"""What can be wrong with what a person asked for.

ValueError
├── BadSubscriber   an id, a label or a prefix that cannot be taken
├── BadSchedule     a time, a day or a length that is none
└── BadProfile      a category that is none, a time zone that is none
LookupError
└── NoSubscriber    nobody has this id
"""


class BadSubscriber(ValueError):
    """A subscriber is described wrongly; the message says where, what was found, and what to do."""


class BadSchedule(ValueError):
    """A closed interval is described wrongly; the message says where, what was found, and what to do."""


class BadProfile(ValueError):
    """A profile is described wrongly; the message says where, what was found, and what to do."""


class NoSubscriber(LookupError):
    """Nobody has this id."""
