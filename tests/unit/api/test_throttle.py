"""How often something may happen: at once, over time, and for how many keys that is remembered."""

from __future__ import annotations

from api.authentication.throttle import Allowance, Throttle


class Clock:
    now = 5.0

    def __call__(self) -> float:
        return self.now


def test_so_many_at_once_and_then_one_by_one() -> None:
    clock = Clock()
    throttle = Throttle(3, 30, clock=clock)
    assert throttle.look("a") == Allowance(3, 0, 0)
    assert [throttle.take("a").remaining for _ in range(3)] == [2, 1, 0]
    assert throttle.take("a") == Allowance(0, 30, 10)
    assert throttle.take("b").remaining == 2
    clock.now += 9.5
    assert throttle.take("a").retry_after_s == 1
    clock.now += 0.5
    assert throttle.take("a") == Allowance(0, 30, 0)
    clock.now += 30
    assert throttle.look("a").remaining == 3


def test_several_at_once_are_counted_all_or_none() -> None:
    clock = Clock()
    throttle = Throttle(10, 100, clock=clock)
    assert throttle.take("a", 7) == Allowance(3, 70, 0)
    assert throttle.take("a", 4) == Allowance(3, 70, 10)
    assert throttle.take("a", 3).remaining == 0
    clock.now += 50
    assert throttle.take("a", 6).retry_after_s == 10
    assert throttle.take("a", 5) == Allowance(0, 100, 0)
    assert throttle.take("b", 11).retry_after_s > 0
    assert throttle.look("b").remaining == 10


def test_whoever_goes_on_trying_waits_no_longer_for_it() -> None:
    clock = Clock()
    throttle = Throttle(1, 10, clock=clock)
    throttle.take("a")
    for _ in range(9):
        clock.now += 1
        throttle.take("a")
    clock.now += 1
    assert throttle.take("a").retry_after_s == 0


def test_memory_is_bounded() -> None:
    throttle = Throttle(1, 60, max_keys=100, clock=Clock())
    for number in range(10_000):
        throttle.take(str(number))
    assert len(throttle._due) <= 100
