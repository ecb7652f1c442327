"""From the words of a command line, and YAML, to the arguments of a verb's function."""

from __future__ import annotations

import inspect
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

from neurolect.errors import ConfigError, NeurolectError

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

_CONFIG_TEXT = "config_yaml"
"""A verb with a parameter of this name is given all its settings as YAML, to keep beside what it makes."""

_OUT = "out"
"""The parameter that names what a verb writes; no word becomes it by its place among others."""
_OUTPUTS = (_OUT, "new_words")
_WITH_TABLE = ("decode", "rescore")
"""Verbs that write a table beside their output."""


def read_arguments(verb: str, function: Callable[..., None], words: Sequence[str]) -> dict[str, Any]:
    """The arguments that a verb's function is to be called with.

    Args:
        verb: as typed, for messages and help.
        function: its typed parameters are the schema.
        words: of the command line, after the verb.

    Raises:
        NeurolectError: a setting is missing, unknown or wrong, or the output is one of the inputs.
    """
    from jsonargparse import ArgumentError, ArgumentParser, set_parsing_settings

    # A configuration names classes of neurolect or of the user's own package, never the interpreter's own tools.
    set_parsing_settings(import_path_denylist=["os", "posix", "subprocess", "sys"])
    parser = ArgumentParser(
        prog=f"neurolect {verb}",
        description=inspect.cleandoc(function.__doc__ or "").split("\n\nArgs:")[0],
        epilog=_example(function),
        formatter_class=_formatter(),
        exit_on_error=False,
        allow_abbrev=False,
    )
    parser.add_argument("--config", action="config", help="YAML file with any of the settings below")
    parser.add_function_arguments(function, as_positional=False, skip={_CONFIG_TEXT})
    see = f"(see 'neurolect {verb} --help')"
    try:
        spelled = _spelled_out(function, words)
    except ConfigError as error:
        raise ConfigError(f"{error} {see}") from None
    try:
        settings = parser.parse_args(spelled)
        _require_other_outputs(verb, dict(settings.items()))
        values = dict(parser.instantiate(settings).items())
    except (ArgumentError, UnicodeDecodeError) as error:
        file = _faulty_config(parser, spelled, str(error))
        raise ConfigError(f"{file}{_explained(parser, error)} {see}") from None
    except ValueError as error:
        # Where null is allowed too, this hides what the class itself refused.
        raise (error.__cause__ if isinstance(error.__cause__, NeurolectError) else error) from None
    values.pop("config", None)
    if _CONFIG_TEXT in inspect.signature(function).parameters:
        values[_CONFIG_TEXT] = parser.dump(settings)
    return values


def _spelled_out(function: Callable[..., None], arguments: Sequence[str]) -> list[str]:
    """`evaluate RUN --resume` → `evaluate --run=RUN --resume=true`.

    Leading words fill the parameters that go without a name, a switch without a value is on, and the words after a
    parameter that is a list are its items. `--host` is `--redis.host` where there is no other.
    """
    kinds = dict(_kinds("--", function))
    words, rest = _words_first(_with_group(word, kinds) for word in arguments)
    spelled: list[str] = []
    nameless = [f"--{name}" for name in _nameless(function)]
    for name in nameless:
        if not words:
            break
        if any(each.partition("=")[0] == name for each in rest):
            raise ConfigError(f"{name} is given twice, as '{words[0]}' and by its name")
        item = _item_type(kinds[name])
        taken = len(words) if item else 1
        spelled.append(_as_list(name, item, words) if item else f"{name}={words[0]}")
        words = words[taken:]
    if words:
        allowed = f"only {', '.join(nameless)} can go without a name" if nameless else "every setting has a name"
        raise ConfigError(f"unexpected argument '{words[0]}': {allowed}")
    while rest:
        name, *rest = rest
        values, others = _words_first(rest)
        item = _item_type(kinds.get(name))
        if kinds.get(name) is bool and not values:
            spelled.append(f"{name}=true")
        elif item and values:
            spelled.append(_as_list(name, item, values))
            rest = others
        else:
            spelled.append(name)
    return spelled


def _with_group(word: str, kinds: Mapping[str, Any]) -> str:
    """`--password-env=X` → `--redis.password_env=X`, for verbs that meet at a server; other words as they are."""
    name, equals, value = word.partition("=")
    option = f"--redis.{name.removeprefix('--').replace('-', '_')}"
    return f"{option}{equals}{value}" if name.startswith("--") and name not in kinds and option in kinds else word


