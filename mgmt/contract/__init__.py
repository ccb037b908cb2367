"""What control, web, splash and archive say to one another, and the types and errors that routes share; no HTTP."""
