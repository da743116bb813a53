"""The test suite: embedded servers of its own, see orbit/pytest_plugin.py."""

from orbit.settings.base import *

DEBUG = False
ORBIT_DEVELOPMENT = True
ORBIT_STAFF_MFA = False
ORBIT_DB_POOL = 0  # idle sessions of a pool would keep the test databases from being dropped
# A busy machine is no slow query: the tests of those set their own time.
ORBIT_QUERY_MS = ORBIT_OPERATOR_QUERY_MS = 60_000
for _connection_settings in DATABASES.values():
    _connection_settings["OPTIONS"].pop("pool", None)
ALLOWED_HOSTS = [*ALLOWED_HOSTS, "testserver"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher", PASSWORD_HASHERS[-1]]
MFA_TOTP_TOLERANCE = 1  # a code may be typed just after its half minute
ORBIT_RECONCILE_LOOKUPS_A_SECOND = 0
ORBIT_REDIS_UNSAFE = True  # the throwaway store keeps nothing on disk
# Static files come straight from their folders.
STATIC_ROOT = None  # type: ignore[assignment]
STORAGES = {**STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
