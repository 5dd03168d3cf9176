"""Hypothesis in this folder: no deadline, since a busy machine is slow and nothing here waits."""

from hypothesis import settings

settings.register_profile("busy_machine", deadline=None)
settings.load_profile("busy_machine")
