"""The error types of parental/.

ValueError
├── BadSubscriber   an id, a label or a prefix that is not valid
├── BadPerson       an account, a child or a caregiver that is not valid
├── BadSchedule     a time, a day or a length that is not valid
├── BadProfile      a category or a time zone that is not known
└── NotNow          what is asked would change nothing as things are
LookupError
├── NoSubscriber    no subscriber has this id
└── NoPerson        no account, child or caregiver has it there
RuntimeError
└── DatabaseFault   the database cannot be used; the message is for the operator
    ├── DatabaseFull      no space for it is left
    ├── DatabaseTimeout   another process holds it for too long
    ├── DatabaseDamage    it is not what was written
    ├── DatabaseAway      it cannot be reached
    ├── DatabaseRefusal   it refuses what this account may not do
    └── WrongRevision     it is of another release, or lost
        └── NoTables      it is empty
"""


class BadSubscriber(ValueError):
    """A subscriber is described wrongly; the message says where, what was found, and what to do."""


class BadPerson(ValueError):
    """An account, a child or a caregiver is described wrongly, or may not change so; the message says what to do."""


class BadSchedule(ValueError):
    """A closed interval is described wrongly; the message says where, what was found, and what to do."""


class BadProfile(ValueError):
    """A profile is described wrongly; the message says where, what was found, and what to do."""


class NotNow(ValueError):
    """What is asked would change nothing as things are; the message says why, and what to do."""


class NoSubscriber(LookupError):
    """No subscriber has this id."""


class NoPerson(LookupError):
    """No account, child or caregiver has this number, or not there."""


class DatabaseFault(RuntimeError):
    """The database cannot be used, and not by an internal fault; the message says which, why, and what to do."""


class DatabaseFull(DatabaseFault):
    """No space is left; nothing was written."""


class DatabaseTimeout(DatabaseFault):
    """Another process holds its lock for too long; nothing was written."""


class DatabaseDamage(DatabaseFault):
    """It is not what was written."""


class DatabaseAway(DatabaseFault):
    """It cannot be reached."""


class DatabaseRefusal(DatabaseFault):
    """It refuses what this account may not do."""


class WrongRevision(DatabaseFault):
    """It is of another release, or what this box had there is gone."""


class NoTables(WrongRevision):
    """It is empty."""
