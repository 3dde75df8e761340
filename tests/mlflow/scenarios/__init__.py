"""All scenarios; importing this fills the list."""

from . import aliases, artifacts, copies, loading, models, prompts, search, stages, tags, versions  # noqa: F401
