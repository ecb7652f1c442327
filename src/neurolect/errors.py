"""The exceptions that the command line turns into one line and exit status 2."""


class NeurolectError(Exception):
    """A fault the user can mend; its message is one line that says where it is and what would be right."""


class DataError(NeurolectError):
    """A recording, table or dataset on disk is not what its format promises."""


class ConfigError(NeurolectError):
    """A setting is missing, unknown or contradicts another."""


def in_a_line(error: BaseException) -> str:
    """What an error says, in one line that is not too long; its class where it says nothing."""
    return " ".join(str(error).split())[:300] or type(error).__name__


def require_at_least(least: float, name: str, value: float) -> None:
    """Refuse a setting below its least value, and NaN.

    Raises:
        ConfigError: names the setting and the value.
    """
    if not value >= least:
        raise ConfigError(f"{name} is {value}, it must be at least {least}")
