"""Reports for finance: usage and cost of a span by up to two dimensions, as a page, by the API, by command, as files."""
