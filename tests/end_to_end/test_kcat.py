"""What the README shows: a line typed into kcat is confirmed at Amazon, by every service as a process."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.parts.distributed_house import DistributedHouse
from tests.parts.kafka import Kafka
from tests.parts.process import wait_until

README = (Path(__file__).parents[2] / "README.md").read_text()
(TYPED,) = re.findall(r"```sh\n(echo .*kcat .*)\n```", README)
ORDER = "114-3941689-8772232"


@pytest.mark.usefixtures("kcat")
@pytest.mark.timeout(240)
def test_a_shipment_typed_into_kcat_is_confirmed(
    kafka: Kafka, postgres_url: str, topic_prefix: str, tmp_path: Path
) -> None:
    """Bare JSON, no envelope, an order that nobody imported yet: it is fetched first."""
    workers = ("ticker", "importer", "shipper")
    house = DistributedHouse(tmp_path, kafka.bootstrap_servers, postgres_url, topic_prefix, speed=60, workers=workers)
    try:
        house.start()
        (order_id,) = house.post(f"{house.sandbox}/_sandbox/orders", {"count": 1, "fulfilled_by": "merchant"})[
            "order_ids"
        ]
        line = TYPED.replace(ORDER, order_id).replace("127.0.0.1:9092", kafka.bootstrap_servers)
        assert line.count(order_id) == 2
        line = line.replace("-t order.shipped", f"-t {topic_prefix}order.shipped")
        subprocess.run(["/bin/sh", "-ec", line], check=True, timeout=30)

        def packages() -> list[Any]:
            return list(house.get(f"{house.sandbox}/_sandbox/books")["orders"][order_id]["packages"].values())

        wait_until(lambda: bool(packages()), seconds=120, what="the package at Amazon", interval=0.2)
        (package,) = packages()
        assert (package["content"]["trackingNumber"], package["calls"]) == ("1Z999AA10123456784", 1)
    finally:
        house.close()
