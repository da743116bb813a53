"""What past calls would have cost at other prices, and adjustments that make it so. No event is ever changed."""
