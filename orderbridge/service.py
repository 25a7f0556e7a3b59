"""Runs one service: `python -m orderbridge.service NAME`, or `orderbridge run NAME`.

A service declares itself as an entry point in the group `orderbridge.services`, so that this package need not know
(nor import) any of them. Without the command line's imports a service starts a second sooner.
"""

from __future__ import annotations

import resource
import sys
from importlib.metadata import entry_points

from orderbridge.memory import give_memory_back
from orderbridge.settings import BadSettings
from orderbridge.supervisor import stop_with_supervisor
from orderbridge.tracing import configure_tracing
from orderbridge.vault.key_ring import WrongInstallationKey
from orderbridge.vault.keys import InvalidKeyText


def services() -> list[str]:
    """The names of all services that are installed."""
    return sorted({entry.name for entry in entry_points(group="orderbridge.services")})


def run_service(name: str, arguments: list[str]) -> None:
    """Run the service until it ends. Raises LookupError if there is none of that name."""
    found = [entry for entry in entry_points(group="orderbridge.services") if entry.name == name]
    if not found:
        raise LookupError(f"There is no service {name!r}. Choose one of {', '.join(services())}.")
    refuse_core_dumps()
    give_memory_back()
    stop_with_supervisor()
    configure_tracing(name)
    sys.argv = [f"orderbridge run {name}", *arguments]
    found[0].load()()


def refuse_core_dumps() -> None:
    """Have this process, and all that it starts, leave no core file: its memory holds keys and personal data."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    try:
        run_service(sys.argv[1], sys.argv[2:])
    except (BadSettings, InvalidKeyText, WrongInstallationKey) as error:
        sys.exit(f"Settings: {error}")
