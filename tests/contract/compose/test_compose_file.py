"""What docker-compose.yml promises of every container, read from the file: needs no Docker."""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

import pytest

from orderbridge.service import services
from orderbridge.settings import PREFIX, Settings
from tests.contract.compose.compose_file import (
    COMPOSE,
    ONCE,
    OURS,
    REPOSITORY,
    SERVICES,
    WATCHING,
    YOUR_KAFKA,
    seconds,
    variables,
    with_defaults,
)

VERSION = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"]
DOCKERFILE = (REPOSITORY / "Dockerfile").read_text()
EXAMPLE = (REPOSITORY / ".env.example").read_text()
DEMO = {name for name, one in SERVICES.items() if one.get("profiles") == ["demo"]}


def variables_of(service: str) -> dict[str, Any]:
    environment: dict[str, Any] = SERVICES[service].get("environment", {})
    return environment


def who_has(secret: str) -> set[str]:
    return {name for name, one in SERVICES.items() if secret in one.get("secrets", [])} - DEMO


def test_every_service_has_its_container() -> None:
    assert services() == sorted(OURS.keys() - {"migrate", "topics", "init", "seller", "mail"})


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_container_is_hardened(name: str) -> None:
    service = SERVICES[name]
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"privileged", "cap_add", "pid", "network_mode", "devices"} & service.keys() == set()
    assert any(entry.startswith("/tmp") for entry in service["tmpfs"])  # noqa: S108 (a mount, not a file)
    assert service["mem_limit"]
    assert service["logging"]["options"]["max-size"]
    assert seconds(service["stop_grace_period"]) >= 30


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - ONCE))
def test_what_runs_on_has_a_health_check_and_comes_back(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"][0] == "CMD"
    assert seconds(service["healthcheck"]["start_period"]) >= 60


@pytest.mark.parametrize("name", ["importer", "shipper", "reporter"])
def test_whoever_calls_others_may_end_its_call(name: str) -> None:
    """A claim of a package ends after 85 s, longer than a call can take (docs/architecture.md, "Delivery")."""
    assert seconds(SERVICES[name]["stop_grace_period"]) > 85


def test_what_runs_once_has_no_health_check_and_does_not_come_back() -> None:
    assert {"migrate", "topics", "init", "seller"} == ONCE
    assert all(SERVICES[name]["healthcheck"] == {"disable": True} for name in ONCE)


def test_services_wait_for_tables_and_topics() -> None:
    for name in OURS.keys() - ONCE - DEMO:
        waits = {before: how["condition"] for before, how in SERVICES[name]["depends_on"].items()}
        assert (
            waits.items()
            >= {
                "migrate": "service_completed_successfully",
                "topics": "service_completed_successfully",
            }.items()
        ), name


def test_none_of_ours_keeps_another_from_starting() -> None:
    """A paused importer is not healthy: `up` would leave down whoever waited for that."""
    for name in OURS.keys() - DEMO - {"init"}:
        healthy = {on for on, how in SERVICES[name]["depends_on"].items() if how["condition"] == "service_healthy"}
        assert healthy & OURS.keys() == set(), name


def test_what_traces_are_sent_with_is_passed_on() -> None:
    for name in OURS.keys() - DEMO - {"init"}:
        for variable in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS"):
            assert with_defaults(variables_of(name)[variable]) == "", name


def test_the_key_ring_is_seen_by_three() -> None:
    mounts = {
        name: volume
        for name, one in SERVICES.items()
        for volume in one.get("volumes", [])
        if volume.startswith("key-ring:")
    }
    assert mounts.keys() == {"importer", "redactor", "api"}
    assert mounts["api"].endswith(":ro")  # it opens, and makes and destroys nothing


def test_who_has_which_secret() -> None:
    assert who_has("vault_key") == {"importer", "api"}
    assert who_has("secrets_key") == {"importer", "shipper", "console"}
    assert who_has("amazon_client_secret") == {"importer", "shipper", "console"}
    assert who_has("smtp_url") == {"reporter", "console", "importer"}  # the last for the commands beside it
    assert who_has("api_token") == {"console"}
    assert who_has("aws_credentials") == {"listener"}
    assert who_has("database_password") == set(SERVICES) - DEMO - WATCHING - {"kafka", "init"}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_secret_comes_as_a_file_and_no_value_stands_in_the_compose_file(name: str) -> None:
    secret = {field.upper() for field, one in Settings.model_fields.items() if "SecretStr" in str(one.annotation)} | {
        "POSTGRES_PASSWORD"
    }
    environment = variables_of(name)
    for variable, value in environment.items():
        if variable.removeprefix(PREFIX) in secret:
            assert with_defaults(str(value)) == "", variable
    files = {str(value) for variable, value in environment.items() if variable.endswith("_FILE")}
    mounted = {f"/run/secrets/{secret}" for secret in SERVICES[name].get("secrets", [])}
    assert {file for file in files if file.startswith("/run/secrets/")} == mounted


def test_who_watches_is_asked_for_and_sees_no_secret() -> None:
    assert {"prometheus", "grafana"} == WATCHING
    for name in WATCHING:
        assert not SERVICES[name].get("secrets")
        assert all(volume.endswith(":ro") or volume.startswith(f"{name}:") for volume in SERVICES[name]["volumes"])


def test_nobody_changes_anything_in_grafana() -> None:
    """Whoever comes is a viewer, and nobody can log in: not by the form, nor by basic auth as its first admin."""
    assert (
        variables_of("grafana").items()
        >= {
            "GF_AUTH_ANONYMOUS_ENABLED": "true",
            "GF_AUTH_BASIC_ENABLED": "false",
            "GF_AUTH_DISABLE_LOGIN_FORM": "true",
            "GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION": "true",
        }.items()
    )
    assert "GF_AUTH_ANONYMOUS_ORG_ROLE" not in variables_of("grafana")


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_variable_is_a_setting(name: str) -> None:
    named = {key.removeprefix(PREFIX).removesuffix("_FILE") for key in variables_of(name) if key.startswith(PREFIX)}
    assert sorted(one for one in named if one.lower() not in Settings.model_fields) == []


def test_nothing_is_published_beyond_loopback() -> None:
    ports = {name: [with_defaults(port) for port in one.get("ports", [])] for name, one in SERVICES.items()}
    assert {name for name, published in ports.items() if published} == {
        "kafka",
        "console",
        "api",
        "sandbox",
        "storefront",
    } | WATCHING
    assert all(port.startswith("127.0.0.1:") for published in ports.values() for port in published)
    fixed = [
        port for name in ("console", "api", "sandbox", "storefront", *WATCHING) for port in SERVICES[name]["ports"]
    ]
    assert all(port.startswith("127.0.0.1:") for port in fixed), "passwords would travel in the clear"


def test_a_store_outside_reaches_kafka_where_it_is_published() -> None:
    kafka = SERVICES["kafka"]
    advertised = dict(
        entry.split("://", 1) for entry in with_defaults(kafka["environment"]["KAFKA_ADVERTISED_LISTENERS"]).split(",")
    )
    (port,) = kafka["ports"]
    assert with_defaults(port) == f"{advertised['STORES']}:9092"
    assert "STORES://:9092" in kafka["environment"]["KAFKA_LISTENERS"]


def test_your_own_kafka_is_named_to_all_who_speak_to_one() -> None:
    """Each of its settings, and whoever is given brokers at all; nothing waits for the Kafka that is left out."""
    others = {name: one for name, one in YOUR_KAFKA["services"].items() if name != "kafka"}
    speakers = {"topics", "ticker", "importer", "shipper", "redactor", "reporter", "storefront"}
    assert others.keys() == speakers
    settings = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields if name.startswith("kafka_")}
    for name, one in others.items():
        given = {variable.removesuffix("_FILE") for variable in one["environment"]}
        assert {variable.removesuffix("_FILE") for variable in settings} - {f"{PREFIX}KAFKA_EMBEDDED"} <= given, name
    assert [name for name, one in SERVICES.items() if "kafka" in one.get("depends_on", [])] == ["topics"]
    assert others["topics"]["depends_on"] == []


