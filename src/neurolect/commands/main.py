"""`neurolect VERB …`: finds the verb's function, reads its arguments from the command line and YAML, calls it."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import sys
from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Any, get_args, get_origin, get_type_hints

from neurolect.errors import NeurolectError

VERBS = {
    "demo": "Simulate recordings, train a small decoder, decode them and write a report",
    "data check": "Validate a dataset and print a table of what it holds",
    "data download": "Fetch a public dataset",
    "simulate speech": "Write simulated intracortical recordings of sentences in the T15 layout",
    "train": "Train a phoneme decoder",
    "evaluate": "Decode a split with a trained run and report error rates",
    "decode": "Turn logits into sentences",
    "import t15": "Turn a checkpoint of the brain-to-text reference into a run",
    "lm build": "Build an n-gram model from text",
    "lm prune": "Leave out of an n-gram model what it hardly needs",
    "lm mix": "Mix n-gram models into one whose probabilities are their weighted mean",
    "lm convert": "Convert an n-gram model between file formats",
    "lm info": "Print what an n-gram model holds",
    "lm perplexity": "Measure how well an n-gram model predicts a text",
    "lm score": "Score a sentence word by word",
    "lm tune": "Search decoder settings for few word errors in little time",
    "lm graph": "Build the search graph of an n-gram model and a lexicon",
}
"""Every verb and the first sentence of its function's docstring, kept here so that help imports nothing."""

_CONFIG_TEXT = "config_yaml"
"""A verb with a parameter of this name is given all its settings as YAML, to keep beside what it makes."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0, or 2 for anything the user can mend."""
    # On a shared machine, threads that spin while they wait cost more than the work; torch reads this when imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if arguments in ([], ["-h"], ["--help"], ["help"]):
        print(_overview())
        return 0
    if arguments == ["--version"]:
        from neurolect import __version__

        print(f"neurolect {__version__}")
        return 0
    try:
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
    return 0


def call(arguments: Sequence[str]) -> None:
    """Run a verb with its arguments, as typed.

    Raises:
        NeurolectError: there is no such verb, a setting is wrong, or the verb itself refuses.
    """
    verb = next((" ".join(arguments[:n]) for n in (2, 1) if " ".join(arguments[:n]) in VERBS), None)
    if verb is None:
        raise NeurolectError(_unknown_verb(arguments))
    _call(verb, list(arguments[len(verb.split()) :]))


def verb_function(verb: str) -> Callable[..., None]:
    """The typed function behind a verb: `data check` is `data_check` in `neurolect.commands.data_check`."""
    name = verb.replace(" ", "_")
    # `import` alone is a keyword, so modules carry the verb's whole name.
    function: Callable[..., None] = getattr(importlib.import_module(f"neurolect.commands.{name}"), name)
    return function


def _call(verb: str, arguments: list[str]) -> None:
    from jsonargparse import ArgumentError, ArgumentParser, set_parsing_settings

    # A configuration names classes of neurolect or of the user's own package, never the interpreter's own tools.
    set_parsing_settings(import_path_denylist=["os", "posix", "subprocess", "sys"])
    function = verb_function(verb)
    parser = ArgumentParser(
        prog=f"neurolect {verb}",
        description=inspect.cleandoc(function.__doc__ or "").split("\n\nArgs:")[0],
        epilog=_example(function),
        formatter_class=_formatter(),
        exit_on_error=False,
    )
    parser.add_argument("--config", action="config", help="YAML file with any of the settings below")
    parser.add_function_arguments(function, as_positional=False, skip={_CONFIG_TEXT})
    try:
        settings = parser.parse_args(_spelled_out(function, arguments))
        values = dict(parser.instantiate(settings).items())
    except (ArgumentError, UnicodeDecodeError) as error:
        raise NeurolectError(f"{_one_line(error)} (see 'neurolect {verb} --help')") from None
    except ValueError as error:
        # Where null is allowed too, this hides what the class itself refused.
        raise (error.__cause__ if isinstance(error.__cause__, NeurolectError) else error) from None
    values.pop("config", None)
    if _CONFIG_TEXT in inspect.signature(function).parameters:
        values[_CONFIG_TEXT] = parser.dump(settings)
    function(**values)


def _spelled_out(function: Callable[..., None], arguments: list[str]) -> list[str]:
    """`evaluate RUN --resume` → `evaluate --run=RUN --resume=true`.

    Leading words fill parameters in their order, a switch without a value is on, and the words after a parameter that
    is a list are its items.
    """
    types = {f"--{name}": kind for name, kind in get_type_hints(function).items()}
    words = list(takewhile(lambda argument: not argument.startswith("-"), arguments))
    names = list(inspect.signature(function).parameters)
    if len(words) > len(names):
        raise NeurolectError(f"unexpected argument '{words[len(names)]}'")
    spelled = [f"--{name}={word}" for name, word in zip(names, words, strict=False)]
    rest = arguments[len(words) :]
    while rest:
        name, *rest = rest
        values = list(takewhile(lambda argument: not argument.startswith("-"), rest))
        kind = types.get(name)
        if kind is bool and not values:
            spelled.append(f"{name}=true")
        elif (item := _item_type(kind)) and values and not values[0].startswith("["):
            spelled.append(f"{name}=[{', '.join(values if item in (int, float) else map(json.dumps, values))}]")
            rest = rest[len(values) :]
        else:
            spelled.append(name)
    return spelled


def _item_type(kind: Any) -> Any:
    """`list[int]` and `list[int] | None` → `int`; None for what is no list."""
    lists = [each for each in (kind, *get_args(kind)) if get_origin(each) is list]
    return get_args(lists[0])[0] if lists else None


def _formatter() -> Any:
    from argparse import RawDescriptionHelpFormatter

    from jsonargparse import DefaultHelpFormatter

    class Formatter(RawDescriptionHelpFormatter, DefaultHelpFormatter):
        """Keeps the line breaks of docstrings and shows types and defaults."""

    return Formatter


def _example(function: Callable[..., None]) -> str:
    documentation = inspect.cleandoc(function.__doc__ or "")
    _, found, examples = documentation.partition("Examples:\n")
    return f"examples:\n{examples}" if found else ""


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _unknown_verb(arguments: Sequence[str]) -> str:
    from difflib import get_close_matches

    given = " ".join(word for word in arguments[:2] if not word.startswith("-")) or arguments[0]
    near = get_close_matches(given, VERBS, n=1) or [verb for verb in VERBS if verb.split()[0] == arguments[0]]
    hint = f"did you mean 'neurolect {near[0]}'?" if near else "'neurolect --help' lists the verbs"
    return f"there is no verb '{given}'; {hint}"


def _overview() -> str:
    width = max(map(len, VERBS))
    verbs = "\n".join(f"  {verb:<{width}}  {summary}" for verb, summary in VERBS.items())
    return (
        "neurolect: intracranial recordings of speech, decoded into text\n\n"
        "usage: neurolect VERB [--config FILE] [--key value …]\n\n"
        f"{verbs}\n\n"
        "'neurolect VERB --help' explains a verb with examples; '--print_config' prints its settings as YAML."
    )
