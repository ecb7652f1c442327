from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_documentation_shows_what_the_example_prints(monkeypatch, capsys, tmp_path):
    monkeypatch.syspath_prepend(ROOT / "examples")
    monkeypatch.setattr(sys, "argv", ["decoding_example.py", str(tmp_path / "lattice.png")])
    import decoding_example

    decoding_example.main()
    printed = {" ".join(line.removeprefix("phonemes:").split()) for line in capsys.readouterr().out.splitlines()}
    page = (ROOT / "docs" / "decoding.md").read_text(encoding="utf-8")
    example = page[page.index("## An example") : page.index("## What is added up")]
    shown = [" ".join(line.split()) for line in example.splitlines() if line.startswith("    ")]
    assert len(shown) >= 8
    assert [line for line in shown if line not in printed and line != "…"] == []
    assert (tmp_path / "lattice.png").stat().st_size > 10_000
