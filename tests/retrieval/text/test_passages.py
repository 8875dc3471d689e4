from __future__ import annotations

from app.data.egov.law import Appendix, Law, Provisions, TableHeader
from app.retrieval.text.passages import provisions_of


def test_a_cut_table_repeats_its_header(monkeypatch):
    monkeypatch.setattr("app.retrieval.text.passages.APPENDIX_CHARS", 20)
    head = ["区分　手数料　手数料", "区分　昼　夜"]
    text = "\n".join([*head, "船　一円　二円", "船　三円　四円", "車の部", "備考　渡船"])
    table = Appendix("AppdxTable", "1", "別表第一", "", text, (TableHeader(0, 2, 5),))
    law = Law("1", "1", "法", "", (), "", "Act", None, None, Provisions("main", "", None, ()), None, (), (table,), ())
    pieces = [[line for _, line in passage.lines] for passage in next(provisions_of(law)).passages]
    assert pieces == [head, [*head, "船　一円　二円"], [*head, "船　三円　四円"], [*head, "車の部"], ["備考　渡船"]]
