"""What every room of rules stands on: rules, categories, names, URLs, prefixes, clients, lines of a list, the manifest."""
