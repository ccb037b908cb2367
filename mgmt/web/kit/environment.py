"""Where a page's templates come from: its own folder, then the shared ones (macros, style sheet).

Invariant: everything is escaped that is not marked as safe; a name that is missing is a fault, never an empty text.
"""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mgmt.text.direction import ltr
from mgmt.text.links import dial, link

SHARED = Path(__file__).with_name("templates")


def environment(folder: Path) -> Environment:
    """Templates of `folder`, with the shared ones."""
    made = Environment(
        loader=FileSystemLoader([folder, SHARED]),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,  # the files of a release do not change
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"ltr": ltr, "link": link, "dial": dial}
    return made
