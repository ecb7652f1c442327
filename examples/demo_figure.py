"""Draw one validation trial of a run: what `docs/demo.png` shows, from the Python side.

python examples/demo_figure.py demo/run docs/demo.png
"""

from __future__ import annotations

import sys
from pathlib import Path

import neurolect
from neurolect.decoding.options import DecoderOptions
from neurolect.decoding.words import lexicon_decoder
from neurolect.evaluation.decode import decode_split
from neurolect.evaluation.evaluate import recordings_of
from neurolect.evaluation.figures import save_example_figure
from neurolect.evaluation.report import median_trial


def main(folder: str, picture: str) -> None:
    run = neurolect.load(folder, device="cpu")
    recordings = recordings_of(run, None, "val")
    search = lexicon_decoder("english", None, run.alphabet, options=DecoderOptions(acoustic_scale=0.7))
    trial = median_trial(list(decode_split(run, recordings, "val", search)))
    assert trial is not None, "the run has no validation trials"
    save_example_figure(Path(picture), trial, run.alphabet, run.patching)


if __name__ == "__main__":
    main(*sys.argv[1:])
