"""Who is who among several processes: what launchers say, what is refused, which card is whose."""

from __future__ import annotations

import pytest

from app.core.errors import ConfigError
from app.training.ranks import Ranks, card_of_rank, check_alone, check_launcher, processes_line, read_ranks

TWO = {"RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}


@pytest.mark.parametrize(
    ("environ", "ranks"),
    [
        ({}, Ranks()),
        ({"WORLD_SIZE": ""}, Ranks()),
        (TWO, Ranks(1, 2, 1, "torchrun")),
        ({**TWO, "RANK": "0", "LOCAL_RANK": "0"}, Ranks(0, 2, 0, "torchrun")),
        ({**TWO, "ACCELERATE_MIXED_PRECISION": "no"}, Ranks(1, 2, 1, "accelerate launch")),
        # the second machine of two, a process each
        ({**TWO, "LOCAL_RANK": "0"}, Ranks(1, 2, 0, "torchrun")),
        # launchers that start one process: transformers would still make a group of it
        ({**TWO, "RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1"}, Ranks(launcher="torchrun")),
        ({"ACCELERATE_MIXED_PRECISION": "no", "ACCELERATE_USE_CPU": "True"}, Ranks(launcher="accelerate launch")),
        # torchrun under mpirun: torchrun's word counts
        ({**TWO, "OMPI_COMM_WORLD_SIZE": "2"}, Ranks(1, 2, 1, "torchrun")),
    ],
)
def test_what_a_launcher_says(environ: dict[str, str], ranks: Ranks) -> None:
    assert read_ranks(environ) == ranks


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"WORLD_SIZE": "2"}, ["WORLD_SIZE=2", "RANK・LOCAL_RANK・MASTER_ADDR・MASTER_PORT", "unset WORLD_SIZE"]),
        ({**TWO, "MASTER_PORT": ""}, ["MASTER_PORT がありません"]),
        ({**TWO, "RANK": "2"}, ["RANK=2", "WORLD_SIZE=2"]),
        ({**TWO, "RANK": "0"}, ["LOCAL_RANK=1"]),
        ({**TWO, "RANK": "-1"}, ["RANK=-1 は数ではありません"]),
        ({**TWO, "WORLD_SIZE": "二"}, ["WORLD_SIZE=二 は数ではありません"]),
        ({**TWO, "WORLD_SIZE": "0"}, ["WORLD_SIZE=0 は 1 以上"]),
        ({"OMPI_COMM_WORLD_SIZE": "4"}, ["OMPI_COMM_WORLD_SIZE=4", "mpirun", "torchrun"]),
        ({"PMI_SIZE": "2"}, ["PMI_SIZE=2"]),
    ],
)
def test_several_processes_that_cannot_be_one_training(environ: dict[str, str], words: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        read_ranks(environ)
    assert all(word in str(error.value) for word in words), str(error.value)


def test_a_program_of_one_process_says_so() -> None:
    for environ in ({}, {"WORLD_SIZE": "4"}, {**TWO, "RANK": "0", "WORLD_SIZE": "1"}):
        check_alone(environ, "--workers")
    with pytest.raises(ConfigError, match=r"torchrun・accelerate launch では使えません.*（--workers）"):
        check_alone(TWO, "--workers")


@pytest.mark.parametrize(
    ("environ", "word"),
    [
        ({"ACCELERATE_USE_FSDP": "true"}, "FSDP"),
        ({"ACCELERATE_USE_DEEPSPEED": "True"}, "DeepSpeed"),
        ({"ACCELERATE_USE_MEGATRON_LM": "true"}, "Megatron-LM"),
        ({"ACCELERATE_USE_PARALLELISM_CONFIG": "true"}, "並列化"),
        ({"ACCELERATE_DYNAMO_BACKEND": "INDUCTOR"}, "torch.compile"),
    ],
)
def test_what_nobody_tested_is_refused(environ: dict[str, str], word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        check_launcher(environ)


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({}, []),
        ({"ACCELERATE_MIXED_PRECISION": "no", "ACCELERATE_DYNAMO_BACKEND": "NO", "ACCELERATE_USE_CPU": "False"}, []),
        ({"ACCELERATE_USE_FSDP": "false", "ACCELERATE_USE_DEEPSPEED": ""}, []),
        ({"ACCELERATE_MIXED_PRECISION": "bf16"}, ["mixed_precision=bf16", "--bf16"]),
        ({"ACCELERATE_MIXED_PRECISION": "fp16", "ACCELERATE_USE_CPU": "True"}, ["fp16", "use_cpu", "--device"]),
    ],
)
def test_what_is_asked_and_not_used_is_said(environ: dict[str, str], words: list[str]) -> None:
    line = check_launcher(environ)
    assert (line is None) == (not words)
    assert all(word in (line or "") for word in words)


@pytest.mark.parametrize(
    ("local", "visible", "cards", "card"),
    [
        (0, None, 2, "0"),
        (1, None, 2, "1"),
        (1, "2,3", 2, "3"),
        (0, " 5 , 7", 2, "5"),
        (1, "GPU-8932f937,GPU-1a2b", 2, "GPU-1a2b"),
    ],
)
def test_every_process_has_its_card(local: int, visible: str | None, cards: int, card: str) -> None:
    assert card_of_rank(local, visible, cards) == card


@pytest.mark.parametrize(("local", "visible", "cards"), [(1, None, 1), (2, "0,1", 2), (1, "0", 1), (1, "0,-1,1", 1)])
def test_more_processes_than_cards_are_refused(local: int, visible: str | None, cards: int) -> None:
    with pytest.raises(
        ConfigError, match=f"{local + 1} 番目のプロセスに渡す GPU がありません（見えているのは {cards} 枚"
    ):
        card_of_rank(local, visible, cards)


@pytest.mark.parametrize(
    ("ranks", "cards", "line"),
    [
        (Ranks(), 0, None),
        (Ranks(), 1, None),
        (Ranks(), 8, "プロセス: 1 個（GPU が 8 枚見えますが、使うのは 1 枚です（全部を使うには torchrun --nproc-per-node 8））"),
        (Ranks(launcher="accelerate launch"), 1, "プロセス: 1 個（accelerate launch で起動）"),
        (Ranks(0, 2, 0, "torchrun"), 2, "プロセス: 2 個（torchrun。装置は一つずつ、勾配は合計、表示と書き込みは一つだけ）"),
    ],
)  # fmt: skip
def test_the_summary_says_how_many_processes_train(ranks: Ranks, cards: int, line: str | None) -> None:
    assert processes_line(ranks, cards) == line
