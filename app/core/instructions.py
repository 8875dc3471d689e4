"""What a prompt asks for, in words that the answer parser knows too: a model that repeats them has not answered yet."""

from __future__ import annotations

from typing import Literal

CotStyle = Literal["compact", "detailed"]

DIRECT_INSTRUCTION = (
    "日本の法令に関する四択問題です。選択肢a、b、c、dから一つを選び、その文字だけを答えてください。説明は不要です。"
)
DIRECT_CONTEXT_NOTE = "参照条文があるときは、それを根拠にしてください。"
COT_INSTRUCTIONS: dict[CotStyle, str] = {
    "compact": (
        "日本の法令に関する四択問題です。「Reasoning:」に続けて根拠と理由を簡潔に述べ、"
        "最後の行に「Answer:」に続けて選んだ文字を一つだけ書いてください。"
    ),
    "detailed": (
        "日本の法令に関する四択問題です。「Reasoning:」に続けて、根拠となる法令と条を挙げ、決め手となる文を「」で引用し、"
        "各選択肢が条文と合うか合わないかを順に述べてください。"
        "最後の行に「Answer:」に続けて選んだ文字を一つだけ書いてください。"
    ),
}
