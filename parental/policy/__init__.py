"""Lines, profiles and what holds for them: rows of the database, and the images made of them."""
