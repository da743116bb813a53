"""What became of a request, in a sentence: why it was refused, or how its call ended and what it was charged."""

from proxy.why.finding import told, whose
from proxy.why.told import Told

__all__ = ["Told", "told", "whose"]
