"""Contract prices that a second person must agree to."""
