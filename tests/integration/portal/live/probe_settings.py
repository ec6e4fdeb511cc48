"""The real settings with the probe's jobs, for the processes that these tests start and kill."""

from portal.settings import *  # noqa: F403
from portal.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "probe"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


class _StraightFromModels(dict[str, None]):
    """Every app's tables without its migrations: these tests are of processes, and start many databases."""

    def __contains__(self, app: object) -> bool:
        return True

    def __getitem__(self, app: str) -> None:
        return None


MIGRATION_MODULES = _StraightFromModels()
