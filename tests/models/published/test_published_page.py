"""The page of published files says what the code knows."""

import os
from pathlib import Path

from sharpening.models.published.page import published_page

PAGE = Path(__file__).parents[3] / "docs" / "published.md"


def test_the_page_is_made_of_the_entries():
    if os.environ.get("ACCEPT"):
        PAGE.write_text(published_page(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == published_page(), "make accept"
