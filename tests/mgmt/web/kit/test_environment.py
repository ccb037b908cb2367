from pathlib import Path

import pytest
from jinja2 import UndefinedError

from mgmt.web.kit.environment import environment


def test_a_folders_templates_see_the_shared_ones_and_everything_is_escaped(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('{% import "macros.html" as ui %}{{ ui.name(text) }} {{ "1121" | link }}')

    text = environment(tmp_path).get_template("a.html").render(text="<b>")

    assert text == '<bdi dir="ltr" class="long">&lt;b&gt;</bdi> <a href="tel:1121"><bdi dir="ltr">1121</bdi></a>'


def test_a_name_that_is_missing_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("{{ missing }}")

    with pytest.raises(UndefinedError):
        environment(tmp_path).get_template("a.html").render()


def test_the_style_sheet_loads_nothing_and_gives_urdu_its_room() -> None:
    style = environment(Path(__file__).parent).get_template("style.css").render()

    assert "url(" not in style and "@import" not in style and "@font-face" not in style
    assert "left" not in style and "right" not in style, "logical properties only"
    assert "prefers-color-scheme:dark" in style
    assert '[lang=ur]{font-family:"Noto Nastaliq Urdu"' in style and "line-height:2.1" in style
