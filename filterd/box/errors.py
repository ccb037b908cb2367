"""The errors of the daemon's own.

Exception
├── ValueError
│   ├── BadConfig   (filterd.config.load)   every fault of a configuration; exit 2
│   └── WrongUse    a command cannot use an argument; exit 2
├── OSError
│   └── NoAnswer    (filterd.process.json_socket)     another filterd process does not answer
└── RuntimeError
    ├── MissingPart a needed part is missing on this box; exit 3
    └── ApiRefusal  the API refused, or another part; exit 1
        └── ApiProblem  as the API has answered it
"""


class WrongUse(ValueError):
    """The operator's input cannot be used."""


class MissingPart(RuntimeError):
    """A needed part is missing; the message says which and how to get it."""


class ApiRefusal(RuntimeError):
    """The API refused; the message is the API's."""


class ApiProblem(ApiRefusal):
    """What the API has answered instead.   status  of HTTP;   where  it sees the fault; '': it does not say"""

    def __init__(self, message: str, status: int, where: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.where = where
