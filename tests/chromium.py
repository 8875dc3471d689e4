"""The headless Chromium of the tests, where one is installed."""

from __future__ import annotations

import pytest

from tools.chromium import CHROMIUM, Page

__all__ = ["NEEDED", "Page"]

NEEDED = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (apt-get install chromium)")
