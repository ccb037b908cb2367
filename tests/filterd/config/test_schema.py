import dataclasses
from collections.abc import Iterator
from typing import Any

from filterd.config.schema import Config
from filterd.config.spec import Spec


def shapes(shape: type[Any]) -> Iterator[type[Any]]:
    yield shape
    for field in dataclasses.fields(shape):
        spec: Spec = field.metadata["spec"]
        if spec.shape is not None:
            yield from shapes(spec.shape)


def test_every_field_says_what_it_may_hold() -> None:
    for shape in shapes(Config):
        for field in dataclasses.fields(shape):
            spec = field.metadata["spec"]
            assert (spec.kind is None) != (spec.shape is None), field.name


def test_every_shape_is_frozen() -> None:
    assert all(shape.__dataclass_params__.frozen for shape in shapes(Config))
