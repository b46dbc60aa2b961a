"""Plays the wire tables of this folder: status, code, and nothing changed."""

from pathlib import Path

import pytest

from support.wire import Case, load, play

CASES = load(Path(__file__).parent)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_wire(hub, case: Case):
    play(hub, case)


def test_no_two_cases_of_a_table_have_the_same_name():
    names = [str(case) for case in CASES]

    assert len(names) == len(set(names))
