"""News of what providers bill, for whoever tells people. Sent after the commit of what they are about."""

from django.dispatch import Signal

# Traffic outside of the gateway, or a price that is not the book's: organization_id, exception_id.
alarmed = Signal()
