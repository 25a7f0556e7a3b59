"""Commands on events: say one as a store would, and watch them."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from pydantic import ValidationError

from orderbridge.bus.envelope import original_of
from orderbridge.bus.legible import legible
from orderbridge.bus.reading import follow_topics
from orderbridge.cli.application import Json, app, done, wrong_values
from orderbridge.settings import load_settings
from orderbridge.store import Store
from schemas.events import all_topics
from schemas.shipments import OrderShipped

emit_app = typer.Typer(no_args_is_help=True, help="Say an event as a store would.")
app.add_typer(emit_app, name="emit")
events_app = typer.Typer(no_args_is_help=True, help="Watch events.")
app.add_typer(events_app, name="events")


@emit_app.command(name="order.shipped")
def emit_order_shipped(
    order: Annotated[str, typer.Option(help="Amazon's order number.")],
    carrier: Annotated[str, typer.Option(help="UPS, USPS, FedEx, DHL, …, any spelling.")],
    tracking: Annotated[str, typer.Option(help="The tracking number.")],
    package: Annotated[
        str | None, typer.Option(help="The store's package id; names the package for corrections.")
    ] = None,
    ship_date: Annotated[str | None, typer.Option(help="2026-11-24, or a moment with its offset.")] = None,
    line: Annotated[list[str] | None, typer.Option(help="SKU=QUANTITY; none means all that remains.")] = None,
    as_json: Json = False,
) -> None:
    """Say that a package has left: shipped with tracking.

    Example: `orderbridge emit order.shipped --order 114-3941689-8772232 --carrier UPS --tracking 1Z999AA10123456784`

    Next: the answer is `shipment.confirmed` or `shipment.rejected`; `orderbridge orders show ORDER` has it too.
    """
    body: dict[str, Any] = {"order_id": order, "carrier": carrier, "tracking_number": tracking}
    body |= {"lines": [_line(text) for text in line or []]}
    body |= {name: value for name, value in (("package_id", package), ("ship_date", ship_date)) if value}
    try:
        event = OrderShipped.model_validate(body)
    except ValidationError as error:
        raise wrong_values(error) from None
    with Store.from_settings(load_settings()) as store:
        event_id = store.shipped(event)
    done(f"Said, as event {event_id}.", as_json, event_id=event_id, order_id=event.order_id)


def _line(text: str) -> dict[str, Any]:
    sku, _, quantity = text.rpartition("=")
    if not (sku and quantity.isascii() and quantity.isdigit()):
        raise typer.BadParameter("a line is SKU=QUANTITY, such as MUG-BLUE=1", param_hint="--line")
    return {"sku": sku, "quantity": int(quantity)}


@events_app.command()
def tail(
    event_type: Annotated[str | None, typer.Argument(help="Such as order.imported; none means all.")] = None,
    since_start: Annotated[bool, typer.Option(help="From the beginning of the topics.")] = False,
    as_json: Json = False,
) -> None:
    """Print events as they come, until Ctrl-C: their time, their topic and their body.

    With --json a line is an object: at, topic, key, headers and value (all as text), and its place on the topic.

    Example: `orderbridge events tail order.imported --since-start --json`

    Next: `orderbridge orders show ORDER` for one of the orders that go by.
    """
    settings = load_settings()
    known = all_topics()
    if event_type is not None and event_type not in known:
        raise typer.BadParameter(f"there is no event {event_type}; known are {', '.join(sorted(known))}")
    names = [event_type] if event_type else list(known)
    consumer = follow_topics(settings, names, since_start=since_start)
    try:
        for message in consumer:
            original = original_of(message)
            told = legible(original)
            line = f"{original.timestamp:%H:%M:%S.%f} {original.topic} {told['value'] or ''}"
            done(line, as_json, at=original.timestamp, topic=original.topic, place=original.place(), **told)
    except KeyboardInterrupt:
        pass
    finally:
        consumer.close()
