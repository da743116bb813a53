"""Rules that find personal data and secrets in a text.

`Detector(rules)` compiles rules, `scan` looks through one text; `builtin.rules()` are ours, `custom` makes a tenant's.
"""
