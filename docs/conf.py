"""How Sphinx builds the manual; `make docs` runs it on the whole repository, since pages link to those of its folders.

An index names its pages by links, as a code host shows them.  From these links the table of contents is made, in their
order: a page that no index names is a warning of Sphinx, and so a fault.
"""

import re
import sys
from pathlib import Path

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parents[1]))

from filterd import __version__

project = "filterd"
version = release = __version__
extensions = ["myst_parser"]
myst_heading_anchors = 4
root_doc = "docs/index"
include_patterns = ["docs/**", "*.md", "*/README.md"]
# folders that are not looked into; the first two are large
exclude_patterns = [".*", "build", "dist", "tests", "**/node_modules"]
html_theme = "furo"
html_title = f"filterd {__version__}"
html_copy_source = False
html_show_copyright = False
nitpicky = True

OTHER_SYNTAX = ("knot", "named", "recursor", "unbound")  # of code blocks that Pygments cannot colour
PAGE = re.compile(r"\]\(([\w./-]+)\.md\)")
FRONT = '<!doctype html><title>filterd</title><meta http-equiv="refresh" content="0; url=docs/index.html">\n'


def add_contents(_app: Sphinx, page: str, source: list[str]) -> None:
    """Put the pages that an index names into the table of contents."""
    if page.startswith("docs/") and page.endswith("/index") and (named := PAGE.findall(source[0])):
        source[0] += "\n".join(("\n```{toctree}", ":hidden:", "", *dict.fromkeys(named), "```\n"))


def write_front(app: Sphinx, fault: Exception | None) -> None:
    """What is opened first leads to the first page."""
    if fault is None:
        (Path(app.outdir) / "index.html").write_text(FRONT)


def setup(app: Sphinx) -> None:
    app.connect("source-read", add_contents)
    app.connect("build-finished", write_front)
    for name in OTHER_SYNTAX:
        app.add_lexer(name, TextLexer)
