"""What stands still for too long is noticed."""

from pipeline.runtime.watchdog import Stillness


def test_the_same_value_for_the_limit_is_still() -> None:
    stillness = Stillness(60)
    assert [stillness.observe("email/0", 5, now) for now in (0, 30, 59, 60)] == [False, False, False, True]


def test_a_new_value_begins_anew() -> None:
    stillness = Stillness(60)
    assert [stillness.observe("email/0", value, now) for value, now in ((5, 0), (6, 50), (6, 109), (6, 110))] == [
        False,
        False,
        False,
        True,
    ]


def test_things_stand_still_by_themselves() -> None:
    stillness = Stillness(60)
    stillness.observe("email/0", 5, 0)
    assert not stillness.observe("email/1", 5, 60)
    assert stillness.observe("email/0", 5, 60)


def test_what_is_forgotten_begins_anew() -> None:
    stillness = Stillness(60)
    for forget in (stillness.forget_all, lambda: stillness.forget("email/0"), lambda: stillness.keep_only(["other"])):
        stillness.observe("email/0", 5, 0)
        forget()
        assert not stillness.observe("email/0", 5, 60)
        stillness.forget_all()
