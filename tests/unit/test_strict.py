"""STRICT=1 turns skipped tests into failures; without it they stay skipped."""

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

CONFTEST = Path(__file__).parents[1] / "conftest.py"


@pytest.fixture(autouse=True)
def _same_rules(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(CONFTEST.read_text("utf-8"))


def test_a_skipped_test_fails_with_its_reason(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRICT", "1")
    pytester.makepyfile("import pytest\ndef test_it():\n    pytest.skip('no broker here')")
    result = pytester.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*allows no skipped test*no broker here*"])


def test_a_file_that_skips_itself_fails(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRICT", "1")
    pytester.makepyfile("import pytest\npytest.importorskip('no_such_module_anywhere')\ndef test_it(): pass")
    result = pytester.runpytest()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*allows no skipped test*no_such_module_anywhere*"])


def test_an_expected_failure_stays_one(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRICT", "1")
    pytester.makepyfile("import pytest\n@pytest.mark.xfail\ndef test_it():\n    assert False")
    pytester.runpytest().assert_outcomes(xfailed=1)


def test_otherwise_a_skipped_test_is_skipped(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STRICT", raising=False)
    pytester.makepyfile("import pytest\ndef test_it():\n    pytest.skip('no broker here')")
    pytester.runpytest().assert_outcomes(skipped=1)
