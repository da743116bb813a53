"""Reports for finance: asked for, read, taken along, saved and mailed."""
