"""What the desk says of the pages.

    desk_settings   a row for each change of a setting, as JSON; the newest of a name counts; of a name that two persons
                    change, the newest that has their approval (mgmt.registers.settings.agreement)

Invariants: rows are added and never changed; a value that is absent is the configuration's again.
"""

from sqlalchemy import BigInteger, Column, String, Table, Text

from parental.store.schema.base import Number, metadata

desk_settings = Table(
    "desk_settings",
    metadata,
    Column("id", Number, primary_key=True),
    Column("name", String, nullable=False, index=True),
    Column("value", Text),
    Column("set_s", BigInteger, nullable=False),
    Column("by_kind", String, nullable=False),
    Column("by_name", String, nullable=False),
    Column("event", BigInteger, nullable=False),  # its number in the ledger
    Column("approval", BigInteger),  # by which control has put it here; web cannot write it
    sqlite_autoincrement=True,
)
