"""The app in a process of its own. What that process imports decides how long a restart takes."""

from ._process import AppProcess, AppProcessError, ProcessSettings

__all__ = ["AppProcess", "AppProcessError", "ProcessSettings"]
