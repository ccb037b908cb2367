"""`filterd lab up|run|down`: the laboratory of network namespaces, and the demo in it; of the source tree alone."""

import argparse
import importlib
import importlib.util

from filterd.box.errors import MissingPart

EXAMPLE = "filterd lab up --seed\nip netns exec fd-up-child dig allowed.test @192.0.2.53\nfilterd lab down"
LAB = "filterd.lab"
SEED = 2026  # the same as filterd.lab.seed.life has, which a wheel does not hold


def add_arguments(parser: argparse.ArgumentParser) -> None:
    does = "up: create it and keep it · run: run the demo · down: remove it, with what interrupted runs left"
    parser.add_argument("what", choices=("up", "run", "down"), help=does)
    seed = f"of up: start a filterd in it that has had a month of life; one NUMBER, one month; default {SEED}"
    parser.add_argument("--seed", nargs="?", const=SEED, type=int, metavar="NUMBER", help=seed)


def run(args: argparse.Namespace) -> int:
    if importlib.util.find_spec(LAB) is None:
        raise MissingPart(
            "the laboratory: not installed, it is a part of the source tree alone; nothing done; "
            "run it there: make demo, or .venv/bin/filterd lab"
        )
    return int(importlib.import_module(f"{LAB}.cli").main(args.what, args.seed))
