"""Requests of children: on the home page, by message, and how they are answered."""
