"""The group of commands about buyers' personal data."""

from __future__ import annotations

import typer

from orderbridge.cli.application import app

privacy_app = typer.Typer(no_args_is_help=True, help="Buyers' personal data: who saw it, where it is, and its end.")
app.add_typer(privacy_app, name="privacy")
