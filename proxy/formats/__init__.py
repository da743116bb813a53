"""Wire formats, named by their endpoint, one module each."""
