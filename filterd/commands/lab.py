"""`filterd lab up|run|down`: the laboratory of network namespaces, and the demo in it."""

import argparse

from filterd.lab import cli

EXAMPLE = cli.EXAMPLE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    cli.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    return cli.main(args)
