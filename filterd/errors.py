"""The errors of the daemon's own.

Exception
├── ValueError
│   ├── BadConfig   (filterd.config.load)   every fault of a configuration; exit 2
│   └── WrongUse    a command was given something it cannot use; exit 2
├── OSError
│   └── NoAnswer    (filterd.process.json_socket)     another process of ours is not there
└── RuntimeError
    ├── Missing     a part that is needed is not on this box; exit 3
    └── Refused     the API said no; exit 1
"""


class WrongUse(ValueError):
    """What the operator wrote cannot be used."""


class Missing(RuntimeError):
    """A needed part is not here: the message says which and how to get it."""


class Refused(RuntimeError):
    """The API said no, in its own words."""
