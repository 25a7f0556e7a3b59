"""What is compared when all is over, order by order: Amazon's books, the store's, and what the store meant to say."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from orderbridge.database.models import HandlerFailure, OutboxRow, PersonalDataRow
from orderbridge.demo.books import compare
from tests.parts.chaos.house import ChaosHouse
from tests.parts.chaos.trade import Trade
from tests.parts.leavings import search_everything
from tests.parts.needles import Search
from tests.parts.shipment_plan import Content, Plan

_FINAL = ("confirmed", "rejected")


def differences(house: ChaosHouse, trade: Trade) -> tuple[list[str], dict[str, int]]:
    """Everything that is not as it must be, each in a line that begins with its kind; and figures."""
    amazon = house.get(f"{house.sandbox}/_sandbox/books")
    store, documents = house.store_books(), house.store_documents()
    comparison = compare(amazon, store)
    found = [f"lost: {what}" for what in comparison.lost] + [f"doubled: {what}" for what in comparison.doubled]
    found += _content(amazon["orders"], trade)
    found += _answers(documents, trade.plan)
    found += _orders(amazon["orders"], documents, trade)
    found += _inside(house)
    corrected = trade.plan.corrected()
    identical = Counter(
        {
            order_id: sum(package["identical"] for package in order["packages"].values())
            for order_id, order in amazon["orders"].items()
        }
    )
    never_corrected = sum(count for order_id, count in identical.items() if order_id not in corrected)
    figures = {
        "orders": len(amazon["orders"]),
        "shipments": len(store["shipments"]),
        "packages": sum(len(order["packages"]) for order in amazon["orders"].values()),
        "identical_calls": identical.total(),
        "identical_calls_of_what_was_never_corrected": never_corrected,
        "redacted": len(trade.old),
    }
    return found, figures


def unfinished(house: ChaosHouse, trade: Trade) -> str:
    """What the store and Amazon still wait for, in words; nothing if they are done."""
    documents = house.store_documents()
    waiting = [
        f"{order_id} {shipment['tracking_number']}"
        for order_id, document in documents.items()
        for shipment in _latest(document["shipments"].values())
        if not _finals(shipment)
    ]
    amazon = house.get(f"{house.sandbox}/_sandbox/books")["orders"]
    apart = _orders(amazon, documents, trade)
    return "; ".join(f"{len(some)} such as {some[0]}" for some in (waiting, apart) if some)


def plaintext(house: ChaosHouse) -> Search:
    """Everything that has left memory but for Amazon's own: data folders, tables, topics, logs, the key ring."""
    folders = [house.logs, house.settings.key_ring]
    if house.postgres.data_folder is not None:
        folders.append(house.postgres.data_folder)
    found = search_everything(house.settings, house.database, folders)
    if house.kafka.data_folder is not None:
        for segment in house.kafka.data_folder.rglob("*.log"):  # beside them lie indexes, ten empty megabytes each
            found.file(segment)
    return found


def canaries_at_amazon(folder: Path) -> int:
    """How many the sandbox holds: a search that finds none there would find none anywhere."""
    found = Search()
    found.folder(folder)
    return len(found.numbers())


def _content(amazon: dict[str, Any], trade: Trade) -> list[str]:
    expected = trade.plan.content_by_order()
    found = []
    for order_id, order in amazon.items():
        theirs = sorted((content_of(package["content"]) for package in order["packages"].values()), key=str)
        ours = expected.get(order_id, [])
        if len(theirs) > len(ours):
            found.append(f"doubled: order {order_id} has {theirs} at Amazon, and the store said {ours}")
        elif len(theirs) < len(ours):
            found.append(f"lost: order {order_id} has {theirs} at Amazon, and the store said {ours}")
        elif theirs != ours:
            found.append(f"wrong content: order {order_id} has {theirs} at Amazon, and the store said {ours}")
    return found


def _answers(documents: dict[str, Any], plan: Plan) -> list[str]:
    """What nothing corrects is answered as it must be, and each event once."""
    expected = plan.to_be_answered()
    found = []
    for wish in plan.wishes:
        name = f"shipment {wish.event.order_id} {wish.event.tracking_number}"
        shipments = documents.get(wish.event.order_id, {}).get("shipments", {}).values()
        said = [_finals(one) for one in shipments if one["tracking_number"] == wish.event.tracking_number]
        found += [f"doubled: {name}: answered {len(finals)} times" for finals in said if len(finals) > 1]
        told = [one["reason"] if one["state"] == "rejected" else one["state"] for finals in said for one in finals]
        wanted = wish.refused_as or "confirmed"
        if wish.event_id not in expected:
            continue
        if not told:
            found.append(f"lost: {name}: no answer")
        elif wanted not in told or set(told) - {wanted, "superseded"}:
            found.append(f"wrong answer: {name}: {told} instead of {wanted}")
    return found


def _orders(amazon: dict[str, Any], documents: dict[str, Any], trade: Trade) -> list[str]:
    """Each order's state is Amazon's, and the personal data of the old ones is gone."""
    found = []
    for order_id, order in amazon.items():
        latest = (documents.get(order_id) or {}).get("latest")
        if latest is None:
            found.append(f"lost: order {order_id}: the store does not have it")
            continue
        if latest["amazon_status"] != order["status"].lower():
            theirs = order["status"]
            found.append(f"lost: order {order_id} is {latest['amazon_status']} in the store, {theirs} at Amazon")
        if order_id in trade.asks_to_cancel and latest["cancel_requested"] is None:
            found.append(f"lost: order {order_id}: the store knows nothing of its buyer's wish to cancel")
        if order_id in trade.old and latest["personal_data"]["state"] != "redacted":
            found.append(f"kept: order {order_id} is older than 30 days: {latest['personal_data']['state']}")
    return found


def _inside(house: ChaosHouse) -> list[str]:
    """What our own tables say that must not be there."""
    with house.database.unit_of_work() as work:
        letters = work.session.scalars(select(OutboxRow.body).where(OutboxRow.topic.endswith(".dead-letter"))).all()
        failures = work.session.execute(
            select(HandlerFailure.service, HandlerFailure.exception, func.count()).group_by(
                HandlerFailure.service, HandlerFailure.exception
            )
        ).all()
        alive = select(PersonalDataRow.order_id).where(
            PersonalDataRow.redacted_at.is_(None), PersonalDataRow.dies_at <= work.now
        )
        kept = work.session.scalars(alive).all()
    found = [f"dead letter: {letter[:500]!r}" for letter in letters]
    found += [f"handler failed: {service} {count} times: {exception}" for service, exception, count in failures]
    return found + [f"kept: the personal data of {order_id}, whose day is over" for order_id in kept]


def content_of(told: dict[str, Any]) -> Content:
    """A package's content, as Amazon has it."""
    quantities: Counter[str] = Counter()
    for item in told["orderItems"]:
        quantities[item["orderItemId"]] += item["quantity"]
    return told["carrierCode"], told["trackingNumber"], dict(quantities)


def _latest(shipments: Any) -> list[dict[str, Any]]:
    return list({one["package_id"] or one["tracking_number"]: one for one in shipments}.values())


def _finals(shipment: dict[str, Any]) -> list[dict[str, Any]]:
    return [answer for answer in shipment["told"].values() if answer["state"] in _FINAL]