def _kinds(prefix: str, settings: Any) -> Iterator[tuple[str, Any]]:
    """Option → type, of the parameters of a function and of the fields of those that are data classes."""
    for name, kind in get_type_hints(settings).items():
        yield f"{prefix}{name}", kind
        if is_dataclass(kind):
            yield from _kinds(f"{prefix}{name}.", kind)


def _words_first(arguments: Iterable[str]) -> tuple[list[str], list[str]]:
    arguments = list(arguments)
    words = list(takewhile(lambda argument: not argument.startswith("-"), arguments))
    return words, arguments[len(words) :]


def _nameless(function: Callable[..., None]) -> list[str]:
    """Parameters that may go without their names: the first required ones, up to the output.

    A verb that reads nothing takes its output so.
    """
    parameters = inspect.signature(function).parameters.values()
    required = [each.name for each in takewhile(lambda each: each.default is each.empty, parameters)]
    return required[: required.index(_OUT, 1)] if _OUT in required[1:] else required


def _item_type(kind: Any) -> Any:
    """`list[int]` and `list[int] | None` → `int`; None for what is no list."""
    lists = [each for each in (kind, *get_args(kind)) if get_origin(each) is list]
    return get_args(lists[0])[0] if lists else None


def _as_list(name: str, item: Any, words: list[str]) -> str:
    if words[0].startswith("["):
        return f"{name}={' '.join(words)}"
    return f"{name}=[{', '.join(words if item in (int, float) else map(json.dumps, words))}]"


def _require_other_outputs(verb: str, settings: Mapping[str, Any]) -> None:
    outputs = {name: settings[name] for name in _OUTPUTS if isinstance(settings.get(name), Path)}
    table = outputs[_OUT].with_suffix(".csv") if verb in _WITH_TABLE and _OUT in outputs else None
    for name, value in settings.items():
        for each in value if isinstance(value, list) else [value]:
            for output, path in outputs.items():
                if name not in outputs and _is_same_file(each, path):
                    raise ConfigError(f"{path}: is read as --{name}, so --{output} must be another")
            if table is not None and _is_same_file(each, table):
                raise ConfigError(f"{table}: is read as --{name}, and the table beside --{_OUT} would replace it")


def _is_same_file(value: Any, out: Path) -> bool:
    try:
        return bool(value) and isinstance(value, (str, os.PathLike)) and Path(value).samefile(out)
    except (OSError, ValueError):
        # Most text is no path.
        return False


def _faulty_config(parser: ArgumentParser, arguments: list[str], message: str) -> str:
    """`FILE: ` if a configuration file alone gives this message."""
    from jsonargparse import ArgumentError

    for path in _configs(arguments):
        try:
            parser.parse_args([f"--config={path}"])
        except (ArgumentError, UnicodeDecodeError) as error:
            if str(error) == message and not _MISSING.match(message) and path not in message:
                return f"{path}: "
    return ""


def _configs(arguments: Iterable[str]) -> Iterator[str]:
    words = iter(arguments)
    for word in words:
        name, given, path = word.partition("=")
        if name == "--config":
            yield path if given else next(words, "")


_MISSING = re.compile(r"the following arguments are required: (.*)")
_UNRECOGNISED = re.compile(r"unrecognized arguments: (\S+)")
_NOT_ACCEPTED = re.compile(r"(?:Group '(?P<group>.+)' does not accept o|O)ption '(?P<name>[^']+)'")


def _explained(parser: ArgumentParser, error: Exception) -> str:
    """The parser's message in one line, with options written as one types them."""
    message = " ".join(str(error).split()).replace('in "<unicode string>", line', "at line")
    if missing := _MISSING.match(message):
        return f"{message[: missing.start(1)]}{', '.join(f'--{name}' for name in missing[1].split(', '))}"
    if unknown := _UNRECOGNISED.match(message):
        option = unknown[1].partition("=")[0]
        if not option.startswith("--"):
            return f"unexpected argument '{unknown[1]}'"
        return f"there is no option '{option}'{_nearest_option(parser, option)}"
    if refused := _NOT_ACCEPTED.search(message):
        option = ".".join(filter(None, (refused["group"], refused["name"])))
        return f"{message}{_nearest_option(parser, f'--{option}')}"
    return message


def _nearest_option(parser: ArgumentParser, option: str) -> str:
    from difflib import get_close_matches

    keys = [key.replace(".init_args.", ".").removesuffix(".class_path") for key, _ in parser.get_defaults().items()]
    near = get_close_matches(option, [f"--{key}" for key in (*keys, "help", "print_config")], n=1, cutoff=0.7)
    return f"; did you mean '{near[0]}'?" if near else ""


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
