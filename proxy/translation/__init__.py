"""Between wire formats: a module for each direction; what has no counterpart is refused by name."""
