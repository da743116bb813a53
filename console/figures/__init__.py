"""The dashboard: what was used in a span, drawn, broken down, compared, foretold and downloaded."""
