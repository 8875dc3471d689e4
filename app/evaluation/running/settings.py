"""The settings of one evaluation: each with what it does; what contradicts itself is refused at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ...core.errors import ConfigError, UsageError
from ...core.options import faults, option, part, refuse
from ...core.run_file import RUN_FILE
from ...llm.model_options import ModelOptions
from .plan import WITHOUT, ContextSource, Scoring
from .shard import Shard, shard_argument


@dataclass(frozen=True, kw_only=True)
class EvaluationSettings:
    """What is asked, of which model and how; None where the adapter, the environment or the form decides."""

    data: Path = field(
        metadata=option("問題ファイル: lawqa_jp の形式の JSON、または試験問題の JSON Lines", group="問題、文脈、結果")
    )
    output: Path | None = field(
        default=None,
        metadata=option("結果の JSON（途中経過は同じ場所の .progress.jsonl）。--plan のほかは必須"),
    )
    shard: Shard | None = field(
        default=None,
        metadata=option(
            "問題を個数に分けたうちの一つだけを評価する（1/4 から 4/4 を、別々の GPU や計算機で）",
            metavar="番号/個数",
            read=shard_argument,
        ),
    )
    samples: int | None = field(
        default=None, metadata=option("問題数。--seed で選び、ファイルの順に尋ねる（既定: すべて）")
    )
    context: ContextSource | None = field(
        default=None,
        metadata=option(
            "文脈: none なし、rag 検索した条文、gold 正解の条文、removed 正解の条文を抜いた検索結果（既定 rag）"
        ),
    )
    reading_test: bool = field(
        default=False,
        metadata=option(
            "条文を読んでいるか: 正解の条文あり・文脈なし・正解の条文を抜いた検索結果の三通りで尋ねて比べる（索引が要る。"
            "--output と、その隣の _none・_removed に書く）"
        ),
    )
    both_forms: bool = field(
        default=False,
        metadata=option(
            "選択肢を一つずつ判断させ、文字も尋ねて、二つを合わせた答えも数える（一つずつの結果は --output に、文字の結果は"
            "その隣の _letter に書く）"
        ),
    )
    no_rag: bool = field(default=False, metadata=option("--context none と同じ"))
    top_k: int | None = field(default=None, metadata=option("検索する条の数（既定: RETRIEVER_TOP_K、3）"))
    index_dir: Path | None = field(
        default=None, metadata=option("索引のフォルダ（既定: RETRIEVER_INDEX_DIR、data/index）")
    )
    model: ModelOptions = field(default_factory=ModelOptions, metadata=part(ModelOptions))
    scoring: Scoring | None = field(
        default=None,
        metadata=option(
            "letter 選択肢の文字の確率、choice 選択肢を一つずつ判断させて比べる、text 文章の読み取り、both letter と text"
            "（既定: アダプタの学習時の形、なければ letter。ollama・openai は text で、ほかは確率を返すサーバーだけ）",
            group="尋ね方",
        ),
    )
    orders: Literal[1, 4] | None = field(
        default=None,
        metadata=option("選択肢の並びの数。4 はどの選択肢もすべての位置に置く並び（既定: letter は 4、ほかは 1）"),
    )
    ensemble: bool = field(
        default=False,
        metadata=option("並びの間で確率を平均した答えで採点する（文字の確率で採点するときの既定）", rivals="answer"),
    )
    majority: bool = field(
        default=False,
        metadata=option("並びの多数決で採点する（文章で採点するときの既定）", rivals="answer"),
    )
    use_cot: bool = field(
        default=False,
        metadata=option("理由を書かせてから答えさせる（予算内で答えがなくても答えの文字を採点する）"),
    )
    few_shot: bool | None = field(
        default=None,
        metadata=option("例題を付ける（既定: アダプタの学習時と同じ、なければ付けない）"),
    )
    few_shot_path: Path | None = field(
        default=None,
        metadata=option("例題を付け、この問題ファイルから選ぶ（学習レコードを作ったときと同じファイル）"),
    )
    cited_words: bool | None = field(
        default=None,
        metadata=option(
            "choice で、引用だけの候補の下に、文脈にあるその条の文言を添える（既定: アダプタの学習時と同じ、なければ添えない）"
        ),
    )
    max_new_tokens: int = field(default=512, metadata=option("書かせる長さの上限、トークン", least=1))
    temperature: float = field(default=0.0, metadata=option("0 なら毎回同じ答え"))
    batch_size: int = field(default=8, metadata=option("一度に書かせる問題数。結果は変わらない", least=1))
    seed: int = field(default=42, metadata=option("乱数の種", least=0, below=2**32))
    allow_trained: bool = field(
        default=False,
        metadata=option("学習に使った問題も採点する（結果に印を付け、終了コード 3）", group="実行"),
    )
    report: Path | None = field(
        default=None, metadata=option("1 ファイルの HTML 報告も書く（ネットワーク不要）", metavar="HTML")
    )

    def __post_init__(self) -> None:
        refuse(faults(self))
        if self.shard and (self.reading_test or self.report):
            raise UsageError("--shard は一部だけの結果なので、--reading-test、--report とは使えません")
        if self.no_rag and self.context not in (None, "none"):
            raise ConfigError(f"--no-rag と --context {self.context} は一緒に使えません。")
        if self.few_shot is False and self.few_shot_path:
            raise ConfigError("--no-few-shot と --few-shot-path は同時に指定できません。どちらかを外してください。")
        if self.reading_test and (self.no_rag or self.context not in (None, "gold")):
            given = "--no-rag" if self.no_rag else f"--context {self.context}"
            raise ConfigError(f"--reading-test は三通りの文脈で尋ねるので、{given} とは使えません。")
        if self.both_forms:
            self._check_both_forms()
        if self.no_rag:  # one spelling, which a run file can be told to leave
            object.__setattr__(self, "context", "none")
            object.__setattr__(self, "no_rag", False)

    def _check_both_forms(self) -> None:
        """Raise ConfigError for what says otherwise how both forms are asked, or asks for more than two results."""
        others = {
            f"--scoring {self.scoring}": self.scoring is not None,
            f"--orders {self.orders}": self.orders is not None,
            "--ensemble": self.ensemble,
            "--majority": self.majority,
            "--use-cot": self.use_cot,
            "--few-shot": bool(self.few_shot or self.few_shot_path),
            "--reading-test": self.reading_test,
            "--shard": self.shard is not None,
        }
        if named := "、".join(name for name, given in others.items() if given):
            raise ConfigError(f"--both-forms は一つずつの判断と文字の二通りで尋ねるので、{named} とは使えません。")

    @property
    def result(self) -> Path:
        """The result file. Raises UsageError where none is named."""
        if self.output is None:
            raise UsageError("--data と --output が要ります（--plan なら --data だけ）")
        return self.output

    @property
    def results(self) -> list[Path]:
        """Every result file that is asked for, the main one last."""
        others = [*(WITHOUT if self.reading_test else ()), *(["letter"] if self.both_forms else [])]
        return [*(beside(self.result, other) for other in others), self.result]


def beside(output: Path, what: str) -> Path:
    """Where the result in another context, or form, goes: ``tuned_none.json`` beside ``tuned.json``."""
    return output.with_name(f"{output.stem}_{what}{output.suffix}")


def run_file_path(output: Path) -> Path:
    """Where the settings of the evaluation that writes ``output`` go: ``base.run.yaml`` beside ``base.json``."""
    return output.with_suffix(f".{RUN_FILE}")
