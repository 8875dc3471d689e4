"""Everyday abbreviations of statutes that the statutes' own data do not give, each line with where it is in use.

e-Gov's own 略称 stand in the XML (``LawTitle/@Abbrev``) and are read from there; what is here is the rest. A name is
listed only where it means one statute to anyone who uses it: 特措法, 推進法 or 通則法 are not (``law_names.py`` says so).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

# Where a name is in use. 略称一覧: also in e-Gov's 略称法令名一覧, repeated because its bulk data have it only for some.
EGOV = "e-Gov 略称法令名一覧"
EDITORS = "法律編集者懇話会「法律文献等の出典の表示方法」法令名の略語"
TAX = "国税庁 質疑応答事例・通達の法令略語"
FSA = "金融庁 ガイドライン・Q&A の略語"
PMDA = "厚生労働省・PMDA の通知の略語"
LABOUR = "厚生労働省 通達・パンフレットの略称"
TRADE = "公正取引委員会・中小企業庁 ガイドラインの略称"
CONSUMER = "消費者庁 逐条解説の略称"
NETWORK = "総務省 ガイドラインの略称"
PRIVACY = "個人情報保護委員会 ガイドラインの略称"
ENVIRONMENT = "環境省 パンフレットの略称"
EXPORTS = "経済産業省 安全保障貿易管理の略称"
ACCOUNTS = "日本公認会計士協会 実務指針の略語"
ROADS = "国土交通省 通達の略称"
INDUSTRY = "経済産業省 資料の略称"
SCHOOLS = "文部科学省 通知の略称"

# (略称, 題名, 出典)
NAMES: tuple[tuple[str, str, str], ...] = (
    ("憲法", "日本国憲法", EDITORS),
    ("民訴法", "民事訴訟法", EGOV),
    ("刑訴法", "刑事訴訟法", EGOV),
    ("民再法", "民事再生法", EDITORS),
    ("不登法", "不動産登記法", EGOV),
    ("行訴法", "行政事件訴訟法", EGOV),
    ("行手法", "行政手続法", EGOV),
    ("国公法", "国家公務員法", EGOV),
    ("地公法", "地方公務員法", EGOV),
    ("自治法", "地方自治法", EDITORS),
    ("道交法", "道路交通法", EGOV),
    ("宅建業法", "宅地建物取引業法", EGOV),
    ("外為法", "外国為替及び外国貿易法", EGOV),
    ("犯収法", "犯罪による収益の移転防止に関する法律", EGOV),
    ("犯罪収益移転防止法", "犯罪による収益の移転防止に関する法律", EGOV),
    ("金商法", "金融商品取引法", FSA),
    ("金商法施行令", "金融商品取引法施行令", FSA),
    ("金商令", "金融商品取引法施行令", FSA),
    ("金商業等府令", "金融商品取引業等に関する内閣府令", FSA),
    ("金商業府令", "金融商品取引業等に関する内閣府令", FSA),
    ("業府令", "金融商品取引業等に関する内閣府令", FSA),
    ("開示府令", "企業内容等の開示に関する内閣府令", FSA),
    ("企業内容等開示府令", "企業内容等の開示に関する内閣府令", FSA),
    ("定義府令", "金融商品取引法第二条に規定する定義に関する内閣府令", FSA),
    ("金商法定義府令", "金融商品取引法第二条に規定する定義に関する内閣府令", FSA),
    ("取引規制府令", "有価証券の取引等の規制に関する内閣府令", FSA),
    ("他社株府令", "発行者以外の者による株券等の公開買付けの開示に関する内閣府令", FSA),
    ("他社株買付府令", "発行者以外の者による株券等の公開買付けの開示に関する内閣府令", FSA),
    ("公開買付府令", "発行者以外の者による株券等の公開買付けの開示に関する内閣府令", FSA),
    ("資金決済法", "資金決済に関する法律", EGOV),
    ("投信法", "投資信託及び投資法人に関する法律", EGOV),
    ("投資信託法", "投資信託及び投資法人に関する法律", FSA),
    ("薬機法", "医薬品、医療機器等の品質、有効性及び安全性の確保等に関する法律", EGOV),
    ("医薬品医療機器等法", "医薬品、医療機器等の品質、有効性及び安全性の確保等に関する法律", EGOV),
    ("医薬品医療機器法", "医薬品、医療機器等の品質、有効性及び安全性の確保等に関する法律", PMDA),
    ("薬機令", "医薬品、医療機器等の品質、有効性及び安全性の確保等に関する法律施行令", PMDA),
    ("薬機則", "医薬品、医療機器等の品質、有効性及び安全性の確保等に関する法律施行規則", PMDA),
    ("個人情報保護法", "個人情報の保護に関する法律", EGOV),
    ("個情法", "個人情報の保護に関する法律", PRIVACY),
    ("独占禁止法", "私的独占の禁止及び公正取引の確保に関する法律", EGOV),
    ("独禁法", "私的独占の禁止及び公正取引の確保に関する法律", EGOV),
    ("景品表示法", "不当景品類及び不当表示防止法", EGOV),
    ("景表法", "不当景品類及び不当表示防止法", EGOV),
    ("フリーランス法", "特定受託事業者に係る取引の適正化等に関する法律", TRADE),
    # The Act of 1956 was renamed on 2026-01-01; the old abbreviation is still what people write.
    ("下請法", "下請代金支払遅延等防止法", TRADE),
    ("下請法", "製造委託等に係る中小受託事業者に対する代金の支払の遅延等の防止に関する法律", TRADE),
    ("特定商取引法", "特定商取引に関する法律", EGOV),
    ("特商法", "特定商取引に関する法律", CONSUMER),
    ("消契法", "消費者契約法", CONSUMER),
    ("労基法", "労働基準法", EGOV),
    ("労契法", "労働契約法", EGOV),
    ("労組法", "労働組合法", EGOV),
    ("安衛法", "労働安全衛生法", EGOV),
    ("労安法", "労働安全衛生法", LABOUR),
    ("安衛令", "労働安全衛生法施行令", LABOUR),
    ("安衛則", "労働安全衛生規則", LABOUR),
    ("特化則", "特定化学物質障害予防規則", LABOUR),
    ("鉛則", "鉛中毒予防規則", LABOUR),
    ("電離則", "電離放射線障害防止規則", LABOUR),
    ("粉じん則", "粉じん障害防止規則", LABOUR),
    ("高圧則", "高気圧作業安全衛生規則", LABOUR),
    ("ボイラー則", "ボイラー及び圧力容器安全規則", LABOUR),
    ("派遣法", "労働者派遣事業の適正な運営の確保及び派遣労働者の保護等に関する法律", LABOUR),
    ("育介法", "育児休業、介護休業等育児又は家族介護を行う労働者の福祉に関する法律", LABOUR),
    ("雇均法", "雇用の分野における男女の均等な機会及び待遇の確保等に関する法律", EDITORS),
    ("雇用機会均等法", "雇用の分野における男女の均等な機会及び待遇の確保等に関する法律", LABOUR),
    ("均等法", "雇用の分野における男女の均等な機会及び待遇の確保等に関する法律", LABOUR),
    ("パート有期法", "短時間労働者及び有期雇用労働者の雇用管理の改善等に関する法律", LABOUR),
    ("雇保法", "雇用保険法", LABOUR),
    ("高年法", "高年齢者等の雇用の安定等に関する法律", LABOUR),
    ("厚年法", "厚生年金保険法", LABOUR),
    ("国年法", "国民年金法", LABOUR),
    ("介保法", "介護保険法", LABOUR),
    ("プロ責法", "特定電気通信による情報の流通によって発生する権利侵害等への対処に関する法律", NETWORK),
    ("情プラ法", "特定電気通信による情報の流通によって発生する権利侵害等への対処に関する法律", NETWORK),
    ("動愛法", "動物の愛護及び管理に関する法律", ENVIRONMENT),
    ("電帳法", "電子計算機を使用して作成する国税関係帳簿書類の保存方法等の特例に関する法律", TAX),
    ("国通法", "国税通則法", TAX),
    ("租特法", "租税特別措置法", TAX),
    ("所法", "所得税法", TAX),
    ("法法", "法人税法", TAX),
    ("消法", "消費税法", TAX),
    ("相法", "相続税法", TAX),
    ("印法", "印紙税法", TAX),
    ("措法", "租税特別措置法", TAX),
    ("措令", "租税特別措置法施行令", TAX),
    ("措規", "租税特別措置法施行規則", TAX),
    ("徴法", "国税徴収法", TAX),
    ("国徴法", "国税徴収法", TAX),
    ("登免法", "登録免許税法", TAX),
    ("地税法", "地方税法", EDITORS),
    ("耐用年数省令", "減価償却資産の耐用年数等に関する省令", TAX),
    ("不登令", "不動産登記令", EDITORS),
    ("不登規", "不動産登記規則", EDITORS),
    ("不登規則", "不動産登記規則", EDITORS),
    ("商登法", "商業登記法", EDITORS),
    ("商登規", "商業登記規則", EDITORS),
    ("商登規則", "商業登記規則", EDITORS),
    ("財規", "財務諸表等の用語、様式及び作成方法に関する規則", ACCOUNTS),
    ("連結財規", "連結財務諸表の用語、様式及び作成方法に関する規則", ACCOUNTS),
    ("パート・有期法", "短時間労働者及び有期雇用労働者の雇用管理の改善等に関する法律", LABOUR),
    ("パートタイム・有期雇用労働法", "短時間労働者及び有期雇用労働者の雇用管理の改善等に関する法律", LABOUR),
    ("プロバイダー責任制限法", "特定電気通信による情報の流通によって発生する権利侵害等への対処に関する法律", NETWORK),
    ("情報流通プラットフォーム対処法", "特定電気通信による情報の流通によって発生する権利侵害等への対処に関する法律", NETWORK),
    ("特定電子メール法", "特定電子メールの送信の適正化等に関する法律", NETWORK),
    ("動物愛護管理法", "動物の愛護及び管理に関する法律", ENVIRONMENT),
    ("産競法", "産業競争力強化法", INDUSTRY),
    ("道運法", "道路運送法", ROADS),
    ("車両法", "道路運送車両法", ROADS),
    ("社教法", "社会教育法", SCHOOLS),
    ("外為令", "外国為替令", EXPORTS),
    ("輸出令", "輸出貿易管理令", EXPORTS),
    ("貨物等省令", "輸出貿易管理令別表第一及び外国為替令別表の規定に基づき貨物又は技術を定める省令", EXPORTS),
    ("金融サービス提供法", "金融サービスの提供及び利用環境の整備等に関する法律", FSA),
    ("金サ法", "金融サービスの提供及び利用環境の整備等に関する法律", FSA),
    ("社債株式等振替法", "社債、株式等の振替に関する法律", FSA),
    ("高確法", "高齢者の医療の確保に関する法律", LABOUR),
    ("フロン法", "フロン類の使用の合理化及び管理の適正化に関する法律", ENVIRONMENT),
    ("身元保証法", "身元保証ニ関スル法律", EDITORS),
    ("暴力行為等処罰法", "暴力行為等処罰ニ関スル法律", EDITORS),
    ("盗犯等防止法", "盗犯等ノ防止及処分ニ関スル法律", EDITORS),
)  # fmt: skip

# What stands before a bare number (民709, 刑訴248) and before 令 and 則 (所令, 労基則): (語, 題名, 出典)
STEMS: tuple[tuple[str, str, str], ...] = (
    ("憲", "日本国憲法", EDITORS),
    ("民", "民法", EDITORS),
    ("民訴", "民事訴訟法", EDITORS),
    ("民執", "民事執行法", EDITORS),
    ("民保", "民事保全法", EDITORS),
    ("民再", "民事再生法", EDITORS),
    ("刑", "刑法", EDITORS),
    ("刑訴", "刑事訴訟法", EDITORS),
    ("商", "商法", EDITORS),
    ("商登", "商業登記法", EDITORS),
    ("会社", "会社法", EDITORS),
    ("会社計算", "会社計算規則", EDITORS),
    ("会更", "会社更生法", EDITORS),
    ("破", "破産法", EDITORS),
    ("不登", "不動産登記法", EDITORS),
    ("借地借家", "借地借家法", EDITORS),
    ("独禁", "私的独占の禁止及び公正取引の確保に関する法律", EDITORS),
    ("金商", "金融商品取引法", EDITORS),
    ("特許", "特許法", EDITORS),
    ("著作", "著作権法", EDITORS),
    ("労基", "労働基準法", EDITORS),
    ("労組", "労働組合法", EDITORS),
    ("労契", "労働契約法", EDITORS),
    ("行訴", "行政事件訴訟法", EDITORS),
    ("行手", "行政手続法", EDITORS),
    ("行審", "行政不服審査法", EDITORS),
    ("国賠", "国家賠償法", EDITORS),
    ("国公", "国家公務員法", EDITORS),
    ("地公", "地方公務員法", EDITORS),
    ("自治", "地方自治法", EDITORS),
    ("雇保", "雇用保険法", EDITORS),
    ("所", "所得税法", TAX),
    ("消", "消費税法", TAX),
    ("相", "相続税法", TAX),
    ("印", "印紙税法", TAX),
    ("国通", "国税通則法", TAX),
    ("措", "租税特別措置法", TAX),
    ("登免", "登録免許税法", TAX),
    ("地税", "地方税法", EDITORS),
    ("建基", "建築基準法", EDITORS),
    ("都計", "都市計画法", EDITORS),
    ("道交", "道路交通法", EDITORS),
    ("公選", "公職選挙法", EDITORS),
    ("警職", "警察官職務執行法", EDITORS),
    ("健保", "健康保険法", EDITORS),
    ("国年", "国民年金法", EDITORS),
    ("厚年", "厚生年金保険法", EDITORS),
    ("労災", "労働者災害補償保険法", EDITORS),
    ("労調", "労働関係調整法", EDITORS),
    ("最賃", "最低賃金法", EDITORS),
    ("職安", "職業安定法", EDITORS),
    ("家事", "家事事件手続法", EDITORS),
    ("人訴", "人事訴訟法", EDITORS),
    ("非訟", "非訟事件手続法", EDITORS),
    ("意匠", "意匠法", EDITORS),
    ("商標", "商標法", EDITORS),
    ("信託", "信託法", EDITORS),
)

_ORDERS = (("施行令", ("令",)), ("施行規則", ("則", "規", "規則")))


def common_names(titles: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """(name, law id, kind) of the laws among ``titles`` (title → law id): kind ``common``, or ``stem`` before a number."""
    for name, title in _written():
        if title in titles:
            yield name, titles[title], "common"
    for stem, title, _ in STEMS:
        if title in titles:
            yield stem, titles[title], "stem"


def title_of(name: str) -> str | None:
    """The title that an abbreviation of the table stands for, whether or not an index has the law."""
    return next((title for written, title, _ in NAMES if written == name), None)


def _written() -> Iterator[tuple[str, str]]:
    for name, title, _ in NAMES:
        yield name, title
    for stem, title, _ in STEMS:
        for suffix, short in _ORDERS:
            yield from ((stem + ending, title + suffix) for ending in short)
