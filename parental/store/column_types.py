"""What SQL does not say alike in both databases."""

from typing import Any

from sqlalchemy import Boolean
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class is_octets(FunctionElement[bool]):  # noqa: N801  a function of SQL
    """Whether a value is octets, and not NULL: SQLite keeps what it is given, no matter what the column is declared
    as."""

    type = Boolean()
    inherit_cache = True


@compiles(is_octets)
def _of_declared_type(element: Any, compiler: Any, **more: Any) -> str:
    return f"({compiler.process(element.clauses, **more)} IS NOT NULL)"


@compiles(is_octets, "sqlite")
def _of_stored_type(element: Any, compiler: Any, **more: Any) -> str:
    return f"(typeof({compiler.process(element.clauses, **more)}) = 'blob')"
