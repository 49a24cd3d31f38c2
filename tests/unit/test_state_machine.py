"""The drawing above the Selection and the table in the code say the same."""

import ast
import re
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "models" / "l10n_pl_ksef_document.py"


def _table():
    for node in ast.parse(SOURCE.read_text("utf8")).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "TRANSITIONS":
            return {
                key.value: {e.value for e in value.elts} if isinstance(value, ast.Set) else set()
                for key, value in zip(node.value.keys, node.value.values, strict=False)
            }
    raise AssertionError("no TRANSITIONS")


def _drawing():
    lines = re.findall(r"^#  (\w+) ->(.*)$", SOURCE.read_text("utf8"), re.M)
    return {name: set(re.findall(r"\w+", to)) for name, to in lines}


def _selection():
    text = SOURCE.read_text("utf8")
    block = re.search(r"state = fields\.Selection\((.*?)\n    \)", text, re.S).group(1)
    return set(re.findall(r'\("(\w+)",', block))


def test_drawing_is_the_table():
    assert _drawing() == _table()


def test_every_state_is_drawn():
    assert _selection() == set(_table())


def test_every_state_but_the_start_is_reached():
    reached = set().union(*_table().values())
    assert set(_table()) - reached == set()
