"""llama.cpp's server in this process (PyPI ``xllamacpp``)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...core.errors import ConfigError, ModelError


def require_xllamacpp() -> None:
    """Raise ConfigError, with the command that installs it, when the wheel is not there."""
    try:
        import xllamacpp  # noqa: F401
    except ImportError:
        raise ConfigError(
            'GGUF を llama.cpp で確かめるには xllamacpp が必要です。pip install "horei-ft[gguf]" を実行するか、'
            "--recheck 0 を付けてください（確かめていないことが run.json に残ります）。"
        ) from None


@contextmanager
def served(path: Path, *, context_tokens: int) -> Iterator[str]:
    """The address of a llama.cpp server in this process that serves ``path`` on 127.0.0.1 until the block ends.

    Attention is computed plainly and its keys and values kept in float32, so that what is compared is the file.
    """
    import xllamacpp

    settings = xllamacpp.CommonParams()
    settings.model.path = str(path)
    settings.n_ctx = context_tokens
    settings.n_parallel = 1
    settings.port = 0
    settings.warmup = False
    settings.verbosity = -1
    settings.fit_params = False
    settings.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    settings.cache_type_k = settings.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    # Its threads spin while they wait for each other: one more than there are free cores makes it many times slower.
    threads = max(1, (os.cpu_count() or 2) // 2)
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = threads
    try:
        server = xllamacpp.Server(settings)
    except Exception as error:  # the binding raises RuntimeError with llama.cpp's own words
        raise ModelError(f"{path}: llama.cpp が読み込めません（{str(error).strip()[:200]}）。") from None
    try:
        yield str(server.listening_address)
    finally:
        del server
