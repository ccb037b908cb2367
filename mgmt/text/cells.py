"""Text in tables that people open in a spreadsheet, where some beginnings make a cell a formula.

Source: OWASP, CSV injection.
"""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # full-width ones, too


def plain_cell(text: str) -> str:
    """The text of a cell that is no formula, no matter how it begins."""
    return "'" + text if text.startswith(FORMULA_STARTS) else text
