"""The crash explorer: simulates every fault that can hit an app, and compares the effects.

A *schedule* (`_schedules`) says which faults happen where. A *simulation* (`_simulation`) runs the app under
one schedule, with a *process* (`_processes`) for each invocation that stops at every *point* (`_points`). The
search (`_search`) compares each simulation with one without faults (`_baseline`), shortens a schedule whose
effects differ, and explains it (`_diagnosis`).
"""

from ._points import boundary
from ._results import Exploration, ScheduleStep, Violation
from ._search import explore

__all__ = ["Exploration", "ScheduleStep", "Violation", "boundary", "explore"]
