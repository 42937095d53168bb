"""What a library says all the time is logged seldom."""

import logging

from pipeline.runtime.quiet import Seldom


def line(message: str, argument: int, name: str = "aiokafka.conn") -> logging.LogRecord:
    return logging.LogRecord(name, logging.ERROR, __file__, 1, message, (argument,), None)


def test_the_same_message_is_said_once_whatever_its_arguments() -> None:
    seldom = Seldom()
    assert [seldom.filter(line("no node %s", number)) for number in range(3)] == [True, False, False]


def test_other_messages_and_other_loggers_are_said() -> None:
    seldom = Seldom()
    assert seldom.filter(line("no node %s", 1))
    assert seldom.filter(line("no topic %s", 1))
    assert seldom.filter(line("no node %s", 1, "aiokafka.client"))


def test_after_a_while_it_is_said_again() -> None:
    seldom = Seldom(every=0)
    assert all(seldom.filter(line("no node %s", number)) for number in range(3))
