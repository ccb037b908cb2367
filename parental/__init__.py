"""Subscribers, profiles, schedules and pauses, and their images."""
