"""The files that deploy Casestream are valid, and say only what the command line and the settings know."""

import json
import re
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from typing import Any, NamedTuple

import click
import jsonschema
import kubernetes_validate
import pytest
import typer.main
import yaml

from pipeline.app import CONNECTORS
from pipeline.cli import app
from pipeline.config.check import Source, examine

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
MANIFESTS = [
    manifest
    for file in sorted((ROOT / "deploy" / "kubernetes").glob("*.yaml"))
    for manifest in yaml.safe_load_all(file.read_text("utf-8"))
]
KUBERNETES = "1.32"


class Process(NamedTuple):
    """One of Casestream's processes, as a file starts it."""

    name: str
    arguments: list[str]
    environment: dict[str, str]


def _composed() -> Iterator[Process]:
    for name, service in COMPOSE["services"].items():
        if service["image"] == "casestream":
            environment = {
                key: re.sub(r"\$\{(\w+):\?[^}]*\}", r"\1-of-16-characters", value)
                for key, value in service["environment"].items()
            }
            yield Process(f"compose {name}", service["command"], environment)


def _orchestrated() -> Iterator[Process]:
    settings = next(m["data"] for m in MANIFESTS if m["kind"] == "ConfigMap" and m["metadata"]["name"] == "casestream")
    for manifest in MANIFESTS:
        for container in _pod(manifest).get("containers", []):
            if container["image"] == "casestream":
                assert container["envFrom"] == [{"configMapRef": {"name": "casestream"}}]
                names = {variable["name"] for variable in container["env"]}
                assert set(re.findall(r"\$\((\w+)\)", " ".join(container["args"]))) <= names
                environment = {**settings, "CASESTREAM_POSTGRES__DSN": "postgresql://casestream:p@postgres/casestream"}
                yield Process(f"kubernetes {container['name']}", container["args"], environment)


def _pod(manifest: dict[str, Any]) -> dict[str, Any]:
    pod: dict[str, Any] = manifest.get("spec", {}).get("template", {}).get("spec", {})
    return pod


PROCESSES = [*_composed(), *_orchestrated()]


@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.name)
def test_each_process_is_a_verb_with_options_it_has(process: Process) -> None:
    command: click.Command = typer.main.get_command(app)
    path, arguments = ["casestream"], list(process.arguments)
    while hasattr(command, "commands"):
        assert arguments[0] in command.commands, f"{' '.join(path)} has no verb {arguments[0]}"
        path.append(arguments.pop(0))
        command = command.commands[path[-1]]
    with command.make_context(path[-1], arguments):
        pass


@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.name)
def test_each_process_is_configured_rightly(process: Process) -> None:
    checked = examine(Source(environ=process.environment))

    assert [str(mistake) for mistake in checked.mistakes] == []
    assert checked.config is not None
    assert "embedded" not in (checked.config.kafka.servers, checked.config.postgres.dsn, checked.config.mqtt.url)


@pytest.mark.parametrize("where", ["compose", "kubernetes"])
def test_every_connector_is_started(where: str) -> None:
    connects = [process.arguments for process in PROCESSES if process.name.startswith(f"{where} ")]
    started = [name for arguments in connects if arguments[0] == "connect" for name in arguments[1:-2]]
    assert sorted(started) == sorted(CONNECTORS)


def test_both_start_the_same_processes() -> None:
    def verbs(kind: str) -> set[str]:
        return {" ".join(process.arguments[:2]) for process in PROCESSES if process.name.startswith(kind)}

    plain = {verb.replace(" --data", "").replace(" --slot", "") for verb in verbs("compose")}
    assert {verb.replace(" --data", "").replace(" --slot", "") for verb in verbs("kubernetes")} == plain


def test_the_compose_file_is_valid() -> None:
    # The package is not imported: it wants a newer click than Faust, and only carries the schema here.
    bundled = Path(str(distribution("check-jsonschema").locate_file("check_jsonschema/builtin_schemas/vendor")))
    bundled /= "compose-spec.json"
    jsonschema.validate(COMPOSE, json.loads(bundled.read_text("utf-8")))


def test_every_volume_and_configuration_of_the_compose_file_is_there() -> None:
    for name, service in COMPOSE["services"].items():
        for volume in service.get("volumes", []):
            assert volume.partition(":")[0] in COMPOSE["volumes"], name
        for configuration in service.get("configs", []):
            assert configuration["source"] in COMPOSE["configs"], name
        for other in service.get("depends_on", {}):
            assert other in COMPOSE["services"], name


@pytest.mark.parametrize(
    "manifest", MANIFESTS, ids=lambda manifest: f"{manifest['kind']}-{manifest['metadata']['name']}"
)
def test_each_manifest_is_valid(manifest: dict[str, Any]) -> None:
    kubernetes_validate.validate(manifest, KUBERNETES, strict=True)


@pytest.mark.parametrize("kind", ["ConfigMap", "PersistentVolumeClaim"])
def test_what_a_pod_mounts_is_there(kind: str) -> None:
    there = {manifest["metadata"]["name"] for manifest in MANIFESTS if manifest["kind"] == kind}
    places = {"ConfigMap": ("configMap", "name"), "PersistentVolumeClaim": ("persistentVolumeClaim", "claimName")}
    source, key = places[kind]
    for manifest in MANIFESTS:
        for volume in _pod(manifest).get("volumes", []):
            if source in volume:
                assert volume[source][key] in there


def test_every_service_leads_to_pods_that_open_its_port() -> None:
    pods = [(m["spec"]["template"]["metadata"]["labels"], _pod(m)) for m in MANIFESTS if _pod(m)]
    for service in (manifest for manifest in MANIFESTS if manifest["kind"] == "Service"):
        selector = service["spec"]["selector"].items()
        (pod,) = (pod for labels, pod in pods if selector <= labels.items())
        opened = {(port["name"], port["containerPort"]) for c in pod["containers"] for port in c["ports"]}
        for port in service["spec"]["ports"]:
            target = port.get("targetPort", port["port"])
            assert any(target in names for names in opened), service["metadata"]["name"]


def test_the_image_takes_only_files_that_there_are() -> None:
    text = (ROOT / "deploy" / "Dockerfile").read_text("utf-8")
    sources = [
        source for line in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE) for source in line.split()
    ]
    admitted = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    for source in sources:
        assert (ROOT / source).exists()
        assert f"!{source}" in admitted
