"""What other apps hear of, sent after the change has been committed unless it says otherwise."""

from django.dispatch import Signal

# organization_id, shard, version: policies, models, accounts, secrets or the state of an organization changed
organization_changed = Signal()
# organization_id, shard, key_id, generation: a key was issued, changed or revoked
key_changed = Signal()
# organization_id: it is being purged, in its scope and in the transaction: what is no book of it goes
organization_purged = Signal()
# organization_id: its secrets are being sealed under the newest master key, in its scope and in the transaction. Each receiver
# does so with its own, and answers how many it sealed anew and the names of those that do not open
rewrapping = Signal()
# organization_id, request_id, state: somebody asked for more, or it was decided, or has ended
request_changed = Signal()
