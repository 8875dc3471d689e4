"""The settings of a file of training records: each with what it does; what contradicts itself is refused at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ..core.errors import ConfigError, UsageError
from ..core.options import faults, option, refuse
from ..core.prompts import Form
from .context import ContextSource

Mode = Literal["direct", "cot"]
WITHOUT_GOLD = 0.2  # the share that docs/cot-records.md and StepD_実験計画.md speak of


@dataclass(frozen=True, kw_only=True)
class RecordSettings:
    """From which questions records are made, in which form and with which articles."""

    lawqa_path: Path = field(metadata=option("lawqa_jp 形式の問題ファイル", group="問題と書き出す場所"))
    mix: tuple[str, ...] = field(
        default=(),
        metadata=option(
            "ほかの問題ファイルを、全体に占める割合で混ぜる（generated/questions.json=0.7 など。残りが --lawqa-path の分）",
            metavar="FILE=SHARE",
        ),
    )
    output_path: Path | None = field(
        default=None,
        metadata=option(
            "書き出す JSONL。--all のときはフォルダ（既定 results/finetune）。--preview だけなら省略できる"
        ),
    )
    mode: Mode | None = field(
        default=None, metadata=option("direct は文字だけ、cot は理由と文字。既定 direct", group="レコード")
    )
    context: ContextSource | None = field(
        default=None,
        metadata=option(
            "参照条文: none、rag（検索）、gold（問題の条文）、distractors（問題の条文を、検索したほかの条の間に置く）。既定 rag"
        ),
    )
    no_rag: bool = field(default=False, metadata=option("検索を使わない（--context none と同じ）"))
    top_k: int | None = field(
        default=None, metadata=option("渡す条文の数（rag、distractors。既定: RETRIEVER_TOP_K、3）")
    )
    without_gold: float | None = field(
        default=None,
        metadata=option(
            f"distractors で、根拠条文を入れない問題の割合。正答は変えない（既定 {WITHOUT_GOLD}）", metavar="SHARE"
        ),
    )
    index_dir: Path | None = field(
        default=None, metadata=option("scripts/build_index.py が作ったフォルダ（既定は設定の値）")
    )
    # Off unless asked for, as in the evaluation: examples lengthen every prompt, and both sides must agree.
    few_shot: bool | None = field(default=None, metadata=option("direct に例題を付ける（既定: 付けない）"))
    few_shot_path: Path | None = field(
        default=None,
        metadata=option(
            "例題を付け、この問題ファイルから選ぶ（同じ条文クラスタは避ける）。評価する問題のないファイルにする。"
            "--few-shot だけなら組み込みの例題"
        ),
    )
    samples: int | None = field(default=None, metadata=option("はじめの N 問だけを使う。--mix では全体の数", least=1))
    orders: Literal[1, 4] = field(default=1, metadata=option("選択肢の並べ方の数"))
    form: Form = field(
        default="letter",
        metadata=option("letter 四つの選択肢を並べて文字で答える、choice 選択肢を一つずつ示して○か×で答える"),
    )
    cited_words: bool = field(
        default=False,
        metadata=option("choice で、引用だけの候補（「民法第709条」）の下に、渡した条文にあるその条の文言を添える"),
    )
    all_four: bool = field(
        default=False,
        metadata=option("標準の 4 ファイル（direct・cot × 検索なし・あり）を一度に作る", name="--all"),
    )
    preview: int = field(
        default=0, metadata=option("N 件を、学習対象を ⟦ ⟧ で示して表示する", group="表示と乱数", metavar="N")
    )
    tokenizer: str | None = field(
        default=None, metadata=option("--preview をこのモデルのトークナイザで、トークン単位で表示する")
    )
    seed: int = field(default=42, metadata=option("distractors の置き方の乱数の種", least=0, below=2**32))

    def __post_init__(self) -> None:
        refuse(faults(self))
        if self.no_rag and self.context not in (None, "none"):
            raise UsageError(f"--no-rag と --context {self.context} は一緒に使えません")
        if not (self.all_four or self.output_path or self.preview):
            raise UsageError("--output-path（または --all、--preview）を指定してください")
        if self.all_four and (decided := self._decided_by_all()):
            raise UsageError(f"--all は標準の 4 ファイルを作るので、{'、'.join(decided)} は指定できません")
        if self.without_gold is not None and self.context != "distractors":
            raise UsageError("--without-gold は --context distractors と一緒に使います")
        if self.form == "choice" and (unfit := self._unfit_for_choices()):
            raise ConfigError(
                f"--form choice は選択肢を一つずつ示すので、{'、'.join(unfit)} とは使えません。外してください。"
            )
        if self.cited_words and self.form != "choice":
            raise ConfigError("--cited-words は候補を一つずつ示す形だけのものです。--form choice を指定してください。")
        if self.few_shot is False and self.few_shot_path:
            raise ConfigError("--no-few-shot と --few-shot-path は同時に指定できません。どちらかを外してください。")

    def _decided_by_all(self) -> list[str]:
        """The options that say what the four standard files are told apart by."""
        said = {"--mode": self.mode is not None, "--context": self.context is not None, "--no-rag": self.no_rag}
        return [name for name, given in said.items() if given]

    def _unfit_for_choices(self) -> list[str]:
        """The options that say how letters are asked for."""
        said = {
            "--all": self.all_four,
            "--mode cot": self.mode == "cot",
            "--orders 4": self.orders != 1,
            "--few-shot": self.few_shot or self.few_shot_path,
        }
        return [name for name, given in said.items() if given]

    @property
    def source(self) -> ContextSource:
        """Where the articles come from."""
        return "none" if self.no_rag else self.context or "rag"

    @property
    def searches(self) -> bool:
        """Whether an index is searched for what the records show."""
        return self.all_four or self.source in ("rag", "distractors")

    @property
    def share_without_gold(self) -> float:
        """The share of distractor records that are not given their own articles."""
        return WITHOUT_GOLD if self.without_gold is None else self.without_gold
