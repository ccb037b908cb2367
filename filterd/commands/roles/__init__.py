"""One module a role, all of the same shape: `async live(config, config_file, index) -> int`, until SIGTERM."""
