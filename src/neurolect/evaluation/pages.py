"""HTML pages in the style of the house: one file each, without scripts or anything beside it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from neurolect.data.files import written_atomically
from neurolect.evaluation.figure_style import inline_svg

SIMULATED = "These recordings are simulated; the figures say nothing about real speech."


def write_page(
    path: Path,
    template: str,
    title: str,
    facts: Mapping[str, str],
    notes: Sequence[str],
    filters: Mapping[str, Callable[..., Any]] | None = None,
    **values: Any,
) -> None:
    """Fill a template that extends `page.html` and write it.

    Args:
        path: the file; an older one is replaced only once the new one is complete.
        template: name of the file in this package.
        title: heading.
        facts: what a reader must know to trust the numbers.
        notes: what must be read before any number, such as that the recordings are simulated.
        filters: of the template, besides `percent`.
        values: all else that the template names.
    """
    page = render(template, autoescape=True, filters=filters, title=title, facts=facts, notes=notes, **values)
    with written_atomically(path) as partial:
        partial.write_text(page, encoding="utf-8")


def render(
    template: str, autoescape: bool, filters: Mapping[str, Callable[..., Any]] | None = None, **values: Any
) -> str:
    """Fill a template of this package.

    Args:
        template: name of the file.
        autoescape: whether values are text for HTML.
        filters: of the template, besides `percent`.
        values: all that the template names.
    """
    environment = Environment(
        loader=FunctionLoader(_source),
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(percent=percent, **filters or {})
    return environment.get_template(template).render(**values)


def percent(rate: float) -> str:
    """A fraction as a percentage with two decimals, without the sign; a dash for what is not finite."""
    return f"{100 * rate:.2f}" if math.isfinite(rate) else "–"


def svg(figure: Figure, name: str, description: str) -> Markup:
    """`inline_svg` for a template."""
    return Markup(inline_svg(figure, name, description))


def _source(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
