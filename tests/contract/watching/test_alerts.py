"""Each alert fires when it should and not else, has its page in the runbook, and asks for metrics that there are."""

from __future__ import annotations

import re
import subprocess
from typing import Any

import pytest
import yaml

from docs.metrics_page import names
from orderbridge.accounts.attentions import STOPS_WORK
from orderbridge.standing_metrics import StandingMetrics
from tests.parts.dashboards import queries
from tests.parts.prometheus import DEPLOY, program

PROMETHEUS = DEPLOY / "prometheus"
RUNBOOK = (DEPLOY.parent / "docs" / "operations" / "runbook.md").read_text()
RULES: list[dict[str, Any]] = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"][0]["rules"]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
RECORDED = {rule["record"]: rule["expr"] for rule in RULES if "record" in rule}
TESTS: list[dict[str, Any]] = yaml.safe_load((PROMETHEUS / "alerts_test.yml").read_text())["tests"]
PAGES: dict[str, str] = {page.partition("\n")[0]: page.partition("\n")[2] for page in RUNBOOK.split("\n## ")[1:]}
_METRIC = re.compile(r"\b(?:orderbridge[:_]|process_)[a-z_]+")
_EXPRESSIONS = [*(rule["expr"] for rule in ALERTS.values()), *(query.expression for query in queries())]
_OF_TROUBLES = ("ConsentRevoked", "RoleMissing", "SweepFound")
OF_EVERY_PROCESS = {"process_resident_memory_bytes", "process_cpu_seconds_total"}


def promtool(*arguments: str) -> str:
    done = subprocess.run([program("promtool"), *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_rules_pass_their_own_tests() -> None:
    assert "SUCCESS" in promtool("test", "rules", str(PROMETHEUS / "alerts_test.yml"))


def test_the_configuration_for_compose_is_right() -> None:
    assert f"{len(RULES)} rules found" in promtool("check", "config", str(PROMETHEUS / "prometheus.yml"))


def test_each_alert_is_tested_to_fire_and_not_to() -> None:
    healthy, *firing = TESTS
    assert [one["alertname"] for one in healthy["alert_rule_test"]] == list(ALERTS)
    assert not any("exp_alerts" in one for one in healthy["alert_rule_test"])
    fired = {one["alertname"] for test in firing for one in test["alert_rule_test"] if one["exp_alerts"]}
    assert fired == set(ALERTS)


@pytest.mark.parametrize("name", ALERTS)
def test_each_alert_leads_to_its_page(name: str) -> None:
    assert ALERTS[name]["annotations"]["runbook_url"] == f"docs/operations/runbook.md#{name.lower()}"
    for part in ("**It means**", "**Look**", "**Do**"):
        assert part in PAGES[name]


def test_the_runbook_has_no_page_of_another_alert() -> None:
    assert list(PAGES) == list(ALERTS)


@pytest.mark.parametrize("expression", _EXPRESSIONS)
def test_what_is_asked_for_is_told(expression: str) -> None:
    asked = set(_METRIC.findall(expression)) | ({"up", "ALERTS"} & set(re.findall(r"\w+", expression)))
    assert asked, expression
    assert asked - names() - set(RECORDED) - OF_EVERY_PROCESS - {"up", "ALERTS"} == set()


def test_what_the_ticker_tells_is_recorded_without_the_process_that_told_it() -> None:
    told = {family.name for family in StandingMetrics(None, lambda: False).collect()}
    right = {name.replace("_", ":", 1): f"max without (instance, job) (last_over_time({name}[2m]))" for name in told}
    assert right == RECORDED
    for expression in _EXPRESSIONS:
        assert "absent(" in expression or set(_METRIC.findall(expression)).isdisjoint(told), expression


def test_a_trouble_that_stops_an_accounts_work_wakes_somebody() -> None:
    """A trouble more in `STOPS_WORK` must find its alert."""

    def named(alert: str) -> set[str]:
        (troubles,) = re.findall(r'trouble[=!]~?"([a-z_|]+)"', ALERTS[alert]["expr"])
        return set(troubles.split("|"))

    assert named("ConsentRevoked") | named("RoleMissing") == set(STOPS_WORK)
    assert named("AccountNeedsSomebody") == {trouble for one in _OF_TROUBLES for trouble in named(one)}


def test_the_series_of_the_tests_are_told() -> None:
    series = {one["series"].partition("{")[0] for test in TESTS for one in test["input_series"]}
    assert series - names() == {"up"}
