"""Which of PostgreSQL's errors are nobody's fault."""

import psycopg
import pytest
from psycopg import errors

from pipeline.store.connection import is_retry


@pytest.mark.parametrize(
    "error",
    [errors.UniqueViolation(), errors.DeadlockDetected(), errors.LockNotAvailable(), errors.QueryCanceled(),
     errors.AdminShutdown(), errors.DiskFull(), errors.TransactionTimeout(), psycopg.OperationalError("gone")],
)  # fmt: skip
def test_what_may_succeed_later_is_tried_again(error: psycopg.Error) -> None:
    assert is_retry(error)


@pytest.mark.parametrize("error", [errors.NotNullViolation(), errors.UndefinedColumn(), errors.DataError()])
def test_what_a_record_or_a_bug_causes_is_not(error: psycopg.Error) -> None:
    assert not is_retry(error)
