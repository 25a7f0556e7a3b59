"""Commands that prepare an installation, and let a service go on: secrets, tables."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from orderbridge.bus.self_pause import resume as resume_service
from orderbridge.cli.application import Json, app, done, fail, open_database, unit_of_work
from orderbridge.database.migrate import current_and_head, upgrade
from orderbridge.settings import PREFIX
from orderbridge.vault.keys import new_installation_key
from schemas.events import WORKERS

_MADE = ("vault_key", "secrets_key", "database_password")
_GIVEN = ("amazon_client_secret", "smtp_url", "api_token", "aws_credentials")


@app.command()
def init(
    file: Annotated[Path, typer.Option(help="Where to write them.")] = Path(".env"),
    secrets: Annotated[
        Path | None,
        typer.Option(
            help="Write them to this folder instead, a file each, as docker-compose.yml reads them, beside empty files "
            f"for those that you have ({', '.join(_GIVEN)})."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write fresh secrets to .env, unless it is there. Keep a copy in a safe place: without them nothing opens.

    For Docker: `orderbridge init --secrets secrets`.

    Next: `orderbridge up`, or `docker compose up`, or with PostgreSQL and Kafka of your own `orderbridge migrate` and
    `orderbridge topics`.
    """
    if secrets is not None:
        _write_secrets(secrets)
        done(f"Written to {secrets}.", as_json, folder=secrets)
        return
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        fail(f"{file} is there already: new secrets would make what lies sealed under the old ones unreadable.")
    except OSError as error:
        fail(f"{file} cannot be written: {error.strerror}.")
    with os.fdopen(descriptor, "w") as written:
        written.write(f"{PREFIX}VAULT_KEY={new_installation_key()}\n{PREFIX}SECRETS_KEY={new_installation_key()}\n")
    done(f"Written to {file}.", as_json, file=file)


def _write_secrets(folder: Path) -> None:
    """The folder is its owner's alone. Its files may be read by all: a container's user is another than the host's."""
    try:
        if folder.exists():
            fail(f"{folder} is there already: new secrets would make what lies sealed under the old ones unreadable.")
        # Half a folder would look like a whole one: so it has its name last.
        with TemporaryDirectory(prefix=f"{folder.name}.", dir=folder.parent) as beside:
            made = Path(beside) / folder.name
            made.mkdir(mode=0o700)
            for name in (*_MADE, *_GIVEN):
                (made / name).write_text(new_installation_key() if name in _MADE else "")
                (made / name).chmod(0o444 if name in _MADE else 0o644)
            made.rename(folder)
    except OSError as error:
        fail(f"{folder} cannot be written: {error.strerror}.")


@app.command()
def migrate(as_json: Json = False) -> None:
    """Bring the database to this release's tables. Safe to run again. One that is ahead of this release is left so.

    Next: `orderbridge topics`, then `orderbridge run SERVICE`, a process each.
    """
    with open_database(make=True) as database:
        before, head = current_and_head(database.engine)
        if not upgrade(database.engine):
            ahead = f"The database is at {before}, ahead of this release ({head}): one release back may be."
            done(ahead, as_json, before=before, now=before)
            return
    went = f"The database went from {before or 'nothing'} to {head}."
    done(f"The database is at {head}." if before == head else went, as_json, before=before, now=head)


@app.command()
def resume(
    service: Annotated[str, typer.Argument(help=f"One of {', '.join(WORKERS)}.")], as_json: Json = False
) -> None:
    """Let a service go on that has paused itself after too many failures of its own. Mend their cause first.

    Example: `orderbridge resume shipper`

    Next: its /healthz, and `orderbridge dead-letters list` for what it gave up before.
    """
    if service not in WORKERS:
        raise typer.BadParameter(f"{service!r} is not one of {', '.join(WORKERS)}")
    with unit_of_work() as work:
        resumed = resume_service(work, service)
    message = f"{service} goes on." if resumed else f"{service} was not paused."
    done(message, as_json, service=service, resumed=resumed)
