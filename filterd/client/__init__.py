"""The one client of the API, for the commands, and the files that they send and save."""
