import pytest
from support.system.seeded import END, Life

from filterd.lab.seed.life import fill


def test_a_database_that_holds_something_is_left_as_it_is(life: Life) -> None:
    with pytest.raises(ValueError, match="not filled; begin with a new folder"):
        fill(life.config, END)


def test_tokens_are_not_shown_with_the_rest(life: Life) -> None:
    assert life.filled.tokens["engineer"] not in repr(life.filled)
