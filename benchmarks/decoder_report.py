"""Tables and the plot of `decoder.py`, the figures recorded elsewhere, and what was aimed at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from neurolect.data.files import written_atomically
from neurolect.decoding import DecoderOptions

# The decoder of Card et al. 2024 (C++, its own search graph of the same trigram and dictionary, same options) and
# flashlight, timed when the reference's answers were recorded, on two cores of the same kind, all 200 sentences.
RECORDED: list[dict[str, Any]] = [
    {
        "decoder": "reference", "size": 500, "wer": 0.1057, "oracle_wer": 0.0206, "cpu_ms": 43, "resident_mb": 1547,
        "disk_mb": 673,
    },
    {
        "decoder": "reference", "size": 1500, "wer": 0.1057, "oracle_wer": 0.0213, "cpu_ms": 118, "cpu_ms_p95": 226,
        "resident_mb": 1554, "disk_mb": 673, "frame_and_partial_ms": {"cpu_p50": 1.0, "cpu_p99": 12.3, "cpu_max": 30.7},
        "finish_ms": {"cpu_mean": 24},
    },
    {
        "decoder": "reference", "size": 7000, "wer": 0.1057, "oracle_wer": 0.0213, "cpu_ms": 349, "cpu_ms_p95": 699,
        "resident_mb": 1583, "peak_mb": 1588, "disk_mb": 673,
        "frame_and_partial_ms": {"cpu_p50": 2.0, "cpu_p99": 30.1, "cpu_max": 169}, "finish_ms": {"cpu_mean": 49},
    },
    {
        "decoder": "flashlight + KenLM, 8-bit", "size": 500, "wer": 0.1455, "oracle_wer": 0.0610, "cpu_ms": 56,
        "cpu_ms_p95": 93, "resident_mb": 238, "peak_mb": 290, "disk_mb": 19.5,
        "frame_ms": {"p50": 0.49, "p99": 2.2, "max": 5.7},
    },
]  # fmt: skip
RECORDED_SENTENCES = 200
DEFAULT_TREE = ("lexicon tree, 32-bit", DecoderOptions().max_active)
GRAPH_FILE = "graph file"


def aims(results: dict[str, Any]) -> list[dict[str, Any]]:
    """What was aimed at on two cores, beside what was measured; only what this run can say."""
    rows = {(row["decoder"], row["size"]): row for row in results["decoders"]}
    found: list[tuple[str, float, str, float]] = []
    for recorded in results["recorded_elsewhere"]:
        graph = rows.get((GRAPH_FILE, recorded["size"]))
        if graph and recorded["decoder"] == "reference":
            what = f"graph file, max_active {recorded['size']}: CPU time over the reference's recorded"
            found.append((what, graph["cpu_ms"] / recorded["cpu_ms"], "at most", 0.25))
    if tree := rows.get(DEFAULT_TREE):
        times = tree["frame_and_partial_ms"]
        for clock, prefix in (("wall", ""), ("CPU", "cpu_")):
            what = f"tree at its default: {clock} ms a frame with the partial answer"
            found.append((f"{what}, p99", times[f"{prefix}p99"], "at most", 2))
            found.append((f"{what}, worst", times[f"{prefix}max"], "at most", 8))
        speed = tree["sentences_per_second_on_two_threads"]
        found.append(("tree at its default: sentences a second on two threads", speed, "at least", 30))
    for row in results["hot_words"]:
        what = f"{row['decoder']}: CPU time with hot words, {row['phrases']}, over without"
        found.append((what, row["ratio"], "at most", 1.05))
    for key, what in (("many_utterances", "utterances"), ("long_utterance", "seconds")):
        for row in results[key]:
            first, *_, last = row["course"][1:]
            if "private_mb" in last:
                share = (last["private_mb"] - first["private_mb"]) / last["resident_mb"]
                period = f"between {first[what]:g} and {last[what]:g} {what}"
                found.append((f"{row['decoder']}: share of its memory that is new {period}", share, "at most", 0.05))
    return [
        {"aim": aim, "measured": value, kind: limit, "met": value <= limit if kind == "at most" else value >= limit}
        for aim, value, kind, limit in found
    ]


def print_tables(results: dict[str, Any], console: Console) -> None:
    rows = results["decoders"] + [{**row, "recorded": True} for row in results["recorded_elsewhere"]]
    console.print(_costs(rows, results), _frames(rows), _courses(results), _aims(results["aims"]))
    for note in results["notes"]:
        console.print(f"• {note}")


def draw(results: dict[str, Any], path: Path) -> None:
    """Word errors against CPU time, one line for each kind of decoder; recorded points are hollow."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    series: dict[str, list[dict[str, Any]]] = {}
    for row in results["decoders"]:
        series.setdefault(row["decoder"], []).append(row)
    for row in results["recorded_elsewhere"]:
        series.setdefault(f"{row['decoder']} (recorded elsewhere)", []).append(row)
    for number, (name, rows) in enumerate(series.items()):
        recorded = name.endswith("(recorded elsewhere)")
        style: dict[str, Any] = {"linestyle": "--", "markerfacecolor": "white"} if recorded else {"linestyle": "-"}
        times, errors = [row["cpu_ms"] for row in rows], [100 * row["wer"] for row in rows]
        line = axes.plot(times, errors, marker="os^Dv*P"[number % 7], label=name, **style)[0]
        # The two stores lie on each other: one line of numbers below serves both.
        for row in rows if name != DEFAULT_TREE[0] else ():
            place: dict[str, Any] = {"xytext": (0, -14 if "tree" in name else 7), "textcoords": "offset points"}
            place |= {"ha": "center", "fontsize": 8, "color": line.get_color()}
            axes.annotate(str(row["size"]), (row["cpu_ms"], 100 * row["wer"]), **place)
    axes.set_xscale("log")
    ticks = [5, 10, 20, 50, 100, 200, 500]
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.margins(y=0.15)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("CPU ms a sentence, one thread (numbers: max_active or beam size)")
    axes.set_ylabel("word error rate, %")
    axes.set_title(f"{results['sentences']} sentences ({results['posteriors']}), English trigram of 3.85 M n-grams")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="lower right")
    with written_atomically(path) as partial:
        figure.savefig(partial, dpi=150, format="png")


