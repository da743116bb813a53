"""The commands, by what they are about."""

from orbit.cli.command import AnyCommand
from orbit.cli.commands import keys, organizations, signing, tools

# in the order in which help tells them
ALL: tuple[AnyCommand, ...] = (
    *signing.COMMANDS,
    *organizations.COMMANDS,
    *keys.COMMANDS,
    *tools.COMMANDS,
)

GROUPS = {
    "organizations": "organizations of the installation, or one's own",
    "projects": "an organization's projects",
    "keys": "keys for applications",
    "management-keys": "keys for this command line and other programs",
    "import": "files from elsewhere into declarative ones",
}
