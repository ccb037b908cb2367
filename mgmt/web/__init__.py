"""The web role: the applications of its doors."""
