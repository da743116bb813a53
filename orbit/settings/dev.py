"""A laptop: the demo and local work. Mail goes to the page /dev/outbox/."""

from orbit.settings.base import *

DEBUG = False
ORBIT_DEVELOPMENT = True
