"""Orders as the files of letters."""
