from __future__ import annotations

import pytest

from app.data.egov.law import Appendix, Law, Provisions, TableHeader
from app.retrieval.text.passages import link, provisions_of


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
def test_only_laws_of_e_gov_have_a_link(law_id, part, anchor, address):
    assert link(law_id, part, anchor) == address


def test_a_cut_table_repeats_its_header(monkeypatch):
    monkeypatch.setattr("app.retrieval.text.passages.APPENDIX_CHARS", 20)
    head = ["区分　手数料　手数料", "区分　昼　夜"]
    text = "\n".join([*head, "船　一円　二円", "船　三円　四円", "車の部", "備考　渡船"])
    table = Appendix("AppdxTable", "1", "別表第一", "", text, (TableHeader(0, 2, 5),))
    law = Law("1", "1", "法", "", (), "", "Act", None, None, Provisions("main", "", None, ()), None, (), (table,), ())
    pieces = [[line for _, line in passage.lines] for passage in next(provisions_of(law)).passages]
    assert pieces == [head, [*head, "船　一円　二円"], [*head, "船　三円　四円"], [*head, "車の部"], ["備考　渡船"]]
