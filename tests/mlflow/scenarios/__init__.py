"""All scenarios; importing this fills the list."""

from . import access, aliases, artifacts, copies, governance, loading, models, prompts, search, sealing, stages, tags, versions  # noqa: F401
