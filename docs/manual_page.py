"""The manual page filterd(1), from the declarations of the command line.

Source: man(7), as groff and mandoc read it.  Not argparse's own help: its layout differs between versions of Python.
"""

import argparse
import re
from collections.abc import Iterator

from filterd.cli import COMMANDS, parser_for
from filterd.verbs import examples_of

EXIT_CODES = (
    "Exit codes: 0 done · 1 the answer is no, or something was found wrong · 2 wrong use or bad configuration · "
    "3 a needed part is missing."
)
HEAD = """\
.\\" made by `make docs`; change the code, not this page
.TH FILTERD 1 "" filterd
.SH NAME
filterd \\- content filter for the gateway of an Internet service provider
.SH SYNOPSIS
.B filterd
.I COMMAND
\\&...
.SH DESCRIPTION
filterd enforces orders, lists and what parents ask for in DNS, TLS, QUIC and HTTP.
Each command has a help of its own: filterd COMMAND \\-\\-help.
.SH COMMANDS
"""
TAIL = """\
.SH EXIT STATUS
.TP
.B 0
done
.TP
.B 1
the answer is no, or something was found wrong
.TP
.B 2
wrong use or bad configuration
.TP
.B 3
a needed part is missing; the message says which, and how to get it
.SH OUTPUT
With \\-\\-json, stdout has one JSON object on each line and nothing else.
Messages, hints and progress go to stderr.
.SH ENVIRONMENT
.TP
.B FILTERD_API
where the API is, if not at http://127.0.0.1:8080
.TP
.B FILTERD_TOKEN
the token for the API
.SH FILES
.TP
.I /etc/filterd/filterd.yaml
the configuration
.TP
.I /var/lib/filterd
images, lists, spool, database
.TP
.I /run/filterd
sockets, counters, locks
"""


def manual_page() -> str:
    """The source of the page."""
    return HEAD + "".join(map(_section, commands_of(parser_for(COMMANDS)).values())) + TAIL


def commands_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The commands of the program, or the verbs of a command."""
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return dict(below[0].choices) if below else {}


def arguments_of(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """What a command takes, without its help and its verbs."""
    kinds = (argparse._HelpAction, argparse._SubParsersAction)
    return [action for action in parser._actions if not isinstance(action, kinds)]


def value_of(action: argparse.Action) -> str:
    """What stands for the value of an argument; nothing for a switch."""
    if action.nargs == 0:
        return ""
    choices = "|".join(map(str, action.choices)) if action.choices else ""
    value = action.metavar or choices or action.dest.upper()
    return value if isinstance(value, str) else " ".join(value)


def _section(parser: argparse.ArgumentParser) -> str:
    return "".join(
        (f".SS {_plain(parser.prog)}\n{_text(parser.description or '')}\n", *_arguments(parser), *_examples(parser))
    ) + "".join(map(_section, commands_of(parser).values()))


def _arguments(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in arguments_of(parser):
        names = ", ".join(f"\\fB{_plain(name)}\\fR" for name in action.option_strings)
        value = f"\\fI{_plain(value_of(action))}\\fR" if value_of(action) else ""
        yield f".TP\n{' '.join(filter(None, (names, value)))}\n{_text((action.help or '').replace('%%', '%'))}\n"


def _examples(parser: argparse.ArgumentParser) -> Iterator[str]:
    yield ".PP\n.EX\n"
    yield from (f"{_text(line)}\n" for line in examples_of(parser))
    yield ".EE\n"


def _plain(text: str) -> str:
    """Octets as they are typed: no dash becomes a hyphen, no quote a curly one."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    return re.sub(r"[^\x00-\x7f]", lambda found: f"\\[u{ord(found[0]):04X}]", escaped)


def _text(line: str) -> str:
    """A line of text, which is no request even where it begins with a dot; nothing where there is none."""
    return (r"\&" if line.startswith((".", "'")) else "") + _plain(line) if line else r"\&"
