"""The command line: `filterd COMMAND …`.

Every command is a module of `filterd.commands` with the same three things: `EXAMPLE`, `add_arguments(parser)` and
`run(args) -> int`. Only the module of the chosen command is imported, so that `filterd canon` does not wait
for a web framework. Exit codes: 0 done · 1 the answer is no · 2 wrong use or bad configuration · 3 a needed part is
missing.
"""

import argparse
import importlib
import os
import sys
from collections.abc import Container, Sequence

import filterd
from filterd.box.errors import ApiRefusal, MissingPart, WrongUse
from filterd.verbs import add_verb
from parental.store.errors import DatabaseFault

COMMANDS = {
    "run": "run the daemon",
    "check-config": "report all faults of a configuration",
    "doctor": "check what this box supports, with a remedy for each fault",
    "reload": "take configuration and lists in, and say what is in force",
    "status": "show roles, generations, ages, counters and last refusals",
    "rules": "make the kernel's rules those of a stopped box",
    "canon": "print the canonical form of names and URLs",
    "compile": "compile lists into images",
    "lists": "show, fetch and approve lists",
    "services": "show the services that parents can close, and their domains",
    "lookup": "show the decision for a name, and why",
    "inspect": "show the decision for each name in a capture file",
    "dns": "run the DNS front only, without a configuration file",
    "gate": "run the packet gate only, on existing queues",
    "db": "upgrade, check, copy and restore the database",
    "token": "list, create and revoke tokens of the API, directly in the database",
    "staff": "people of the desk, issuers of orders, and the access review",
    "orders": "manage the regulator's orders, over the API",
    "accounts": "manage households: lines, children and caregivers, over the API",
    "subscribers": "manage subscribers and their locks, over the API",
    "profiles": "manage what lines close for their devices, over the API",
    "devices": "manage tokens of subscribers' devices, over the API",
    "sessions": "count sessions of network access servers, and name lines for them",
    "settings": "what pages name: helplines, addresses, the owner of a list, languages, colours",
    "egress": "give the addresses from which gateways ask DNS, signed, over the API",
    "lawful": "the register of what authorities have asked for, over the API",
    "appeals": "appeals against blocks by law: keys, sealed messages, answers",
    "audit": "pull records of blocks; export, verify and count the ledger; what is kept",
    "lab": "run the demo in a laboratory of network namespaces; of the source tree alone",
    "bench": "run the benchmarks on this box",
    "completion": "print a script that lets a shell complete filterd's command lines",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    given = list(sys.argv[1:] if argv is None else argv)
    args = parser_for([given[0]] if given else []).parse_args(given)
    try:
        return int(args.run(args))
    except (MissingPart, DatabaseFault) as reason:
        print(f"filterd {args.command}: {reason}", file=sys.stderr)
        return 3
    except ApiRefusal as reason:
        print(f"filterd {args.command}: {reason}", file=sys.stderr)
        return 1
    except WrongUse as reason:
        print(f"filterd {args.command}: {reason}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader of our output has left, as `head` does; without this Python complains once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as reason:
        print(f"filterd {args.command}: {_words(reason)}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        return 130


def _words(reason: OSError) -> str:
    """What the system has refused, where no command has words of its own for it."""
    said = reason.strerror or str(reason) or type(reason).__name__
    where = f"{reason.filename}: " if reason.filename is not None else ""
    return f"{where}{said}; not finished; check the path, who may use it, and the room on its disk"


def parser_for(chosen: Container[str]) -> argparse.ArgumentParser:
    """The whole parser, of which only the chosen commands know their arguments."""
    parser = argparse.ArgumentParser(prog="filterd", description="A content-filtering gateway for internet providers.")
    parser.add_argument("--version", action="version", version=f"filterd {filterd.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, purpose in COMMANDS.items():
        if name not in chosen:
            commands.add_parser(name, help=purpose)
            continue
        module = importlib.import_module("filterd.commands." + name.replace("-", "_"))
        command = add_verb(commands, name, purpose, module.EXAMPLE)
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return parser
