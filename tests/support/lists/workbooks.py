"""Excel workbooks built octet by octet."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
KINDS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


def workbook(
    sheets: Mapping[str, str],
    strings: Sequence[str] = (),
    hidden: Sequence[str] = (),
    more: Mapping[str, bytes] | None = None,
) -> bytes:
    """A workbook.   sheets  by name: the XML inside of `worksheet`;   strings  shared ones, as XML inside of `si`."""
    listed = "".join(
        f'<sheet name={quoteattr(name)} sheetId="{n}" r:id="rId{n}" '
        f'state="{"hidden" if name in hidden else "visible"}"/>'
        for n, name in enumerate(sheets, 1)
    )
    related = "".join(
        f'<Relationship Id="rId{n}" Type="{KINDS}/worksheet" Target="worksheets/sheet{n}.xml"/>'
        for n in range(1, len(sheets) + 1)
    )
    related += f'<Relationship Id="rIdS" Type="{KINDS}/sharedStrings" Target="/xl/sharedStrings.xml"/>'
    shared = "".join(f"<si>{text}</si>" for text in strings)
    members = {
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}"><Relationship Id="r" Type="{KINDS}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{KINDS}"><sheets>{listed}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}">{related}</Relationships>',
        "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}">{shared}</sst>',
        **{
            f"xl/worksheets/sheet{n}.xml": f'<worksheet xmlns="{MAIN}">{inner}</worksheet>'
            for n, inner in enumerate(sheets.values(), 1)
        },
    }
    octets = {name: b'<?xml version="1.0" encoding="UTF-8"?>' + text.encode() for name, text in members.items()}
    return archive({**octets, **(more or {})})


def archive(members: Mapping[str, bytes]) -> bytes:
    """A zip archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, octets in members.items():
            file.writestr(zipfile.ZipInfo(name), octets, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def table(*rows: Sequence[str]) -> str:
    """Rows of text as `sheetData`; a cell that begins with `=` is a formula, an empty one is left out."""
    return "<sheetData>" + "".join(row(number, *cells) for number, cells in enumerate(rows, 1)) + "</sheetData>"


def row(number: int, *cells: str) -> str:
    """One row of text."""
    return (
        f'<row r="{number}">'
        + "".join(_cell(f"{chr(65 + column)}{number}", text) for column, text in enumerate(cells) if text)
        + "</row>"
    )


def _cell(place: str, text: str) -> str:
    if text.startswith("="):
        return f'<c r="{place}" t="str"><f>{escape(text[1:])}</f><v>cached.example</v></c>'
    return f'<c r="{place}" t="inlineStr"><is><t>{escape(text)}</t></is></c>'
