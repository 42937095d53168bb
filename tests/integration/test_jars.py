"""Kafka's jars: whole ones need no network, and damaged ones without a network are told in one sentence."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.embedded import install, jars

NO_NETWORK = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:1")
ENSURE = """
import sys
from pipeline.embedded import jars
from pipeline.errors import Stop
try:
    jars.ensure()
except Stop as error:
    sys.exit(str(error))
sys.exit("jgo was imported" if "jgo" in sys.modules else 0)
"""


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache of the test's own with all jars in it."""
    install.kafka()
    folder = tmp_path / "cache" / jars.RELEASE
    folder.mkdir(parents=True)
    for name in jars.checksums():
        (folder / name).hardlink_to(jars.cache_folder() / jars.RELEASE / name)
    return folder


def ensure(cache: Path, **environment: str) -> str:
    """Nothing, or what is wrong."""
    environment = {**os.environ, "CASESTREAM_CACHE": str(cache.parent), **environment}
    command = [sys.executable, "-c", ENSURE]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603  # our own
    return done.stderr.strip()


def test_whole_jars_need_neither_network_nor_jgo(cache: Path) -> None:
    assert ensure(cache, **NO_NETWORK) == ""


def test_a_damaged_jar_without_network_is_named_in_one_sentence(cache: Path, tmp_path: Path) -> None:
    jar = cache / "zstd-jni-1.5.6-10.jar"
    jar.unlink()
    jar.write_bytes(b"damaged")
    said = ensure(cache, M2_REPO=str(tmp_path / "m2"), **NO_NETWORK)
    assert said == (
        f"1 of Kafka's 46 jars in {cache} are missing or damaged (first: {jar.name}) and were not downloaded: "
        "the Maven repository cannot be reached; start again with a network, or put whole ones there."
    )
