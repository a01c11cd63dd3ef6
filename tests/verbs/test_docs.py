"""The page of verbs says what the table says."""

from __future__ import annotations

from scripts.write_magics_page import PAGE, page


def test_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python scripts/write_magics_page.py"
