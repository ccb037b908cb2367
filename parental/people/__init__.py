"""People of accounts: households and schools, their children and caregivers, and lines in bulk."""
