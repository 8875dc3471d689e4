"""Loading a base model and its tokenizer: in 4 bits or plain, on CPU or one GPU, never upcast, never executing code.

torch and transformers are imported inside the functions, so that programs can show ``--help`` at once.
"""

from __future__ import annotations

import importlib.util
import logging
import re
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from ..core.cli import log
from ..core.errors import ConfigError, ModelError, UserError
from ..core.files import read_json, sha256_text, to_json
from .loaded_checks import check_loaded, check_no_adapter_inside, check_quantization
from .model_files import model_folder, weights_sha256
from .processor import widen_for_processor
from .weight_files import check_weight_files, no_pickles

DTYPES = ("auto", "float16", "bfloat16", "float32")
ComputeDtype = Literal["float16", "bfloat16", "float32"]
QuantType = Literal["nf4", "fp4"]
COMPUTE_DTYPES: tuple[ComputeDtype, ...] = get_args(ComputeDtype)
QUANT_TYPES: tuple[QuantType, ...] = get_args(QuantType)
# What changes with how a model was saved or loaded, not with what it is.
_VOLATILE_CONFIG = (
    "_name_or_path", "_from_model_config", "transformers_version", "quantization_config", "dtype", "torch_dtype", "use_cache",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Quantization:
    """How the frozen weights are stored and computed with.

    load_in_4bit   store linear layers in 4 bits (bitsandbytes)
    compute_dtype  what the 4-bit weights are expanded to for a product: float16, bfloat16 or float32
    quant_type     the 16 values of the code: nf4 (QLoRA, arXiv 2305.14314) or fp4
    double_quant   quantise the block scales too (saves about 0.4 bit a weight)
    """

    load_in_4bit: bool = True
    compute_dtype: str = "bfloat16"
    quant_type: str = "nf4"
    double_quant: bool = True

    def __post_init__(self) -> None:
        if self.compute_dtype not in COMPUTE_DTYPES:
            raise ConfigError(
                f"4bit の計算型 {self.compute_dtype!r} は使えません。{'・'.join(COMPUTE_DTYPES)} から選んでください。"
            )
        if self.quant_type not in QUANT_TYPES:
            raise ConfigError(
                f"4bit の量子化方式 {self.quant_type!r} は使えません。{'・'.join(QUANT_TYPES)} から選んでください。"
            )


def is_local_folder(model_name: str) -> bool:
    """True for a path, False for a name on the Hugging Face Hub. Raises ModelError for a path that is not there.

    A name is a path when such a folder exists or when it cannot be a Hub name (``org/model``).
    """
    if not model_name:
        raise ModelError("モデルの名前が空です。--model-name（--hf-model-name）を指定してください。")
    path = Path(model_name).expanduser()
    if path.is_dir():
        return True
    if path.is_file():
        raise ModelError(f"{model_name}: ファイルです。config.json のあるモデルのフォルダを指定してください。")
    if re.fullmatch(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?", model_name):
        return False
    raise ModelError(f"{model_name}: モデルのフォルダがありません。パスを確かめてください。")


def _hub_hint(model_name: str) -> str:
    return "" if is_local_folder(model_name) else "（手元にフォルダがないので Hugging Face Hub の名前として探しました）"


def first_line(error: BaseException) -> str:
    """The first line of what an error says, at most 300 characters; its type where it says nothing."""
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__


def load_tokenizer(model_name: str) -> Any:
    """The tokenizer of a model folder or Hub name, with a padding token set.

    Raises ModelError when the folder or its tokenizer files are missing or broken.
    """
    local = is_local_folder(model_name)
    folder = Path(model_name).expanduser()
    if local and not any((folder / name).is_file() for name in ("tokenizer.json", "vocab.json", "tokenizer.model")):
        raise ModelError(
            f"{model_name}: トークナイザがありません（tokenizer.json も vocab.json も tokenizer.model もない）。"
        )
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(
            str(folder) if local else model_name, local_files_only=local, trust_remote_code=False
        )
        tokenizer("問い", add_special_tokens=False)  # some faults of its files show only in use
    except Exception as error:  # the tokenizer libraries raise many kinds, bare Exception among them
        raise ModelError(
            f"{model_name}: トークナイザを読めません{_hub_hint(model_name)}: {first_line(error)}"
        ) from error
    _choose_padding(model_name, tokenizer, _table_rows(folder) if local else None)
    return tokenizer


def _table_rows(folder: Path) -> int | None:
    """Rows of the embedding table by the folder's ``config.json``, None where it does not say."""
    try:
        value = read_json(folder / "config.json")
    except UserError:
        return None  # named when the model is loaded
    rows = value.get("vocab_size", (value.get("text_config") or {}).get("vocab_size")) if isinstance(value, dict) else 0
    return rows if isinstance(rows, int) and rows > 0 else None


def _choose_padding(model_name: str, tokenizer: Any, rows: int | None) -> None:
    """Give the tokenizer a padding token that the table has. It is masked wherever it occurs, so any will do."""
    if rows is not None and len(tokenizer) > rows:
        log(
            f"注意: {model_name} のトークナイザには {len(tokenizer):,} 個のトークンがありますが、モデルの表は {rows:,} 行です。"
            "表にないトークンは使えません。"
        )
    for token_id in (tokenizer.pad_token_id, tokenizer.eos_token_id, 0):
        if token_id is not None and (rows is None or token_id < rows):
            if token_id != tokenizer.pad_token_id:
                tokenizer.pad_token = tokenizer.convert_ids_to_tokens(token_id)
            return


def resolve_device(device: str = "auto") -> str:
    """``cuda:0`` or ``cpu`` for auto; otherwise the device asked for. Raises ModelError when it is not there."""
    import torch

    if device == "auto":
        return "cuda:0" if torch.cuda.is_available() else "cpu"
    if device == "cpu":
        return device
    if not re.fullmatch(r"cuda(:\d+)?", device):
        raise ModelError(f"装置 {device!r} は使えません。auto・cpu・cuda・cuda:番号 から選んでください。")
    if not torch.cuda.is_available():
        raise ModelError(f"装置 {device} が指定されましたが、この PyTorch からは GPU が見えません。cpu か auto を指定してください。")  # fmt: skip
    index = int(device.partition(":")[2] or 0)
    if index >= torch.cuda.device_count():
        raise ModelError(f"装置 {device} がありません（GPU は {torch.cuda.device_count()} 台）。")
    return f"cuda:{index}"


def _check_weights(model_name: str, quantization: Quantization | None) -> None:
    folder = Path(model_name).expanduser()
    if not (folder / "config.json").is_file():
        raise ModelError(f"{model_name}: config.json がありません。モデルのフォルダを指定してください。")
    check_weight_files(model_name, folder)
    check_no_adapter_inside(model_name, folder)
    config = read_json(folder / "config.json")
    check_quantization(
        model_name, config.get("quantization_config") if isinstance(config, dict) else None, quantization
    )


def _load_options(quantization: Quantization | None, dtype: str, device: str) -> dict[str, Any]:
    import torch

    if dtype not in DTYPES:
        raise ModelError(f"データ型 {dtype!r} は使えません。{'・'.join(DTYPES)} から選んでください。")
    # "auto" keeps the checkpoint's own type: on a GPU what is frozen is never made wider than it is stored.
    options: dict[str, Any] = {
        "dtype": "auto" if dtype == "auto" else getattr(torch, dtype),
        "device_map": {"": resolve_device(device)},
    }
    if quantization is not None and quantization.load_in_4bit:
        if importlib.util.find_spec("bitsandbytes") is None:
            raise ModelError(
                "4bit には bitsandbytes が必要です。pip install bitsandbytes を実行するか、4bit を外してください。"
            )
        from transformers import BitsAndBytesConfig

        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_use_double_quant=quantization.double_quant,
            bnb_4bit_quant_type=quantization.quant_type,
            bnb_4bit_compute_dtype=getattr(torch, quantization.compute_dtype),
        )
    return options


def _not_about_cpu_kernels(record: logging.LogRecord) -> bool:
    return "gemm_4bit_forward" not in record.getMessage()


def quiet_libraries() -> None:
    """No progress bars where there is no terminal, and no word of bitsandbytes on an optional CPU kernel that it lacks."""
    from transformers.utils import logging as transformers_logging

    if not sys.stderr.isatty():
        transformers_logging.disable_progress_bar()
    logging.getLogger("bitsandbytes.backends.cpu.ops").addFilter(_not_about_cpu_kernels)


def load_base_model(
    model_name: str, *, quantization: Quantization | None, dtype: str = "auto", device: str = "auto"
) -> Any:
    """The causal language model of a folder or Hub name, in eval mode, on one device.

    ``quantization`` None (or with load_in_4bit off) loads plain weights in ``dtype``, where ``auto`` is the type they are
    stored in, or float32 on a CPU without bfloat16 instructions (``widen_for_processor``); with 4 bits, ``dtype`` is that of
    the parts which stay unquantised (embeddings, norms, output head), by default as stored. Only safetensors are read.
    Raises ModelError when the folder, its weights or the device is missing, or weights do not fill the model.
    """
    local = is_local_folder(model_name)
    if local:
        _check_weights(model_name, quantization)
    options = _load_options(quantization, dtype, device)
    import torch
    from transformers import AutoModelForCausalLM

    quiet_libraries()

    try:
        with no_pickles(), warnings.catch_warnings():
            # That the stored quantisation is used, not ours: they are the same, which is checked.
            warnings.filterwarnings("ignore", message="You passed `quantization_config`")
            model, info = AutoModelForCausalLM.from_pretrained(
                str(Path(model_name).expanduser()) if local else model_name,
                local_files_only=local,
                trust_remote_code=False,
                use_safetensors=True,
                output_loading_info=True,
                **options,
            )
    except ModelError:
        raise
    except torch.OutOfMemoryError as error:
        raise ModelError(
            f"{model_name}: GPU のメモリが足りません。4bit にするか、小さいモデルを使ってください。"
        ) from error
    except Exception as error:  # OSError, ValueError, SafetensorError … : one line for each
        raise ModelError(f"{model_name}: モデルを読めません{_hub_hint(model_name)}: {first_line(error)}") from error
    # transformers only warns when weights are missing and fills in random ones.
    missing = sorted(str(key) for key in info.get("missing_keys", ()))
    wrong = sorted(str(key) for key in info.get("mismatched_keys", ()))
    if missing or wrong:
        raise ModelError(
            f"{model_name}: 重みが足りないか形が合いません（{len(missing) + len(wrong)} 個、例 {(missing + wrong)[0]}）。"
            "モデルのファイルをもう一度入手してください。"
        )
    if unused := sorted(str(key) for key in info.get("unexpected_keys", ())):
        log(
            f"注意: {model_name}: 使われない重みが {len(unused)} 個あります（例 {unused[0]}）。config.json と重みの組を確かめてください。"
        )
    check_loaded(model_name, model, quantization)
    keep_4bit_layout(model)
    model.eval()
    if dtype == "auto" and "quantization_config" not in options and model.device.type == "cpu":
        widen_for_processor(model)
    return model


def keep_4bit_layout(model: Any) -> None:
    """Tell the 4-bit layers to stay as they were quantised.

    On CPUs with AVX512-BF16 bitsandbytes repacks a 4-bit weight for good at its first use in eval mode. The product of
    that layout has no gradient (after one dev evaluation the layers below would silently stop learning), its block
    scales are rounded to bfloat16 (so evaluation would score other weights than training saw), and prompts of more than
    about a hundred tokens take longer with it.
    """
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False


def base_model_facts(model_name: str, model: Any) -> dict[str, Any]:
    """``name``, ``revision`` (Hub commit, None for a folder), ``config_sha256`` and ``weights_sha256`` of a loaded model.

    The first hash leaves out what depends on how the model was loaded, so 4-bit and plain loads of one model agree; the
    second is of the files (None where they cannot be found).
    """
    config = model.config.to_dict()
    stable = {key: value for key, value in config.items() if key not in _VOLATILE_CONFIG}
    text = to_json({key: stable[key] for key in sorted(stable)})
    revision = getattr(model.config, "_commit_hash", None)
    folder = model_folder(model_name, revision)
    weights = None if folder is None else weights_sha256(folder)
    return {"name": model_name, "revision": revision, "config_sha256": sha256_text(text), "weights_sha256": weights}
