"""The scripts here are run, not collected: they import runtimes that may be absent."""

collect_ignore_glob = ["*.py"]
