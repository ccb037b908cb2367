"""Any file is a list of any format, be it compressed or in UTF-16: rules, skipped lines and `BadList`, nothing else.

Input: which format; then the file.
"""

import atexit
import shutil
import tempfile
from pathlib import Path

from fuzz.listed import check_item

from rules.base.errors import BadList
from rules.formats import FORMATS
from rules.lists.reader import read_source
from rules.lists.source import describe_source

FOLDER = Path(tempfile.mkdtemp(prefix="fuzz-"))  # of this process, gone with it
atexit.register(shutil.rmtree, FOLDER)
FILE = FOLDER / "list"
SOURCES = [describe_source("fuzz", FILE, {"format": name}) for name in FORMATS]


def check(data: bytes) -> None:
    source = SOURCES[data[0] % len(SOURCES) if data else 0]
    FILE.write_bytes(data[1:])
    try:
        for item in read_source(source):
            check_item(item)
    except BadList as bad:
        assert "; not read; " in str(bad) and str(bad).isprintable()
