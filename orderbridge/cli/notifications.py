"""Commands on Amazon's notifications: changed orders in seconds, by way of a queue of the seller's own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from orderbridge.accounts.subscriptions import SubscriptionError, queue_policy, subscribe, subscriptions, unsubscribe
from orderbridge.cli.application import Json, app, done, fail, open_database, print_json, show, unit_of_work
from orderbridge.settings import load_settings

notifications_app = typer.Typer(no_args_is_help=True, help="Amazon tells of changed orders, by way of Amazon SQS.")
app.add_typer(notifications_app, name="notifications")

Arn = Annotated[str, typer.Option("--queue-arn", help="arn:aws:sqs:REGION:ACCOUNT:NAME, of a standard queue.")]


@notifications_app.command(name="subscribe")
def subscribe_account(
    account: str,
    queue_arn: Arn,
    queue_url: Annotated[
        str | None, typer.Option(help="Where the queue answers, if not where its ARN says (a private endpoint).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Have Amazon send an account's changed orders to a queue of yours, so that they reach the store in seconds.

    The queue must be for Orderbridge alone: what it reads there, it deletes. Done twice it does nothing more.

    Example: `orderbridge notifications subscribe main --queue-arn arn:aws:sqs:us-east-1:123456789012:orderbridge`

    Next: `orderbridge run listener` reads the queue, with AWS credentials from the environment, files or a role;
    `orderbridge up` starts it by itself.
    """
    with _told(), open_database() as database:
        made = subscribe(load_settings(), database, account, queue_arn, queue_url)
    done(
        f"{account} is subscribed: Amazon sends its changed orders to {made.queue_url}.",
        as_json,
        account=account,
        subscribed=True,
        queue=made.queue_url,
        destination=made.destination_id,
        subscription=made.subscription_id,
    )


@notifications_app.command(name="unsubscribe")
def unsubscribe_account(account: str, as_json: Json = False) -> None:
    """End an account's subscription at Amazon. Its orders are imported by the hour, as ever.

    Next: remove the queue in Amazon SQS, if nothing else uses it.
    """
    with _told(), open_database() as database:
        if not unsubscribe(load_settings(), database, account):
            fail(f"{account} is not subscribed. `orderbridge notifications list` shows which are.")
    done(f"{account} is no longer subscribed.", as_json, account=account, subscribed=False)


@notifications_app.command(name="list")
def list_subscriptions(as_json: Json = False) -> None:
    """All accounts that are subscribed, with their queues.

    Next: `orderbridge notifications subscribe ACCOUNT --queue-arn ARN` adds one.
    """
    with unit_of_work() as work:
        rows = [
            {
                "account": one.account_id,
                "queue": one.queue_url,
                "destination": one.destination_id,
                "subscription": one.subscription_id,
                "since": one.created_at,
            }
            for one in subscriptions(work)
        ]
    show(rows, as_json, "No account is subscribed: orders are imported by the hour.")


@notifications_app.command()
def policy(queue_arn: Annotated[str, typer.Argument(help="Of a standard queue.")], as_json: Json = False) -> None:
    """Print the access policy that a queue needs, so that Amazon may send to it.

    Example: `orderbridge notifications policy arn:aws:sqs:us-east-1:123456789012:orderbridge`

    Next: set it in Amazon SQS, under the queue's Access policy; then `orderbridge notifications subscribe`.
    """
    with _told():
        wanted = queue_policy(queue_arn)
    print_json(wanted) if as_json else typer.echo(json.dumps(wanted, indent=2))


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except SubscriptionError as error:
        fail(str(error))
