"""What visitors of the splash do: tickets that they type, requests that they make."""
