"""The exceptions that the command line turns into one line and exit status 2."""


class NeurolectError(Exception):
    """A fault the user can mend; its message is one line that says where it is and what would be right."""


class DataError(NeurolectError):
    """A recording, table or dataset on disk is not what its format promises."""


class ConfigError(NeurolectError):
    """A setting is missing, unknown or contradicts another."""
