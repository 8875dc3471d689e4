"""Addresses of laws and their provisions at e-Gov, for a reader to open."""

from __future__ import annotations

import re

_LAW = "https://laws.e-gov.go.jp/law/"
# 元号と年, then the kind: 憲法, 法律 AC, 政令 CO, 勅令 IO, 太政官布告 DF・達 DT, 府省令 M…, 規則 R…; of all laws of the download.
_EGOV_ID = re.compile(r"[1-5]\d\d(?:CONSTITUTION|(?:AC|CO|IO|DF|DT)\d{10}|M[0-9A-F]{11}|R[0-9A-Z]{3}\d{8})")


def link(law_id: str, part: str, anchor_text: str) -> str:
    """Address of the provision at e-Gov; of the law where e-Gov's anchor is not known; empty for a law e-Gov has not."""
    if not _EGOV_ID.fullmatch(law_id):
        return ""
    address = _LAW + law_id
    return f"{address}#{anchor_text}" if part in ("main", "supplement") else address
