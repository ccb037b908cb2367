"""What anyone who comes can read and hear, signed in or not."""
