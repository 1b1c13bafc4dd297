"""Runs the command line inside this process."""

from typer.testing import CliRunner

from hwsim.cli import app


def hwsim(*words: str):
    """What `hwsim WORDS` ends with: exit_code, stdout, stderr."""
    return CliRunner().invoke(app, list(words))
