"""How every figure looks: colours, style, and its place in an HTML page or a PNG file."""

from __future__ import annotations

import io
import re
import warnings
from html import escape

from matplotlib import style
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure

INK, MUTED, RULE, ACCENT, PAPER = "#1f2328", "#5f6670", "#d0d4da", "#2b7bba", "#fefefe"
_THEME = {INK: "ink", MUTED: "muted", RULE: "rule", ACCENT: "accent", PAPER: "paper"}
# Transparent to opaque, so that an image can lie on light and dark pages.
SHADES = LinearSegmentedColormap.from_list("shades", [(*to_rgb(ACCENT), 0.0), (*to_rgb(ACCENT), 1.0)])

WIDTH = 10.0
"""Inches of a figure that is as wide as the page."""
POINTS = 72
SMALL = 8.0

_STYLE: dict[str, object] = {
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.7,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "svg.fonttype": "none",
    "svg.hashsalt": "neurolect",
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": MUTED,
    "xtick.labelcolor": INK,
    "xtick.labelsize": SMALL,
    "ytick.color": MUTED,
    "ytick.labelcolor": INK,
    "ytick.labelsize": SMALL,
}
# Whatever a matplotlibrc says, a report looks the same everywhere.
in_house_style = style.context(["default", _STYLE])


@in_house_style
def inline_svg(figure: Figure, name: str, description: str) -> str:
    """A figure as an SVG element for HTML, its colours left to the page's variables `--ink`, `--accent` and so on.

    Args:
        figure: consists of the colours of this module.
        name: unlike that of any other figure on the page, for its identifiers.
        description: what a reader who cannot see the figure should know.
    """
    written = io.StringIO()
    with warnings.catch_warnings():
        # The reader's browser writes the text, and has letters that matplotlib's font lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
        figure.savefig(written, format="svg", transparent=True, metadata={"Date": None})
    # An element of HTML needs neither namespaces nor metadata; its identifiers must be unique on the page.
    _, _, content = written.getvalue().partition("</metadata>")
    content = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", content)
    for colour, variable in _THEME.items():
        content = content.replace(colour, f"var(--{variable}, {colour})")
    content = re.sub(r">\s+<", "><", content)
    width, height = (round(POINTS * inches, 2) for inches in figure.get_size_inches())
    label = escape(description)
    return f'<svg width="{width}pt" viewBox="0 0 {width} {height}" role="img" aria-label="{label}">{content}'
