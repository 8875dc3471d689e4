"""Who is who when one training runs as several processes (torchrun, accelerate launch): numbers, cards, refusals.

Data parallel, in the words of torch.distributed: ``rank`` 0 … ``world`` − 1, each a process with a card of its own and
the whole model. What they do together is in app.training.rank_group; here nothing is started and nothing is imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..core.errors import ConfigError

# What a launcher says to each of its processes. transformers and accelerate would read them and do it all their way.
RANK_VARIABLES = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE")
_NEEDED = ("RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
_MPI_SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE")
_UNTESTED = {
    "ACCELERATE_USE_FSDP": "FSDP",
    "ACCELERATE_USE_DEEPSPEED": "DeepSpeed",
    "ACCELERATE_USE_MEGATRON_LM": "Megatron-LM",
    "ACCELERATE_USE_PARALLELISM_CONFIG": "テンソル並列などの並列化",
}
_WAY = "torchrun --nproc-per-node 個数 scripts/train_qwen_law_ft.py … で起動してください"


@dataclass(frozen=True, slots=True)
class Ranks:
    """This process among those of one training."""

    rank: int = 0
    # 0 … world − 1; 0 writes the files and prints.
    world: int = 1
    # Processes of this training.
    local: int = 0
    # Which of its machine's processes, and with that, which of its cards.
    launcher: str | None = None
    # The program that started it, where one did.

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and prints."""
        return self.rank == 0


def read_ranks(environ: Mapping[str, str]) -> Ranks:
    """What the launcher's variables say; a plain start is one process.

    Raises ConfigError where they say several but not which one this is: each would train a model of its own.
    """
    launcher = _launcher(environ)
    world = _number(environ, "WORLD_SIZE", 1)
    mpi = next((name for name in _MPI_SIZES if environ.get(name, "1") != "1"), None)
    if mpi is not None and world == 1:
        raise ConfigError(f"環境変数 {mpi}={environ[mpi]} があります。mpirun では学習できません。{_WAY}。")
    if world < 1:
        raise ConfigError(f"環境変数 WORLD_SIZE={world} は 1 以上です。{_WAY}。")
    if world == 1:
        return Ranks(launcher=launcher)
    if missing := [name for name in _NEEDED if not environ.get(name)]:
        raise ConfigError(
            f"環境変数 WORLD_SIZE={world} がありますが、{'・'.join(missing)} がありません。{_WAY}"
            "（一つのプロセスで学習するなら unset WORLD_SIZE）。"
        )
    rank, local = _number(environ, "RANK", 0), _number(environ, "LOCAL_RANK", 0)
    if not 0 <= rank < world or not 0 <= local <= rank:
        raise ConfigError(f"環境変数 RANK={rank}・LOCAL_RANK={local} が WORLD_SIZE={world} と合いません。{_WAY}。")
    return Ranks(rank, world, local, launcher)


def _number(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name, "").strip()
    if not text:
        return default
    if not text.isascii() or not text.isdigit():
        raise ConfigError(f"環境変数 {name}={text} は数ではありません。{_WAY}。")
    return int(text)


def _launcher(environ: Mapping[str, str]) -> str | None:
    if "ACCELERATE_MIXED_PRECISION" in environ:
        return "accelerate launch"
    return "torchrun" if "TORCHELASTIC_RUN_ID" in environ or "RANK" in environ else None


def check_alone(environ: Mapping[str, str], way: str) -> None:
    """Raise ConfigError in a program whose processes would all do the same, into the same files; ``way`` is the way out."""
    if "RANK" in environ and read_ranks(environ).world > 1:
        raise ConfigError(
            f"このプログラムは torchrun・accelerate launch では使えません。python で起動してください（{way}）。"
        )


def check_launcher(environ: Mapping[str, str]) -> str | None:
    """Raise ConfigError for what the launcher asks and nobody tested; a line on what it asks and does not get, or None."""
    asked = [label for name, label in _UNTESTED.items() if environ.get(name, "false").strip().lower() in ("true", "1")]
    if environ.get("ACCELERATE_DYNAMO_BACKEND", "no").strip().lower() != "no":
        asked.append("torch.compile（dynamo）")
    if asked:
        raise ConfigError(
            f"accelerate の設定の {'・'.join(asked)} では学習できません（試せていないため）。"
            f"accelerate launch --multi_gpu か、{_WAY}。"
        )
    ignored = []
    if (precision := environ.get("ACCELERATE_MIXED_PRECISION", "no").strip().lower()) != "no":
        ignored.append(f"mixed_precision={precision}（計算の型は --bf16・--fp16 で決まります）")
    if environ.get("ACCELERATE_USE_CPU", "false").strip().lower() == "true":
        ignored.append("use_cpu（装置は --device で決まります）")
    return f"注意: accelerate の {'、'.join(ignored)} は使いません。" if ignored else None


def card_of_rank(local: int, visible: str | None, cards: int) -> str:
    """The ``CUDA_VISIBLE_DEVICES`` of a machine's process ``local``: its own card, under the name cuda:0.

    ``visible`` is the variable as it stands and ``cards`` how many there are. Raises ConfigError when there are fewer
    than processes.
    """
    names = [name.strip() for name in visible.split(",")] if visible is not None else list(map(str, range(cards)))
    names = names[:cards]  # CUDA stops at the first name that it does not know
    if local >= len(names):
        raise ConfigError(
            f"この計算機の {local + 1} 番目のプロセスに渡す GPU がありません（見えているのは {len(names)} 枚）。"
            "一つのプロセスに一枚です。--nproc-per-node（--num_processes）を GPU の枚数以下にしてください。"
        )
    return names[local]


def processes_line(ranks: Ranks, cards: int) -> str | None:
    """What the summary of a run says of its processes; None for a plain start that leaves no card unused.

    ``cards`` counts the GPUs that one process sees, 0 on a CPU.
    """
    if ranks.world > 1:
        return f"プロセス: {ranks.world} 個（{ranks.launcher}。装置は一つずつ、勾配は合計、表示と書き込みは一つだけ）"
    unused = (
        f"GPU が {cards} 枚見えますが、使うのは 1 枚です（全部を使うには torchrun --nproc-per-node {cards}）"
        if cards > 1
        else ""
    )
    started = f"{ranks.launcher} で起動" if ranks.launcher else ""
    return f"プロセス: 1 個（{'。'.join(filter(None, (started, unused)))}）" if started or unused else None
