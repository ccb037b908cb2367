"""What every room of rules stands on: rules, categories, names, URLs, prefixes, clients, lines, the manifest."""
