"""A set of documents with gold spans, written by someone who had seen neither the rules nor the other sets.

It is there to be opened once, at the end: whoever changes a rule does not look in here.
"""
