"""The commands, one module each, all of the same shape: `EXAMPLE`, `add_arguments(parser)`, `run(args) -> int`."""
