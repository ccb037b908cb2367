"""Answers to requests that may come twice (mgmt.web.kit.idempotency).

Invariants: a row without an answer is a request that runs, or has died; rows end after a day.
"""

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, String, Table

from parental.store.schema.base import metadata

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("holder", String, primary_key=True),  # of the token, as events name it
    Column("key", String, primary_key=True),
    Column("sha256", LargeBinary, nullable=False),  # of method, path, parameters and body
    Column("began_s", BigInteger, nullable=False, index=True),
    Column("status", Integer),  # of the answer; absent: the request runs
    Column("location", String),
    Column("answer", LargeBinary),
)
