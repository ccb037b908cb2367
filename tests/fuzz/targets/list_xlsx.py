"""Any archive of any members is a workbook: rules, skipped rows and `BadList` come out of it, and nothing else.

Input: whether what follows is the archive itself, or the XML of its sheets with the shared strings last, NUL between.
"""

import zipfile

from fuzz.listed import check_list
from support.lists.workbooks import workbook


def check(data: bytes) -> None:
    if data[:1] in b"\0":
        check_list("xlsx", data[1:])
        return
    *sheets, strings = data[1:].decode("utf-8", "replace").split("\0")
    try:
        octets = workbook({f"sheet {n}": xml for n, xml in enumerate(sheets)}, [strings])
    except (zipfile.BadZipFile, ValueError):  # not ours to read: nothing of it was written
        return
    check_list("xlsx", octets)
