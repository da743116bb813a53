"""How well the rules find what they should: `make dlp-eval`."""
