"""The lint behind `orbit.lib.egress`: nothing else in our code opens connections or brings a client."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

FOLDERS = ("orbit", "audit", "tenants", "quotas", "dlp", "proxy", "billing", "console")
CLIENTS = frozenset(
    {
        "aiohttp", "azure", "boto3", "botocore", "confluent_kafka", "ftplib", "http.client", "httpcore", "httpcore2", "httplib2", "httpx", "httpx2", "niquests", "pycurl",
        "pyqwest", "pyreqwest", "requests", "telnetlib", "urllib.request", "urllib3", "websockets", "xmlrpc.client",
    }
)  # fmt: skip
# asyncio's and socket's ways to connect to a host; the loop's method goes by the second name too
CALLS = frozenset(
    {"open_connection", "create_connection", "sock_connect", "HTTPConnection", "HTTPSConnection"}
)
ALLOWED = {
    "orbit/lib/egress.py": "the way out itself, with httpx2 as its second client",
    "orbit/lib/wire.py": "its first client; gets vetted addresses only",
    "orbit/lib/redis/connection.py": "goes to REDIS_URL, which is the operator's",
    "tenants/secrets/aws.py": "goes to AWS Secrets Manager by its SDK; a tenant names secrets, no address",
    "tenants/secrets/azure.py": "gets tokens from Azure by its SDK; a tenant names secrets in listed vaults",
    "tenants/secrets/http.py": "goes to the operator's Vault, Key Vaults and issuer of tokens",
    "audit/sinks/forward.py": "goes to the log collector that the operator's file names; speaks no HTTP",
    "audit/sinks/kafka.py": "goes to the brokers that the operator's file names; speaks no HTTP",
    "orbit/cli/client.py": "goes to the gateway whose address a person gave the command line",
    "orbit/launcher/installation.py": "asks the workers that it started whether they are ready",
    "orbit/demo/provider/process.py": "tests ask the demo provider that they started for its books",
    "orbit/demo/bills/process.py": "tests ask the pretend billing that they started how it was asked",
}


def outbound_faults(project: Path) -> Iterator[str]:
    """Other clients than the one way out, and permissions that nobody needs any more."""
    unused = set(ALLOWED)
    for folder in FOLDERS:
        for path in sorted((project / folder).rglob("*.py")):
            name = path.relative_to(project).as_posix()
            found = list(_found(ast.parse(path.read_text())))
            if name in ALLOWED:
                unused -= {name} if found else set()
                continue
            for line, what in found:
                yield f"{name}:{line}: {what}: connections leave by orbit.lib.egress (orbit/launcher/outbound.py)"
    yield from (f"orbit/launcher/outbound.py: {name} needs no permission" for name in sorted(unused))


def _found(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Call):
            names = (
                [str(one.value) for one in node.args if isinstance(one, ast.Constant)]
                if _imports(node)
                else []
            )
        elif isinstance(node, ast.Attribute) and node.attr in CALLS:
            yield node.lineno, node.attr
            continue
        else:
            continue
        for name in names:
            if _is_client(name) or name.rpartition(".")[2] in CALLS:
                yield node.lineno, name
                break


def _imports(node: ast.Call) -> bool:
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return called in ("import_module", "__import__")


def _is_client(name: str) -> bool:
    parts = name.split(".")
    return any(".".join(parts[:end]) in CLIENTS for end in range(1, len(parts) + 1))
