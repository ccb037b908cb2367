"""The desk's pages, and the application that serves them with the API: orders, approvals, lists, audit.  In English."""
