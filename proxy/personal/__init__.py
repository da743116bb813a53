"""Personal data in calls: inspected on their way to a provider, restored and inspected on their way back.

A call whose policy has no rule about it meets one `is None` before it is sent and one after.
"""
