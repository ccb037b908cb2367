"""Pages of a family of their own: home, people, reports, tickets, changes, and the routes of all."""
