"""Names and addresses in running text, found by a small model in processes of its own.

`client.Names` asks, from the web process; `pool` keeps the workers and their queue; `worker` runs a model, `rampart` is
the one that we have; `convert` makes its files when the environment is made.
"""
