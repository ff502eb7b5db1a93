"""Make the bundled list of place names from a CC-CEDICT table.

    python -m rag.training.gazetteer --cedict cedict_zh_en.tsv.xz --out src/rag/models/places

A name stands in the list without its suffix (双流 for 双流县 and 双流区), folded, and only when
the dictionary knows it as nothing but a place: 和平 is also peace, so it is left out.
"""

from __future__ import annotations

import argparse
import lzma
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from rag.text import fold

_PLACE = re.compile(
    r"\b(district|county|prefecture|province|township|town|municipality|capital of|country in|city|"
    r"region|republic|kingdom|state|banner|island|river|mountain|village|continent)\b",
    re.IGNORECASE,
)
_NAME_START = re.compile(r"[A-Z]|name of town in |place name$")
_SUFFIX = re.compile(
    r"(?:特别行政区|(?:..族)+自治[州县旗区]|自治[区州县]|地区|新区|林区|省|市|区|县|旗|镇|乡|盟)$"
)
_LENGTHS = range(2, 6)
# Whose glosses name the country and nothing else, without a word that says "country".
_COUNTRY = re.compile(
    r"..?国$|日本|印度|巴西|俄罗斯|加拿大|意大利|西班牙|瑞士|瑞典|新加坡|澳大利亚|越南|埃及|墨西哥|荷兰"
)


def place_names(rows: Iterable[tuple[str, str]]) -> list[str]:
    """The sorted stems of those `(word, glosses separated by /)` rows that are only places."""
    glosses: dict[str, list[str]] = defaultdict(list)
    for word, text in rows:
        glosses[fold(word)].extend(gloss for gloss in text.split("/") if gloss.strip())
    names = {_SUFFIX.sub("", word) for word, known in glosses.items() if _is_place(known)}
    names |= {w for w, known in glosses.items() if _COUNTRY.fullmatch(w) and _all_named(known)}
    return sorted(
        name
        for name in names
        if len(name) in _LENGTHS and (name not in glosses or _all_named(glosses[name]))
    )


def _all_named(glosses: list[str]) -> bool:
    return all(_NAME_START.match(gloss.strip()) for gloss in glosses)


def _is_place(glosses: list[str]) -> bool:
    return _all_named(glosses) and any(_PLACE.search(gloss) for gloss in glosses)


def read_cedict(path: Path) -> Iterator[tuple[str, str]]:
    """Rows `(Simplified, glosses)` of the tab-separated table, xz-compressed or not."""
    with (lzma.open if path.suffix == ".xz" else open)(path, "rt", encoding="utf-8") as file:
        for line in file:
            simplified, _, text = line.rstrip("\n").split("\t")
            yield simplified, text


def main() -> None:
    """Write `places.txt` into the folder given by `--out`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cedict", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    names = place_names(read_cedict(options.cedict))
    (options.out / "places.txt").write_text("\n".join(names) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
