"""One module a language: its names, places and ways of writing, and documents as its people write them."""
