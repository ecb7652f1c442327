"""`neurolect VERB …`: finds the verb's function, calls it, and turns what goes wrong into one line and a status."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from neurolect.commands.arguments import read_arguments
from neurolect.commands.termination import Terminated, sigterm_raises
from neurolect.errors import ConfigError, NeurolectError

VERBS = {
    "demo": "Simulate recordings, train a small decoder, decode them and write a report",
    "demo seeg": "Simulate sEEG of two people, train the stages of Du-IN, compare where classifiers begin",
    "demo live": "Play the demo's validation recordings to a live decoder, and show it in a browser",
    "data check": "Validate a dataset and print a table of what it holds",
    "data download": "Fetch a public dataset",
    "data convert": "Turn raw field potentials into the packed form that training reads",
    "simulate speech": "Write simulated intracortical recordings of sentences in the T15 layout",
    "simulate seeg": "Write simulated sEEG of spoken words, and of talk and rest, in the packed layout",
    "train": "Train a phoneme decoder",
    "pretrain vqvae": "Learn a codebook by reconstructing unlabelled segments: the first stage of Du-IN",
    "pretrain mae": "Learn to guess the codes of hidden patches: the second stage of Du-IN",
    "train words": "Train a classifier of spoken words: the third stage of Du-IN",
    "train phonemes": "Train a tagger of Mandarin initials and finals, patch by patch",
    "train alignment": "Train an encoder that places trials near the vectors of their words",
    "evaluate": "Decode a split with a trained run and report error rates",
    "classify": "Classify the words of a split with a trained run and report accuracy",
    "serve lm": "Turn logits into sentences for clients over Redis, as the reference's language-model server does",
    "serve live": "Turn bins into sentences while they are recorded",
    "replay": "Play recordings to a live decoder as hardware would send them",
    "bridge lsl": "Pass a LabStreamingLayer stream of features on to a live decoder",
    "record": "Keep every utterance that a live decoder finished, with its features, in a file of its own",
    "export recordings": "Turn recorded utterances that a person corrected or confirmed into trials for training",
    "serve redis": "Run the Redis server that the online parts meet at",
    "monitor": "Show live decoding in a browser, and take corrections",
    "report run": "Write the report and the model card of a run on segments",
    "sweep": "Train and classify words for subjects × initialisations × seeds, as one table that can be gone on with",
    "report sweep": "Print the accuracies of a sweep by initialisation and subject, and draw them",
    "decode": "Turn logits into sentences",
    "rescore": "Put n-best lists through a second pass",
    "correct": "Have a language model correct n-best lists",
    "import t15": "Turn a checkpoint of the brain-to-text reference into a run",
    "import duin": "Turn a checkpoint of the Du-IN reference into a run",
    "lm download": "Fetch a public n-gram model and make it ready to search with",
    "lm build": "Build an n-gram model from text",
    "lm adapt": "Mix a person's own sentences into an n-gram model",
    "lm prune": "Leave out of an n-gram model what it hardly needs",
    "lm mix": "Mix n-gram models into one whose probabilities are their weighted mean",
    "lm convert": "Convert an n-gram model between file formats",
    "lm info": "Print what an n-gram model holds",
    "lm perplexity": "Measure how well an n-gram model predicts a text",
    "lm score": "Score a sentence word by word",
    "lm tune": "Search decoder settings for few word errors in little time",
    "lm finetune": "Adapt a large language model to transcripts",
    "lm corrector": "Teach a large language model to correct n-best lists",
    "lm graph": "Build the search graph of an n-gram model and a lexicon",
}
"""Every verb and the first sentence of its function's docstring, kept here so that help imports nothing."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status.

    Returns:
        0; 2 for anything the user can mend; 130 after Ctrl-C and 143 after SIGTERM, with nothing half written left.
    """
    # On a shared machine, threads that spin while they wait cost more than the work; torch reads this when imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if arguments in ([], ["-h"], ["--help"], ["help"]):
        print(_overview(VERBS))
        return 0
    if arguments == ["--version"]:
        from neurolect import __version__

        print(f"neurolect {__version__}")
        return 0
    group = {} if arguments[0] in VERBS else _verbs_of(arguments[0])
    if group and arguments[1:] in ([], ["-h"], ["--help"], ["help"]):
        print(_overview(group))
        return 0
    try:
        with sigterm_raises(), _warnings_in_a_line():
            call(arguments)
    except NeurolectError as error:
        print(f"neurolect: error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"neurolect: error: {error.filename or 'system'}: {error.strerror or error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("neurolect: interrupted", file=sys.stderr)
        return 130
    except Terminated:
        print("neurolect: terminated", file=sys.stderr)
        return 128 + signal.SIGTERM
    return 0


def call(arguments: Sequence[str]) -> None:
    """Run a verb with its arguments, as typed.

    Raises:
        NeurolectError: there is no such verb, a setting is wrong, or the verb itself refuses.
    """
    verb = next((" ".join(arguments[:n]) for n in (2, 1) if " ".join(arguments[:n]) in VERBS), None)
    if verb is None:
        raise NeurolectError(_unknown_verb(arguments))
    function = verb_function(verb)
    try:
        settings = read_arguments(verb, function, arguments[len(verb.split()) :])
    except ConfigError as error:
        if near := _nearest_of_group(arguments):
            raise ConfigError(f"{error}; did you mean 'neurolect {near}'?") from None
        raise
    function(**settings)


def verb_function(verb: str) -> Callable[..., None]:
    """The typed function behind a verb: `data check` is `data_check` in `neurolect.commands.data_check`."""
    name = verb.replace(" ", "_")
    # `import` alone is a keyword, so modules carry the verb's whole name.
    function: Callable[..., None] = getattr(importlib.import_module(f"neurolect.commands.{name}"), name)
    return function


@contextmanager
def _warnings_in_a_line() -> Iterator[None]:
    """Show warnings as errors are shown, without the line of code that they come from."""

    def show(message: Warning | str, *_: object, **__: object) -> None:
        print(f"neurolect: warning: {' '.join(str(message).split())}", file=sys.stderr)

    shown_before, warnings.showwarning = warnings.showwarning, show
    try:
        yield
    finally:
        warnings.showwarning = shown_before


def _verbs_of(group: str) -> dict[str, str]:
    """`lm` → the verbs that begin with it as their first of two words."""
    return {verb: summary for verb, summary in VERBS.items() if verb.startswith(f"{group} ")}


def _nearest_of_group(arguments: Sequence[str]) -> str | None:
    """`train word …` → `train words`, where the first word alone is a verb too."""
    from difflib import get_close_matches

    first, second = arguments[0], "".join(arguments[1:2])
    near = get_close_matches(second, [verb.partition(" ")[2] for verb in _verbs_of(first)], n=1)
    return f"{first} {near[0]}" if near and first in VERBS and f"{first} {second}" not in VERBS else None


def _unknown_verb(arguments: Sequence[str]) -> str:
    from difflib import SequenceMatcher

    first, *others = arguments
    tries = [first, *(f"{first} {word}" for word in others[:1] if not word.startswith("-"))]
    given, near = max(
        ((given, verb) for given in tries for verb in VERBS), key=lambda pair: SequenceMatcher(None, *pair).ratio()
    )
    if SequenceMatcher(None, given, near).ratio() >= 0.6:
        return f"there is no verb '{given}'; did you mean 'neurolect {near}'?"
    if _verbs_of(first):
        return f"there is no verb '{tries[-1]}'; 'neurolect {first} --help' lists the verbs of '{first}'"
    return f"there is no verb '{first}'; 'neurolect --help' lists the verbs"


def _overview(verbs: dict[str, str]) -> str:
    width = max(map(len, verbs))
    listed = "\n".join(f"  {verb:<{width}}  {summary}" for verb, summary in verbs.items())
    return (
        "neurolect: intracranial recordings of speech, decoded into text\n\n"
        "usage: neurolect VERB [--config FILE] [--key value …]\n\n"
        f"{listed}\n\n"
        "'neurolect VERB --help' explains a verb with examples; '--print_config' prints its settings as YAML."
    )
