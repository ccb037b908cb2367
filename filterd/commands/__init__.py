"""One module a command, all of the same shape: `EXAMPLE`, `add_arguments(parser)`, `run(args) -> int`."""
