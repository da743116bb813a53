"""`.venv/bin/orbit`: a command line over the management API. It needs no installation on this machine, so no Django."""
