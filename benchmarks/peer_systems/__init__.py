"""Each system with a hybrid search made of its own parts; `run` measures one, in its own process.

The parts are those that its documentation shows for that; how they are set up is our reading of it,
which nobody of theirs has checked.

A module has `build(texts, model)`, which returns a function from a question and k to the positions
of the best k texts, best first. `CHINESE` is for those that take a pattern: a character a term.
"""

from collections.abc import Callable

Ask = Callable[[str, int], list[int]]
CHINESE = r"[\u4e00-\u9fff]|[^\W\u4e00-\u9fff]+"
