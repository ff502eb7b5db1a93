"""Each system as its documentation sets up a hybrid search; `run` measures one, in its own process.

A module has `build(texts, model)`, which returns a function from a question and k to the positions
of the best k texts, best first. `CHINESE` is for those that take a pattern: a character a term.
"""

from collections.abc import Callable

Ask = Callable[[str, int], list[int]]
CHINESE = r"[\u4e00-\u9fff]|[^\W\u4e00-\u9fff]+"
