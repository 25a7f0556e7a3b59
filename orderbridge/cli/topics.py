"""`orderbridge topics`: makes the topics, and says who may read and write them."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from typing import Annotated

import typer

from orderbridge.cli.application import Json, app, console, done, fail, print_json, show
from orderbridge.settings import load_settings

topics_app = typer.Typer(invoke_without_command=True)
app.add_typer(topics_app, name="topics")


@topics_app.callback()
def topics(context: typer.Context, as_json: Json = False) -> None:
    """Create all topics, and correct the settings of those that are there. Safe to run again.

    Next: `orderbridge topics acl` where Kafka knows its users; `orderbridge run SERVICE`, a process each, and
    `orderbridge accounts connect NAME`.
    """
    if context.invoked_subcommand is not None:
        return
    from orderbridge.bus.topics import create_topics

    results = create_topics(load_settings())
    show([{"topic": name, "result": result} for name, result in results.items()], as_json, "No topics.")


@topics_app.command()
def acl(
    principal: Annotated[
        list[str] | None,
        typer.Option(help="ROLE=PRINCIPAL, such as store=User:web-store; else it is User:orderbridge-ROLE."),
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help="These roles alone.")] = None,
    store_group: Annotated[str, typer.Option(help="The store's consumer group, without the prefix.")] = "store",
    apply: Annotated[bool, typer.Option("--apply", help="Set them, as ORDERBRIDGE_KAFKA_SASL_USERNAME.")] = False,
    as_json: Json = False,
) -> None:
    """Who may read and write what, and the commands of Kafka's own tool that allow it; with --apply it is set here.

    Each service, the store, and the operator, who types commands, is a role. Lists are added, none is taken away.

    Example: `orderbridge topics acl --only store --principal store=User:web-store --store-group web-store`

    Next: a user each with its password in ORDERBRIDGE_KAFKA_SASL_USERNAME and …_PASSWORD (docs/operations/kafka.md).
    """
    from orderbridge.bus import acl as lists

    settings = load_settings()
    principals = dict(_pair(text) for text in principal or [])
    for role in [*principals, *(only or [])]:
        if role not in lists.ROLES:
            raise typer.BadParameter(f"{role!r} is not one of {', '.join(lists.ROLES)}")
    wanted = only or lists.ROLES
    given = [one for one in lists.permissions(settings, principals, store_group=store_group) if one.role in wanted]
    if apply:
        try:
            lists.apply(settings, given)
        except lists.NotApplied as error:
            fail(str(error))
        done(f"{len(given)} lists are set.", as_json, set=len(given))
        return
    if as_json:
        print_json([asdict(one) for one in given])
        return
    show([asdict(one) for one in given], False, "Nothing.")
    console.print()
    for line in lists.kafka_acls_commands(given, settings.kafka_bootstrap_servers):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _pair(text: str) -> tuple[str, str]:
    role, equals, principal = text.partition("=")
    if not equals or not principal.startswith("User:") or shlex.quote(principal.removeprefix("User:")) == "''":
        raise typer.BadParameter("it is ROLE=User:NAME, such as store=User:web-store", param_hint="--principal")
    return role, principal
