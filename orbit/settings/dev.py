"""A laptop: the demo and local work. Mail goes to the page /dev/outbox/."""

from orbit import env
from orbit.settings.base import *

DEBUG = False
ORBIT_DEVELOPMENT = True
# Staff need a second factor for the admin.
ORBIT_STAFF_MFA = env.flag("ORBIT_STAFF_MFA")
