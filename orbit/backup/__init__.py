"""Copies of an installation, and installations from copies (docs/backup.md)."""
