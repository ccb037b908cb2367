"""Closed hours as a family sets them: cards like alarms, the kinds of days, and the week as a picture."""
