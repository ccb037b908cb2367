"""The API's resources, one a module; each module ends in its ROUTES."""
