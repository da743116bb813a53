"""Between wire formats: a module for each direction; what has no counterpart is refused by name."""

from collections.abc import Mapping

from proxy.translation.base import Translate

# (the client's format, the provider's)
TRANSLATIONS: Mapping[tuple[str, str], Translate] = {}
