"""Counts of one process in plain numbers, put on a shelf that all processes of an installation share, and told to Prometheus.

docs/decisions/0030-metrics.md says why these are not the client library's own.
"""

from orbit.lib.metrics.book import Book
from orbit.lib.metrics.exposition import CONTENT_TYPE, written
from orbit.lib.metrics.family import Family, Kind, Sample, Series
from orbit.lib.metrics.names import OTHER, Names
from orbit.lib.metrics.shelf import Place, Shelf

__all__ = [
    "CONTENT_TYPE",
    "OTHER",
    "Book",
    "Family",
    "Kind",
    "Names",
    "Place",
    "Sample",
    "Series",
    "Shelf",
    "written",
]