def test_images_have_their_versions() -> None:
    kafka = (REPOSITORY / "KAFKA_VERSION").read_text().strip()
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{kafka}"
    assert SERVICES["postgres"]["image"] == "postgres:17"
    assert {with_defaults(one["image"]) for one in OURS.values()} == {f"orderbridge:{VERSION}"}
    assert f"ARG VERSION={VERSION}\n" in DOCKERFILE
    assert [name for name, one in SERVICES.items() if "build" in one] == ["migrate"]


def test_what_may_be_set_is_explained() -> None:
    set_by_the_demo = {
        line.partition("=")[0] for line in (REPOSITORY / "demo.env").read_text().splitlines() if line[:1] not in "#"
    }
    lines = re.findall(r"^#([A-Z_]+)=", EXAMPLE, re.M)
    explained = set(lines)
    assert sorted(lines) == sorted(explained), "of two lines that are both taken the last alone counts"
    asked = variables(json.dumps([COMPOSE, YOUR_KAFKA]))
    of_the_demo = {"SANDBOX_PORT", "SANDBOX_SPEED", "ORDERBRIDGE_STOREFRONT_PORT"}
    assert explained - {"COMPOSE_PROFILES"} <= asked
    assert asked - explained - set_by_the_demo == of_the_demo


def test_the_demo_is_a_project_of_its_own_that_never_reaches_amazon() -> None:
    demo = dict(
        line.split("=", 1) for line in (REPOSITORY / "demo.env").read_text().splitlines() if line and line[0] != "#"
    )
    assert demo["COMPOSE_PROJECT_NAME"] != COMPOSE["name"]
    assert demo["SECRETS"] != "./secrets"
    amazon = {
        variable
        for variable in variables(json.dumps(SERVICES["importer"]["environment"]))
        if variable.startswith(f"{PREFIX}AMAZON_") and "EXPIRES" not in variable and "DRAFT" not in variable
    }
    assert amazon <= demo.keys(), "one that is left out would come from the shell"
    assert {demo[f"{PREFIX}AMAZON_API_URL"], demo[f"{PREFIX}AMAZON_LOGIN_URL"]} == {
        "http://sandbox:8402",
        "http://sandbox:8402/auth/o2/token",
    }
    assert demo["COMPOSE_PROFILES"] == "demo"
    assert {"sandbox", "seller", "storefront", "mail"} == DEMO
    assert SERVICES["storefront"]["depends_on"]["seller"]["condition"] == "service_completed_successfully"
