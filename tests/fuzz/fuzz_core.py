"""Feed the search core with small files and posteriors, sound and damaged, and report whatever is not an answer.

An input may be answered, or refused with a NeurolectError of one line. Anything else is a finding: another exception, a
wrong answer, a crash, or no end. A finding is printed with the arguments that repeat it, and its files are kept; those
of a crash are the newest in the folder.

    python tests/fuzz/fuzz_core.py --seconds 60 --seed 1
    python tests/fuzz/fuzz_core.py --target graph --seed 1 --case 17
"""

from __future__ import annotations

import argparse
import faulthandler
import itertools
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

import numpy as np
from decoding_inputs import Attempts
from fuzz_targets import TARGETS


def main() -> int:
    """Run what the command line asks for; 1 where there are findings."""
    arguments = parse()
    faulthandler.enable()
    warnings.simplefilter("error")
    findings = 0
    for target in TARGETS if arguments.target is None else [arguments.target]:
        attempt, begin, cases = Attempts(), time.monotonic(), 0
        for case in itertools.count() if arguments.case is None else [arguments.case]:
            if time.monotonic() - begin >= arguments.seconds or cases == arguments.cases:
                break
            cases += 1
            findings += not passes(target, arguments.seed, case, arguments.keep, arguments.limit, attempt)
        print(f"{target}: {cases} cases, {attempt.answered} answers, {attempt.refused} refusals", flush=True)
    print(f"{findings} findings", flush=True)
    return min(findings, 1)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Fuzz the search core.")
    parser.add_argument("--target", choices=TARGETS, help="one kind of input; all of them by default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=60.0, help="for each kind of input")
    parser.add_argument("--cases", type=int, help="at most, for each kind of input")
    parser.add_argument("--case", type=int, help="only this one")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds after which a case counts as hanging")
    parser.add_argument("--keep", type=Path, default=None, help="folder for the files of findings")
    arguments = parser.parse_args()
    if arguments.keep is None:
        arguments.keep = Path(tempfile.mkdtemp(prefix="fuzz-"))
    return arguments


def passes(target: str, seed: int, case: int, keep: Path, limit: float, attempt: Attempts) -> bool:
    """Run one case, whose files stay where it does not pass."""
    folder = keep / f"{target}-seed{seed}-case{case}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    faulthandler.dump_traceback_later(limit, exit=True)
    try:
        TARGETS[target](np.random.default_rng([seed, case]), folder, attempt)
    except Exception:
        print(f"FINDING --target {target} --seed {seed} --case {case}, files in {folder}", flush=True)
        traceback.print_exc(file=sys.stdout)
        return False
    finally:
        faulthandler.cancel_dump_traceback_later()
    shutil.rmtree(folder)
    return True


if __name__ == "__main__":
    sys.exit(main())
