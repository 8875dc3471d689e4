"""An invented law as it is authored, for the tests of the sample's sources."""

from __future__ import annotations

import pytest

HEADER = """題名: 灯台条例
かな: とうだいじょうれい
略称: 灯台
番号: 令和三年汐凪市条例第一号
元号: Reiwa
年: 3
号: 1
公布: 2-5
種別: Misc
法令ID: 503SN0000000001
履歴ID: 503SN0000000001_20210401_000000000000000

"""


@pytest.fixture(scope="session")
def law_header() -> str:
    """The head of an authored law, up to its first provision (12 lines)."""
    return HEADER
