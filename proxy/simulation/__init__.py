"""A draft of a policy tried on what was recorded: what it would have refused, what it would have let through."""

from proxy.simulation.replay import simulate
from proxy.simulation.tally import Simulation
from proxy.simulation.words import in_words

__all__ = ["Simulation", "in_words", "simulate"]
