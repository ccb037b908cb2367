"""A child's rules as a family sets them: by age, by kinds of sites and services, and by names of its own."""
