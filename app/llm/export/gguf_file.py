"""A merged model folder as one GGUF file, written with the official ``gguf`` package, one tensor at a time."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...core.errors import ConfigError, ModelError
from .checkpoint import Checkpoint, Tensor
from .gguf_tokenizer import PRE_TOKENIZER, read_gguf_tokenizer
from .plan import gguf_type_of
from .shapes import head_dim

QUANTIZER = "llama-quantize"
# Weights converted at a time: the float32 copy of a slice takes 64 MiB.
_SLICE_WEIGHTS = 2**24


def require_gguf() -> None:
    """Raise ConfigError, with the command that installs it, when the ``gguf`` package is not there."""
    try:
        import gguf  # noqa: F401
    except ImportError:
        raise ConfigError(
            'GGUF を書くには gguf が必要です。pip install "horei-ft[gguf]" を実行してください。'
        ) from None


def find_quantizer() -> str | None:
    """llama.cpp's own quantising program on PATH; None when it is not there."""
    return shutil.which(QUANTIZER)


def write_gguf(
    model: Checkpoint,
    path: Path,
    kind: str,
    *,
    name: str,
    chat_template: str | None,
    stop_id: int,
    track: Callable[[Sequence[Tensor]], Iterable[Tensor]] = iter,
) -> None:
    """Write ``model`` as GGUF of ``kind`` (f32, f16 or q8_0). A killed run leaves no file of that name."""
    import gguf
    import torch

    values = model.config
    architecture = str(values["model_type"])
    part = path.with_name(f".{path.name}.part")
    writer = gguf.GGUFWriter(part, architecture)
    try:
        _add_settings(writer, values, name, kind)
        _add_tokenizer(writer, model.folder, values, chat_template, stop_id)
        names = gguf.get_tensor_name_map(_architecture(architecture), values["num_hidden_layers"])
        factors = rope_factors(values)
        tensors = [tensor for tensor in model.tensors if _is_written(tensor, values)]
        if factors is not None:
            writer.add_tensor_info("rope_freqs.weight", factors.shape, factors.dtype, factors.nbytes)
        for tensor in tensors:
            raw = _raw_type(gguf_type_of(tensor.shape, kind))
            size = gguf.quant_shape_to_byte_shape(tensor.shape, raw) if raw.name == "Q8_0" else tensor.shape
            dtype = {"F32": "float32", "F16": "float16", "Q8_0": "uint8"}[raw.name]
            target = names.get_name(tensor.name, try_suffixes=(".weight", ".bias"))
            if target is None:
                raise ModelError(f"{model.folder}: {tensor.name} に当たる GGUF のテンソルがありません。")
            writer.add_tensor_info(target, size, _numpy(dtype), math.prod(size) * _numpy(dtype).itemsize, raw)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        if factors is not None:
            writer.write_tensor_data(factors)
        for tensor in track(tensors):
            value = model.read(tensor)
            if architecture == "llama":
                value = _interleaved(tensor.name, value, values)
            writer.write_tensor_data(_converted(value, _raw_type(gguf_type_of(tensor.shape, kind)), torch))
        writer.close()
        os.replace(part, path)
    finally:
        if part.exists():
            writer.close()
            part.unlink()


def _numpy(dtype: str) -> Any:
    import numpy as np

    return np.dtype(dtype)


def _raw_type(kind: str) -> Any:
    import gguf

    return gguf.GGMLQuantizationType[kind.upper()]


def _architecture(name: str) -> Any:
    import gguf

    return next(arch for arch, text in gguf.MODEL_ARCH_NAMES.items() if text == name)


def _is_written(tensor: Tensor, values: Mapping[str, Any]) -> bool:
    tied = tensor.name == "lm_head.weight" and values.get("tie_word_embeddings", False)
    return not tied and "rotary_emb" not in tensor.name


