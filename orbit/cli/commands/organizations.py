"""Organizations and projects."""

from orbit.cli import values
from orbit.cli.command import AnyCommand, Command, Option

_ORGANIZATIONS = "organizations"
_ONE = "organizations/{slug}"
_PROJECTS = "organizations/{organization}/projects"
_PROJECT = _PROJECTS + "/{project}"
REASON = Option("reason", "why; stands in the ledger")

_SETTINGS = (
    Option("name", "as people read it"),
    Option("time_zone", "in which its days begin, such as Europe/Berlin"),
    Option("currency", "USD"),
    Option("week_starts", "monday, saturday or sunday"),
    Option("month_starts_on", "day of the month, 1 to 28", values.whole),
    Option("year_starts_in", "month, 1 to 12", values.whole),
)

COMMANDS: tuple[AnyCommand, ...] = (
    Command(
        "organizations list", "those that the credential reaches", "GET", _ORGANIZATIONS,
        (Option("state", "active, suspended or deleted"),),
        ("slug", "name", "state", "policy", "time_zone", "created_at"),
    ),
    Command("organizations show", "one of them", "GET", _ONE),
    Command(
        "organizations create", "make a new one", "POST", _ORGANIZATIONS,
        (Option("slug", "its name in addresses, for good", required=True), *_SETTINGS),
    ),
    Command(
        "organizations change", "set what is named, leave the rest", "PATCH", _ONE,
        (*_SETTINGS, Option("policy", "its own policy; '' takes it away", values.or_none(values.text))),
    ),
    Command("organizations suspend", "refuse its calls from now on", "POST", _ONE + "/suspend", (REASON,)),
    Command("organizations resume", "end a suspension", "POST", _ONE + "/resume"),
    Command(
        "organizations delete", "refuse its calls, and purge it when its time is over", "DELETE", _ONE,
        said="deleted; `orbit organizations restore` undoes it for a while", asks="Delete the organization {slug}?",
    ),
    Command("organizations restore", "undo a deletion", "POST", _ONE + "/restore"),
    Command(
        "projects list", "the organization's projects", "GET", _PROJECTS,
        (Option("archived", "yes: only archived ones; no: only the others", values.yes_or_no),),
        ("slug", "name", "policy", "suspended_at", "archived_at"),
    ),
    Command("projects show", "one of them", "GET", _PROJECT),
    Command(
        "projects save", "make it, or make it be so", "PUT", _PROJECT,
        (
            Option("name", "as people read it", required=True),
            Option("policy", "its own policy; left out: none", values.or_none(values.text)),
        ),
    ),
    Command("projects suspend", "refuse its keys from now on", "POST", _PROJECT + "/suspend", (REASON,)),
    Command("projects resume", "end a suspension", "POST", _PROJECT + "/resume"),
    Command(
        "projects archive", "end its keys; its books stay", "DELETE", _PROJECT,
        said="archived; `orbit projects save` opens it again", asks="Archive the project {project}, and end its keys?",
    ),
)  # fmt: skip
