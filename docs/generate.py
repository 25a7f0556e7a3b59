"""Writes the pages made from the code: docs/operations/configure.md, every variable, and metrics.md, every metric.

`python -m docs.generate` writes them, `--check` fails if what is committed is stale.
"""

from __future__ import annotations

import argparse
import ast
import sys
from itertools import pairwise
from pathlib import Path
from types import NoneType
from typing import Literal, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from docs import metrics_page
from orderbridge import settings
from orderbridge.settings import PREFIX, Settings

OPERATIONS = Path(__file__).parent / "operations"
PAGE = OPERATIONS / "configure.md"
METRICS = OPERATIONS / "metrics.md"
_BEGIN = "<!-- Generated from {} by `make schemas`: don't edit below. -->\n"


class NotDescribed(Exception):
    """A variable has no docstring: the message names it."""


def meanings() -> dict[str, str]:
    """What the docstring below each field of `Settings` says, on one line. Raises NotDescribed."""
    module = ast.parse(Path(settings.__file__).read_text())
    (body,) = (node.body for node in module.body if isinstance(node, ast.ClassDef) and node.name == "Settings")
    found = {}
    for node, after in pairwise(body):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            if not (isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)):
                raise NotDescribed(f"{node.target.id} has no docstring in orderbridge/settings.py: write one below it")
            found[node.target.id] = " ".join(str(after.value.value).split())
    return found


def form(field: FieldInfo) -> str:
    """What may be written, in words."""
    (kind, *_) = [one for one in get_args(field.annotation) if one is not NoneType] or [field.annotation]
    if get_origin(field.annotation) is Literal:
        return ", ".join(get_args(field.annotation)[:-1]) + f" or {get_args(field.annotation)[-1]}"
    if kind is int:
        (lowest,) = (one.ge for one in field.metadata if hasattr(one, "ge"))
        (highest,) = (one.le for one in field.metadata if hasattr(one, "le"))
        return f"{lowest} to {highest}"
    names = {bool: "true or false", SecretStr: "secret", Path: "path", str: "text"}
    return names.get(kind, "YYYY-MM-DD")


def default(field: FieldInfo) -> str:
    """What stands where nothing is said."""
    if field.default in (None, ""):
        return "none"
    return f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`"


def generated() -> str:
    """The table of all variables."""
    said = meanings()
    rows = [
        f"| `{PREFIX}{name.upper()}` | {form(field)} | {default(field)} | {said[name].replace('|', chr(92) + '|')} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(["| variable | value | default | what it is |", "|---|---|---|---|", *rows, ""])


def renewed(page: Path, source: str, table: str, *, check: bool) -> bool:
    """Write the page's table below its mark, or with `check` see whether it is there; says what is wrong."""
    mark = _BEGIN.format(source)
    text = page.read_text()
    by_hand, found, _ = text.partition(mark)
    if not found:
        print(f"{page.name} lacks the line {mark.strip()}", file=sys.stderr)
        return False
    wanted = f"{by_hand}{mark}\n{table}"
    if text == wanted:
        return True
    if check:
        print(f"stale: docs/operations/{page.name}. Run `make schemas` and commit the result.", file=sys.stderr)
        return False
    page.write_text(wanted)
    print(f"written: docs/operations/{page.name}")
    return True


def main() -> int:
    """Write the pages, or with `--check` say which are stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a page is stale")
    check = parser.parse_args().check
    good = [
        renewed(PAGE, "orderbridge/settings.py", generated(), check=check),
        renewed(METRICS, "the registered collectors", metrics_page.table(), check=check),
    ]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
