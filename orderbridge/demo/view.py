"""How the demo shows itself: one line per order moving through its states, then a table of what happened."""

from __future__ import annotations

from typing import Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

_STATES = {
    "placed": "dim",
    "imported": "cyan",
    "shipped": "yellow",
    "held": "magenta",
    "rejected": "red",
    "confirmed": "green",
    "at Amazon": "bold green",
}


def picture(lines: list[dict[str, str]], headline: str, limit: int = 28) -> Group:
    """The live view."""
    table = Table(show_edge=False, pad_edge=False, expand=False)
    for name, width in (("order", 19), ("in", 2), ("state", 9), ("personal data", 15)):
        table.add_column(name, no_wrap=True, min_width=width)
    table.add_column("note", overflow="fold")
    for line in lines[:limit]:
        personal = Text(line["personal"], style="red" if line["personal"] == "Amazon Replaced" else "")
        table.add_row(
            line["order"],
            line["market"],
            Text(line["state"], style=_STATES.get(line["state"], "")),
            personal,
            line["note"],
        )
    more = [Text(f"… and {len(lines) - limit} more", style="dim")] if len(lines) > limit else []
    return Group(Text(headline, style="bold"), table, *more)


def summary(console: Console, report: dict[str, Any], comparison: Any) -> None:
    """The closing table and the verdict."""
    table = Table(show_edge=False, pad_edge=False, title="What happened", title_justify="left")
    table.add_column("")
    table.add_column("", justify="right")
    for group in ("orders", "shipments", "amazon"):
        for name, number in report[group].items():
            table.add_row(f"{group} {name}", str(number))
    for name in ("dead_letters", "lost", "doubled", "repeated"):
        table.add_row(name.replace("_", " "), str(report[name]))
    table.add_row("seconds", str(report["seconds"]))
    console.print(table)
    if comparison.agree:
        console.print("[bold green]The books of Amazon and of the store agree.[/bold green]")
    else:
        console.print("[bold red]The books do not agree:[/bold red]")
        for difference in (*comparison.lost, *comparison.doubled)[:20]:
            console.print(f"  {difference}")
