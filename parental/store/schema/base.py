"""What every table is made of: the one MetaData, and the type of numbers that count up.

Invariants: a number has 64 bits in both databases; SQLite gives a rowid to no type but INTEGER, which has them, too.
"""

from sqlalchemy import BigInteger, Integer, MetaData

metadata = MetaData()
Number = BigInteger().with_variant(Integer(), "sqlite")
