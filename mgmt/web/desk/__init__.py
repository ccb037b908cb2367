"""The desk's pages: signing in, orders, approvals, wrong blocks, lists, people.  In English."""
