"""What became of a request, in a sentence: why it was refused, or how its call ended and what it was charged."""

from proxy.why.anywhere import principal_anywhere, told_anywhere
from proxy.why.finding import told, whose
from proxy.why.told import Told

__all__ = ["Told", "principal_anywhere", "told", "told_anywhere", "whose"]
