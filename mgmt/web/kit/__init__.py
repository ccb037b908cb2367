"""What every route and page has in common: its contract, how a request is read, who asks, problems, templates."""
