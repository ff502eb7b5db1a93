"""Generators that other packages bring, by the entry-point group `rag.generators`.

An entry point names a function that takes a `GeneratorContext` and returns an `AnswerGenerator`:

    [project.entry-points."rag.generators"]
    mine = "my_package:build"
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import cast

from rag.answering.citations import CitationGate
from rag.answering.extractive import AnswerGenerator, ExtractiveGenerator
from rag.config import GeneratorSettings
from rag.errors import ConfigError

GROUP = "rag.generators"


@dataclass(frozen=True, slots=True)
class GeneratorContext:
    """What a plug-in is given: its settings, the citation gate, and a generator that quotes."""

    settings: GeneratorSettings
    gate: CitationGate
    quoting: ExtractiveGenerator


def plugin_names() -> list[str]:
    """The names of the installed plug-ins."""
    return sorted({point.name for point in entry_points(group=GROUP)})


def plugin(name: str, context: GeneratorContext) -> AnswerGenerator:
    """The plug-in's generator. Raises ConfigError when it isn't installed or doesn't start."""
    found = next(iter(entry_points(group=GROUP, name=name)), None)
    if found is None:
        known = ", ".join(["extractive", "openai", *plugin_names()])
        raise ConfigError(
            f"generator.backend={name!r}: there is no such back end; there are: {known}",
            f"generator.backend={name!r}：没有这个生成器，可用的有：{known}",
        )
    try:
        build = cast("Callable[[GeneratorContext], AnswerGenerator]", found.load())
        return build(context)
    except ConfigError:
        raise
    except Exception as error:
        raise ConfigError(
            f"generator.backend={name!r}: the plug-in {found.value} doesn't start "
            f"({type(error).__name__}: {error})",
            f"generator.backend={name!r}：插件 {found.value} 无法启动"
            f"（{type(error).__name__}: {error}）",
        ) from error


__all__ = ["GROUP", "GeneratorContext", "plugin", "plugin_names"]
