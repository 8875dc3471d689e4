"""Where a law is found at e-Gov: the kinds of identifiers that e-Gov has, and those it has not."""

from __future__ import annotations

import pytest

from app.data.egov.link import link


@pytest.mark.parametrize(
    ("law_id", "part", "anchor", "address"),
    [
        ("323AC0000000025", "main", "Mp-At_27_2", "https://laws.e-gov.go.jp/law/323AC0000000025#Mp-At_27_2"),
        ("323AC0000000025", "supplement", "Sp-At_1", "https://laws.e-gov.go.jp/law/323AC0000000025#Sp-At_1"),
        ("323AC0000000025", "amendment", "Sp_2-At_1", "https://laws.e-gov.go.jp/law/323AC0000000025"),
        ("321CONSTITUTION", "main", "Mp-At_9", "https://laws.e-gov.go.jp/law/321CONSTITUTION#Mp-At_9"),
        ("340CO0000000321", "main", "Mp-At_1", "https://laws.e-gov.go.jp/law/340CO0000000321#Mp-At_1"),
        ("321M30000F40001", "main", "Mp-At_1", "https://laws.e-gov.go.jp/law/321M30000F40001#Mp-At_1"),
        ("324RJNJ01001000", "main", "Mp-At_1", "https://laws.e-gov.go.jp/law/324RJNJ01001000#Mp-At_1"),
        ("422SN0000000018", "main", "Mp-At_7", ""),  # the sample's invented laws
        ("502SR0000000019", "main", "Mp-At_7", ""),
        ("my-law", "main", "Mp-At_7", ""),
    ],
)
def test_only_laws_of_e_gov_have_a_link(law_id: str, part: str, anchor: str, address: str) -> None:
    assert link(law_id, part, anchor) == address
