"""The mark of tests that score with the model that ships with the package."""

import pytest

from semantic_highlight.models import BUNDLED_FOLDER

needs_bundled = pytest.mark.skipif(
    not BUNDLED_FOLDER.is_dir(), reason=f"there is no model in {BUNDLED_FOLDER.name}"
)
