"""Contrasts: what is shown between a wrong statement and the statute, one row for each kind, and what is left alone."""

import pytest

from app.data.folding import fold
from app.data.provisions import parse_provisions
from app.data.reasoning.alignment import align, split_sentences
from app.data.reasoning.contrast import best_contrast, departures
from app.data.reasoning.gaps import is_negated
from app.data.reasoning.words import excluded_words

TEXTS = {
    "number": "届出は、内閣総理大臣が届出書を受理した日から十五日を経過した日に、その効力を生ずる。",
    "word": "建物の賃借人は、建物の賃貸人に対し、その造作を時価で買い取るべきことを請求することができる。",
    "authority": "その所在地の都道府県知事の認定を受けて地域連携薬局と称することができる。",
    "language": "外国において開示が行われている書類であつて英語で記載されているもの",
    "limit": "登録番号を、一字の高さ二十センチメートル以上の文字で表示しなければならない。",
    "negation": "合併後存続する法人は、当該承認取得者の地位を承継する。",
    "tail": "賃借人の敷金返還請求権は、賃貸借契約の終了時に発生するのではありません。",
    "before": "地位を承継した者は、相続の場合にあつては相続後遅滞なく、相続以外の場合にあつては承継前に、大臣にその旨を届け出なければならない。",
    "excluded": "人その他の生物（植物を除く。）に由来するものを原料又は材料として製造をされる医薬品をいう。",
    "omitted": "各号に掲げる者が公開買付者及びその特別関係者（法第二条に規定する者をいう。）以外の者の委託を受けて買付け等をする場合",
    "added": "電子帳簿の書換えと権利の移転が一連として行われる場合には、基本的に、電子記録移転権利に該当する。",
    "concession": "当事者は、増減を請求することができる。ただし、一定の期間増額しない旨の特約がある場合には、その定めに従う。",
    "listed": "個人である場合において、他の会社の常務に従事しているときは、当該他の会社の商号及び事業の種類",
}


def sentences(name: str) -> list:
    return split_sentences(parse_provisions("## 甲法\n### 第3条\n" + TEXTS[name]))


@pytest.mark.parametrize(
    ("name", "choice", "agreeing", "kind", "said", "written"),
    [
        ("number", "届出は、届出書を受理した日から10日を経過した日に、その効力を生ずる", "届出書を受理した日から15日を経過した日に効力を生ずる", "number", "10日", "十五日"),
        ("word", "建物の賃借人は、建物の賃貸人に対し、その造作を購入価額で買い取るべきことを請求することができる", "造作を時価で買い取るべきことを請求できる", "wording", "購入価額", "時価"),
        ("authority", "地域連携薬局と称するには、厚生労働大臣の認定を受ける必要がある", "申請書の提出が必要である", "wording", "厚生労働大臣", "都道府県知事"),
        ("language", "外国において開示が行われている書類であって日本語で記載されているもの", "英語で記載されているもの", "wording", "日本語", "英語"),
        ("limit", "登録番号を、一字の高さ二十センチメートル未満の文字で表示しなければならない", "二十センチメートル以上の文字", "limit", "未満", "以上"),
        ("negation", "合併後存続する法人は、当該承認取得者の地位を承継できない", "地位を承継した者は届け出る", "negation", "承継できない", "承継する"),
        ("tail", "賃借人の敷金返還請求権は、賃貸借契約の終了時に発生する", "明け渡した後に請求できる", "negation", "発生する", "発生するのではありません"),
        ("before", "地位を承継した者は、相続以外の場合にあっては承継後遅滞なく、大臣にその旨を届け出なければならない", "相続の場合にあつては相続後遅滞なく届け出る", "negation", "承継後遅滞なく", "承継前に"),
        ("excluded", "この医薬品は、植物に由来するものを原料又は材料として製造される", "生物に由来するもの", "excluded", "植物", "（植物を除く。）"),
        ("omitted", "各号に掲げる者が公開買付者又はその特別関係者の委託を受けて買付け等をする場合", "特別関係者以外の者の委託を受けて買付け等をする場合", "omitted", "", "以外の者"),
        ("added", "電子帳簿の書換えと権利の移転が一連として行われる場合には、必ず電子記録移転権利に該当する", "必ずしも該当するとは限らない", "added", "必ず", ""),
        ("added", "電子帳簿の書換えと権利の移転が一連として行われない場合でも、電子記録移転権利に該当する", "該当する", "negation", "行われない場合でも", "行われる場合には"),
        ("concession", "一定の期間増額しない旨の特約がある場合でも、当事者は増減を請求することができる", "減額を請求できる", "limit", "特約がある場合でも", "特約がある場合には、その定めに従う"),
        ("listed", "個人である場合において、他の会社の常務に従事しているときは、当該他の会社の商号、代表者の氏名及び事業の種類", "商号、名称", "added", "代表者の氏名", ""),
        ("authority", "地域連携薬局と称するには、無償の登録が必要である", "申請書の提出が必要である", "absent", "無償", ""),
    ],
)  # fmt: skip
def test_contrasts(name: str, choice: str, agreeing: str, kind: str, said: str, written: str) -> None:
    found = best_contrast(choice, [agreeing], "次のうち、正しいものはどれですか。", sentences(name))
    assert found is not None
    assert (found.kind, found.choice_phrase, found.text_phrase) == (kind, said, written)
    assert said in choice
    assert written in TEXTS[name]


@pytest.mark.parametrize(
    ("name", "choice", "agreeing"),
    [
        # A true statement in other words.
        ("number", "届出は、届出書を受理した日から15日を経過した日に、効力を生ずる", "別の文"),
        # What the agreeing choice says too cannot be what is wrong.
        ("number", "届出書を受理した日から10日を経過した日に効力を生ずる", "届出書を受理した日から10日を経過した日に効力を生ずるとは限らない"),
        # Nothing in common with the statute.
        ("word", "空は青い", "別の文"),
        # Old kana and width are no difference.
        ("language", "外国において開示が行われている書類であって英語で記載されているもの", "別の文"),
    ],
)  # fmt: skip
def test_nothing_is_shown(name: str, choice: str, agreeing: str) -> None:
    assert best_contrast(choice, [agreeing], "問", sentences(name)) is None


def test_departures_are_numbers_negations_and_limits_only() -> None:
    (sentence,) = sentences("word")
    choice = "その造作を購入価額で買い取るべきことを請求することができる"
    assert departures(align(fold(choice), sentence), choice) == []
    (sentence,) = sentences("number")
    choice = "届出書を受理した日から10日を経過した日に、その効力を生ずる"
    assert {one.kind for one in departures(align(fold(choice), sentence), choice)} == {"number"}


def test_excluded_words() -> None:
    (sentence,) = split_sentences(
        parse_provisions("## 甲令\n### 第1条\n受益証券（有価証券信託受益証券に該当するものを除く。）")
    )
    assert (
        excluded_words("第14号の有価証券で、有価証券信託受益証券に該当するもの", sentence)
        == "有価証券信託受益証券に該当するもの"
    )
    assert excluded_words("株券", sentence) == ""


@pytest.mark.parametrize(
    ("text", "negated"),
    [
        ("承継できない", True), ("承継する", False), ("しなければならない", False), ("知らなかつた", True),
        ("得ません", True), ("行わず", True), ("ないことはない", False),
    ],
)  # fmt: skip
def test_is_negated(text: str, negated: bool) -> None:
    assert is_negated(text) is negated
