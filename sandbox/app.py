"""The entry point: what `python -m sandbox` and an installed command run."""

from __future__ import annotations

from sandbox.cli import cli


def main() -> None:
    """Run the sandbox as its command line says: `sys.argv` as described by `python -m sandbox --help`."""
    cli(prog_name="python -m sandbox")
