"""The error types of parental/.

ValueError
├── BadSubscriber   an id, a label or a prefix that is not valid
├── BadSchedule     a time, a day or a length that is not valid
└── BadProfile      a category or a time zone that is not known
LookupError
└── NoSubscriber    no subscriber has this id
"""


class BadSubscriber(ValueError):
    """A subscriber is described wrongly; the message says where, what was found, and what to do."""


class BadSchedule(ValueError):
    """A closed interval is described wrongly; the message says where, what was found, and what to do."""


class BadProfile(ValueError):
    """A profile is described wrongly; the message says where, what was found, and what to do."""


class NoSubscriber(LookupError):
    """No subscriber has this id."""