def _converted(value: Any, raw: Any, torch: Any) -> Any:
    """The tensor as an array of its GGUF type; large ones are converted in slices of rows."""
    import gguf
    import numpy as np

    if raw.name == "F32":
        return value.float().numpy()
    rows, columns = value.shape
    half = raw.name == "F16"
    shape = (rows, columns) if half else gguf.quant_shape_to_byte_shape((rows, columns), raw)
    out = np.empty(shape, dtype=np.float16 if half else np.uint8)
    step = max(1, _SLICE_WEIGHTS // columns)
    for start in range(0, rows, step):
        part = value[start : start + step]
        if not half:
            out[start : start + step] = gguf.quants.quantize(part.float().numpy(), raw)
            continue
        narrow = part.to(torch.float16)
        # bfloat16 reaches further than float16: what does not fit would silently become infinite.
        if not bool(torch.isfinite(narrow).all()):
            raise ModelError("float16 に収まらない重みがあります。--gguf f32 か q8_0 を指定してください。")
        out[start : start + step] = narrow.numpy()
    return out


def _interleaved(name: str, value: Any, values: Mapping[str, Any]) -> Any:
    """Llama's query and key rows as llama.cpp wants them: the two halves of a head's rotation side by side."""
    *_, layer, _ = name.split(".")
    if layer not in ("q_proj", "k_proj"):
        return value
    heads = values["num_attention_heads"]
    if layer == "k_proj":
        heads = values.get("num_key_value_heads") or heads
    width = value.shape[0] // heads
    return value.reshape(heads, 2, width // 2, *value.shape[1:]).swapaxes(1, 2).reshape(value.shape)


def _add_settings(writer: Any, values: Mapping[str, Any], name: str, kind: str) -> None:
    import gguf

    heads = values["num_attention_heads"]
    writer.add_name(name)
    writer.add_block_count(values["num_hidden_layers"])
    writer.add_context_length(values.get("max_position_embeddings") or 2048)
    writer.add_embedding_length(values["hidden_size"])
    writer.add_feed_forward_length(values["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(values.get("num_key_value_heads") or heads)
    writer.add_key_length(head_dim(values))
    writer.add_value_length(head_dim(values))
    writer.add_rope_dimension_count(head_dim(values))
    writer.add_rope_freq_base(float(_rope(values).get("rope_theta") or values.get("rope_theta") or 10_000.0))
    writer.add_layer_norm_rms_eps(values.get("rms_norm_eps", 1e-6))
    writer.add_vocab_size(values["vocab_size"])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    file_types = {"f32": "ALL_F32", "f16": "MOSTLY_F16", "q8_0": "MOSTLY_Q8_0"}
    writer.add_file_type(gguf.LlamaFileType[file_types[kind]])


def _rope(values: Mapping[str, Any]) -> Mapping[str, Any]:
    found = values.get("rope_parameters") or values.get("rope_scaling") or {}
    kind = found.get("rope_type") or found.get("type") or "default"
    if kind not in ("default", "llama3"):
        raise ModelError(f"位置の伸長（rope_type {kind!r}）のあるモデルは GGUF に書き出せません。")
    return {**found, "rope_type": kind}


def rope_factors(values: Mapping[str, Any]) -> Any:
    """Llama 3's divisors of the rotation frequencies, float32 (head_dim / 2,); None for a model without them.

    Frequencies of long waves are divided by ``factor``, of short waves by 1, with a ramp between (Llama 3.1's
    ``rope_type: llama3``).
    """
    import numpy as np

    rope = _rope(values)
    if rope["rope_type"] != "llama3":
        return None
    base = float(rope.get("rope_theta") or values.get("rope_theta") or 10_000.0)
    width = head_dim(values)
    waves = 2 * math.pi * base ** (np.arange(0, width, 2, dtype=np.float64) / width)
    low, high, old = rope["low_freq_factor"], rope["high_freq_factor"], rope["original_max_position_embeddings"]
    smooth = (old / waves - low) / (high - low)
    between = 1 / ((1 - smooth) / rope["factor"] + smooth)
    return np.where(waves < old / high, 1.0, np.where(waves > old / low, rope["factor"], between)).astype(np.float32)


def _add_tokenizer(
    writer: Any, folder: Path, values: Mapping[str, Any], chat_template: str | None, stop_id: int
) -> None:
    tokenizer = read_gguf_tokenizer(folder, values["vocab_size"])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(PRE_TOKENIZER[values["model_type"]])
    writer.add_token_list(tokenizer.tokens)
    writer.add_token_types(tokenizer.kinds)
    writer.add_token_merges(tokenizer.merges)
    writer.add_eos_token_id(stop_id)
    if isinstance(values.get("pad_token_id"), int):
        writer.add_pad_token_id(values["pad_token_id"])
    if isinstance(values.get("bos_token_id"), int):
        writer.add_bos_token_id(values["bos_token_id"])
    # What begins a prompt is written by the chat template, or not at all.
    writer.add_add_bos_token(False)
    if chat_template is not None:
        writer.add_chat_template(chat_template)


def quantise_with_llamacpp(program: str, source: Path, target: Path, kind: str) -> None:
    """Run llama.cpp's ``llama-quantize``. Raises ModelError with its last line when it fails."""
    part = target.with_name(f".{target.name}.part")
    done = subprocess.run(
        [program, str(source), str(part), kind.upper()], capture_output=True, text=True, errors="replace"
    )
    if done.returncode or not part.is_file():
        part.unlink(missing_ok=True)
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise ModelError(
            f"{program}: {kind} への量子化に失敗しました（{lines[-1] if lines else f'終了コード {done.returncode}'}）。"
        )
    os.replace(part, target)
