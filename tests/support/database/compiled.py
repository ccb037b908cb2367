"""What SQLAlchemy makes of a statement, once for all engines of a process: else each engine of each test makes it."""

from typing import Any

from sqlalchemy import Engine
from sqlalchemy.engine.default import DefaultDialect


class Compiled(dict[Any, Any]):
    """Compiled statements, by what identifies them but their dialect: every engine has one of its own of that.

    Those of a kind of database are alike, see parental.store.engines."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(_common(key), default)

    def __setitem__(self, key: Any, compiled: Any) -> None:
        super().__setitem__(_common(key), compiled)


def share_compiled() -> None:
    """Have every engine that is made from now on use what the others have compiled."""
    shared = Compiled()

    def use_it(_cls: type[DefaultDialect], engine: Engine) -> None:
        engine._compiled_cache = shared

    DefaultDialect.engine_created = classmethod(use_it)  # type: ignore[method-assign, assignment]


def _common(key: tuple[Any, ...]) -> tuple[Any, ...]:
    dialect, *what = key
    return type(dialect), *what
