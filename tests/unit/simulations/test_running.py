"""Work by number comes out in order, whoever does it, and what is done is not done again."""

from functools import cache, partial
from pathlib import Path

import pytest

from simulations.validation import Running


def square(index: int) -> int:
    return index * index


def noted(asked: list[int], index: int) -> int:
    asked.append(index)
    return square(index)


def test_several_processes_give_what_one_gives() -> None:
    told: list[tuple[int, int]] = []
    assert Running(2).each("squares", square, 5, lambda *at: told.append(at)) == [0, 1, 4, 9, 16]
    assert told == [(done, 5) for done in range(1, 6)]


def test_only_what_is_missing_is_done(tmp_path: Path) -> None:
    def stopped(index: int) -> int:
        if index == 3:
            raise KeyboardInterrupt
        return square(index)

    running = Running(kept=tmp_path, recipe="one")
    with pytest.raises(KeyboardInterrupt):
        running.each("squares", stopped, 5)
    asked: list[int] = []
    told: list[tuple[int, int]] = []
    assert running.each("squares", partial(noted, asked), 5, lambda *at: told.append(at)) == [0, 1, 4, 9, 16]
    assert asked == [3, 4]
    assert told == [(done, 5) for done in range(1, 6)]


def test_work_of_another_name_or_recipe_is_not_taken(tmp_path: Path) -> None:
    Running(kept=tmp_path, recipe="one").each("squares", square, 2)
    for name, recipe in (("squares", "two"), ("others", "one")):
        asked: list[int] = []
        Running(kept=tmp_path, recipe=recipe).each(name, partial(noted, asked), 2)
        assert asked == [0, 1]


@cache
def built(build: partial[list[int]]) -> list[int]:
    return build()


def count_builds(build: partial[list[int]], index: int) -> int:
    """How many things this process has built by then."""
    built(build).append(index)
    return built.cache_info().misses


def test_what_the_work_builds_is_built_once_in_each_process() -> None:
    assert Running(2).each("builds", partial(count_builds, partial(list, ())), 8) == [1] * 8


def test_an_error_in_a_process_is_told() -> None:
    with pytest.raises(ValueError, match="not a number"):
        Running(2).each("wrong", refuse, 2)


def refuse(_: int) -> int:
    raise ValueError("not a number")
