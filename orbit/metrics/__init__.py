"""/metrics: what processes counted, and what is read of the stores when it is asked for."""
