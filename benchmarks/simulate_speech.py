"""How much CPU time it takes to simulate 20 minutes of 256 electrodes; prints one JSON line."""

from __future__ import annotations

import json
import time

from neurolect.data.simulate_speech import SpeechSimulator
from neurolect.data.simulated_dataset import everyday_sentences
from neurolect.data.t15 import BIN_SECONDS
from neurolect.text.lexicon import Lexicon

MINUTES = 20
SENTENCES_PER_BLOCK = 50


def main() -> None:
    lexicon, sentences = Lexicon.english(), everyday_sentences()
    simulator = SpeechSimulator()
    day = simulator.day(0)
    start = time.process_time()
    bins, block = 0, 0
    while bins * BIN_SECONDS < MINUTES * 60:
        first = block * SENTENCES_PER_BLOCK % len(sentences)
        trials = day.record("sim", block, sentences[first : first + SENTENCES_PER_BLOCK], lexicon)
        bins += sum(trial.n_bins for trial in trials)
        block += 1
    cpu_seconds = time.process_time() - start
    recorded = bins * BIN_SECONDS
    print(
        json.dumps(
            {
                "benchmark": "simulate_speech",
                "data": "simulated",
                "electrodes": simulator.n_electrodes,
                "recorded_seconds": round(recorded, 1),
                "cpu_seconds": round(cpu_seconds, 2),
                "cpu_seconds_for_20_minutes": round(cpu_seconds * MINUTES * 60 / recorded, 2),
            }
        )
    )


if __name__ == "__main__":
    main()
