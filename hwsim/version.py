"""The version, from the installed package."""

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("hwsim")
except PackageNotFoundError:  # a checkout that was never installed
    VERSION = "0+checkout"
