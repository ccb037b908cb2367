"""Processes of this box: supervisor, workers, jobs, their sockets."""
