"""The data folder of a house: one house at a time, what commands typed beside it read, and the secrets it keeps."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from orderbridge.settings import ENVIRONMENT_FILE, PREFIX
from orderbridge.vault.keys import key_from_text, new_installation_key

_ADDRESSES_FILE = "addresses.json"


class HouseError(Exception):
    """The house cannot be started; the message says why and what to do."""


@contextmanager
def one_house(data: Path) -> Iterator[None]:
    """The folder, for one house alone; the lock falls with its process. Raises HouseError if another has it.

    What a house told commands typed beside it ends with it; what one that was killed has left goes first, or this one
    would take it for its settings. So settings are loaded within.
    """
    data.mkdir(parents=True, exist_ok=True)
    with (data / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise HouseError(
                f"Another `orderbridge up` or `demo` runs in {data}. Stop it, or use another folder with --data."
            ) from None
        _forget(data)
        try:
            yield
        finally:
            _forget(data)


def tell(data: Path, environment: Mapping[str, str], addresses: Mapping[str, Any]) -> None:
    """Write down what every command typed beside the house is to know."""
    _write_private(data / ENVIRONMENT_FILE, "".join(f"{name}={value}\n" for name, value in environment.items()))
    _write_private(data / _ADDRESSES_FILE, json.dumps(addresses, indent=2) + "\n")


def kept_values(store: Path, keys: Mapping[str, str], key_ring: Path, sandbox_port: int) -> dict[str, str]:
    """`vault_key`, `secrets_key`, the key ring and the sandbox's port, kept since the first start: seals and accounts
    depend on them.

    `keys` are those that the installation was given; what nobody gave is made. Raises HouseError if another key or ring
    is kept than the one given, InvalidKeyText if a key is none.
    """
    file = store / "kept.json"
    kept: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    ring = os.path.relpath(key_ring, store)  # a house and its ring may be moved together
    if kept.get("key_ring", ring) != ring:
        raise HouseError(
            f"{key_ring} is not the key ring under which {store} keeps its personal data: that is "
            f"{(store / kept['key_ring']).resolve()}. Name it with --key-ring, or use another folder with --data."
        )
    for name, text in keys.items():
        variable = f"{PREFIX}{name.upper()}"
        key = key_from_text(text, variable)
        if name in kept and key_from_text(kept[name], variable) != key:
            raise HouseError(
                f"{variable} is not the key under which {store} keeps its data. Take it out of the environment and "
                "of .env, or use another folder with --data."
            )
    made = {"vault_key": new_installation_key(), "secrets_key": new_installation_key()}
    values = {**made, "sandbox_port": str(sandbox_port), **kept, **keys, "key_ring": ring}
    if values != kept:
        _write_private(file, json.dumps(values))
    return values


def _forget(data: Path) -> None:
    for name in (ENVIRONMENT_FILE, _ADDRESSES_FILE):
        (data / name).unlink(missing_ok=True)


def _write_private(path: Path, text: str) -> None:
    """Whole at once: whoever reads it meanwhile reads the old or the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    new.replace(path)
