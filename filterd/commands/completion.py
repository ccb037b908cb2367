"""`filterd completion SHELL`: print a script that lets a shell complete filterd's command lines.

It is made from the same declarations as the help.
"""

import argparse
from pathlib import Path

import shtab

from filterd.cli import COMMANDS, parser_for

EXAMPLE = """filterd completion bash > /etc/bash_completion.d/filterd
filterd completion zsh > /usr/local/share/zsh/site-functions/_filterd"""
FOLDERS = ("DIR",)  # what an argument that is a path is called where only a folder is meant


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=("bash", "zsh"), metavar="SHELL", help="bash or zsh")


def run(args: argparse.Namespace) -> int:
    parser = parser_for(COMMANDS)
    _complete_paths(parser)
    print(shtab.complete(parser, args.shell))
    return 0


def _complete_paths(parser: argparse.ArgumentParser) -> None:
    """Let the shell complete files and folders where an argument is one."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                _complete_paths(below)
        elif action.type is Path:
            action.complete = shtab.DIRECTORY if action.metavar in FOLDERS else shtab.FILE  # type: ignore[attr-defined]
