"""A server: cookies only over TLS, no development pages."""

from orbit import env
from orbit.settings.base import *

DEBUG = False
ORBIT_DEVELOPMENT = False
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
# Staff need a second factor for the admin.
ORBIT_STAFF_MFA = env.flag("ORBIT_STAFF_MFA", True)
# Seconds for which browsers are told to insist on TLS.
SECURE_HSTS_SECONDS = env.integer("ORBIT_HSTS_S", 31_536_000)
# A proxy on the same machine makes everybody's requests come from it: here somebody has to say who may read /metrics.
ORBIT_METRICS_ADDRESSES = env.networks("ORBIT_METRICS_ADDRESSES", "none")
