"""What the doctor says of services that run, have gone, or wait."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from orderbridge.database.models import ProcessRow, ServiceState
from orderbridge.database.unit_of_work import Database
from orderbridge.doctor.services import check_services
from orderbridge.overview import NEEDED


def found(database: Database, **other: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """The findings, with a process of each needed service, of which `other` says what is not as usual."""
    with database.unit_of_work() as work:
        for service in NEEDED:
            more = {"seen_ago": 1.0, "state": "ok", **other.get(service, {})}
            seen_at = work.now - timedelta(seconds=more.pop("seen_ago"))
            row = ProcessRow(process_id=service, service=service, instance=service, started_at=seen_at, **more)
            row.seen_at = seen_at
            work.session.add(row)
    with database.unit_of_work() as work:
        return {one.about: (one.severity, one.what) for one in check_services(work)}


def test_all_run(database: Database) -> None:
    assert found(database) == {"services": ("ok", "importer, redactor, shipper, ticker run.")}


def test_none_runs(database: Database) -> None:
    with database.unit_of_work() as work:
        (finding,) = check_services(work)
    assert (finding.severity, finding.what) == ("warning", "None runs.")


def test_one_has_gone(database: Database) -> None:
    ((about, (severity, what)),) = found(database, shipper={"seen_ago": 600.0}).items()
    assert (about, severity) == ("service shipper", "error")
    assert what.startswith("Silent since 20")


@pytest.mark.parametrize(
    ("state", "severity", "what"),
    [("stuck", "error", "Is stuck."), ("waiting", "warning", "Waits for Kafka.")],
)
def test_one_does_not_get_on(database: Database, state: str, severity: str, what: str) -> None:
    row = {"state": state, "waiting_for": "Kafka"}
    assert found(database, redactor=row) == {"service redactor": (severity, what)}


def test_one_is_far_behind(database: Database) -> None:
    found(database, importer={"lag": 20_000})
    with database.unit_of_work() as work:
        (finding,) = check_services(work)
    assert (finding.severity, finding.what) == ("warning", "20,000 behind.")
    assert "start more of it" in finding.what_to_do


def test_one_that_has_paused_itself_is_told_once(database: Database) -> None:
    """By its reason, among the troubles that stand."""
    with database.unit_of_work() as work:
        work.session.add(ServiceState(service="shipper", paused_at=work.now, reason="20 events failed"))
    assert found(database).keys() <= {"services"}
