"""What is refused before a model is loaded: files whose prompts are of two kinds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import DataError
from app.data.records import write_records
from app.training.config import TrainConfig
from app.training.preparation import prepare_data


def cited(records: list[Any]) -> list[Any]:
    """The records as if made with --cited-words."""
    return [replace(one, meta={**one.meta, "cited_words": True}) for one in records]


@pytest.fixture
def config(tmp_path: Path, tiny_model_dir: Path) -> TrainConfig:
    return TrainConfig(
        model_name=str(tiny_model_dir), objective="choice", train_file=tmp_path / "train.jsonl",
        eval_file=tmp_path / "dev.jsonl", output_dir=tmp_path / "out",
    )  # fmt: skip


@pytest.mark.parametrize("mixed", ["train", "dev"])
def test_a_file_with_and_without_cited_words_is_refused(config: TrainConfig, choice_maker: Any, mixed: str) -> None:
    trained, dev = choice_maker(2), choice_maker(2, first=2)
    (trained if mixed == "train" else dev)[:4] = cited((trained if mixed == "train" else dev)[:4])
    assert config.eval_file is not None
    write_records(config.train_file, trained)
    write_records(config.eval_file, dev)
    path = config.train_file if mixed == "train" else config.eval_file
    with pytest.raises(DataError) as caught:
        prepare_data(config)
    assert str(caught.value) == (
        f"{path}: --cited-words で作ったレコード 4 件と、付けずに作ったレコード 4 件が混じっています。"
        "どちらかにそろえて build_finetune_dataset.py で作り直してください。"
    )


@pytest.mark.parametrize(("trained", "dev", "how"), [(True, False, "付けて"), (False, True, "付けずに")])
def test_dev_records_show_what_the_training_records_show(
    config: TrainConfig, choice_maker: Any, trained: bool, dev: bool, how: str
) -> None:
    learned, held = choice_maker(2), choice_maker(2, first=2)
    assert config.eval_file is not None
    write_records(config.train_file, cited(learned) if trained else learned)
    write_records(config.eval_file, cited(held) if dev else held)
    with pytest.raises(DataError) as caught:
        prepare_data(config)
    assert str(caught.value) == (
        f"{config.eval_file}: 学習データ {config.train_file} は --cited-words を{how}作ったものですが、開発用データは違います。"
        f"開発用データも build_finetune_dataset.py で --cited-words を{how}作り直してください。"
    )
    write_records(config.eval_file, cited(held) if trained else held)
    assert len(prepare_data(config).dev_records) == 8


def test_an_article_shared_with_the_dev_file_is_told_whatever_its_cluster_is_called(
    config: TrainConfig, choice_maker: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the training file 架空法 第1条 and 第2条 are one cluster, named by the first."""
    learned = [replace(one, meta={**one.meta, "articles": ["架空法 第1条", "架空法 第2条"]}) for one in choice_maker(1)]
    held = [replace(one, meta={**one.meta, "cluster": "架空法 第2条"}) for one in choice_maker(1, first=1)]
    assert config.eval_file is not None
    write_records(config.train_file, learned)
    write_records(config.eval_file, held)
    prepare_data(config)
    remark = "注意: 1 個の条文のまとまりが学習データと開発用データの両方にあります（架空法 第2条 など）。dev の正答率は甘くなります。"
    assert capsys.readouterr().err.count(remark) == 1