def _costs(rows: list[dict[str, Any]], results: dict[str, Any]) -> Table:
    title = f"{results['sentences']} sentences ({results['posteriors']}); CPU: median of {results['passes']} passes"
    table = Table(title=title)
    table.add_column("decoder")
    headings = ("size", "WER % [95 %]", "oracle %", "CPU ms", "p95", "sent./s, 2 thr.")
    for heading in (*headings, "MB", "private", "peak", "load s", "disk MB"):
        table.add_column(heading, justify="right")
    for row in rows:
        interval = row.get("wer_interval")
        bounds = f" [{100 * interval[0]:.1f}, {100 * interval[1]:.1f}]" if interval else ""
        table.add_row(
            _name(row),
            str(row["size"]),
            f"{100 * row['wer']:.2f}{bounds}",
            f"{100 * row['oracle_wer']:.2f}",
            _number(row["cpu_ms"]),
            _number(row.get("cpu_ms_p95")),
            _number(row.get("sentences_per_second_on_two_threads")),
            *(_number(row.get(key), 0) for key in ("resident_mb", "private_mb", "peak_mb")),
            _number(row.get("load_s")),
            _number(row["disk_mb"], 0),
        )
    return table


def _frames(rows: list[dict[str, Any]]) -> Table:
    table = Table(title="Streamed, ms: wall time, then CPU time")
    table.add_column("decoder")
    quantiles = {"frame": "frame_ms", "with partial": "frame_and_partial_ms", "end": "finish_ms"}
    for heading in (
        "size",
        *(f"{first}\n{clock}" for first in quantiles for clock in ("p50 p99 max", "CPU p50 p99 max")),
    ):
        table.add_column(heading, justify="right")
    for row in rows:
        times = [row.get(key, {}) for key in quantiles.values()]
        keys = (("p50", "p99", "max"), ("cpu_p50", "cpu_p99", "cpu_max"))
        cells = [" ".join(_number(each.get(key), 2).rjust(5) for key in group) for each in times for group in keys]
        if any(times):
            table.add_row(_name(row), str(row["size"]), *cells)
    return table


def _courses(results: dict[str, Any]) -> Table:
    table = Table(title="Memory over time")
    for heading in ("decoder", "size", "after", "MB", "private MB", "CPU ms a frame"):
        table.add_column(heading, justify="left" if heading == "decoder" else "right")
    for key, what in (("many_utterances", "utterances"), ("long_utterance", "seconds")):
        for row in results[key]:
            for point in row["course"]:
                after = f"{point[what]:g} {what}{' and the end' if 'finish_ms' in point else ''}"
                sizes = (_number(point.get(name)) for name in ("resident_mb", "private_mb"))
                speed = _number(point.get("cpu_ms_per_frame"), 2)
                table.add_row(row["decoder"], str(row["size"]), after, *sizes, speed)
            table.add_section()
    return table


def _aims(rows: list[dict[str, Any]]) -> Table:
    table = Table("aim", "measured", "wanted", "met", title="Aims")
    for row in rows:
        kind = "at most" if "at most" in row else "at least"
        table.add_row(row["aim"], f"{row['measured']:.3g}", f"{kind} {row[kind]:g}", "yes" if row["met"] else "no")
    return table


def _name(row: dict[str, Any]) -> str:
    return f"[dim]recorded:[/dim] {row['decoder']}" if row.get("recorded") else row["decoder"]


def _number(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
