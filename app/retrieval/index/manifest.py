"""What an index was built from and with: read and checked before anything else of it is opened.

An index folder holds ``manifest.json`` and the generation it names (``gen-…/store.sqlite``, ``gen-…/words/``). A build
writes a new generation and then replaces the manifest in one step; so at every moment the folder holds one whole index.
"""

from __future__ import annotations

import re
import shlex
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from ...core.errors import DataError, StaleIndexError, UserError
from ...core.files import read_json, sha256_text, to_json, write_json
from ...data.egov.source import xml_paths, zip_members
from ..engines.embedder import Embedder
from ..engines.sudachi import Words
from ..store.rows import STORE_FORMAT
from ..text.tokens import TOKENIZER
from .embedding_passages import stopped_partway

FILE = "manifest.json"
REBUILD = "scripts/build_index.py で作り直してください。"


@dataclass(frozen=True, slots=True)
class Manifest:
    """Facts that do not change while the index lives; what updates change (counts, corpus hash) is in the store."""

    folder: str  # name of the generation
    build_id: str  # also written into the store, so that parts of two builds can't be mixed
    store_format: int
    tokenizer: str
    engine: str  # tantivy's version and index format
    source: str  # resolved path
    source_fingerprint: str
    laws: tuple[str, ...]  # law ids asked for; empty for all
    counts: dict[str, int]  # rows when it was built
    unreadable: tuple[str, ...]  # files left out, with the reason
    run: dict[str, Any]  # command, versions, times
    embedding: dict[str, Any] | None = None  # model, width and scope of the vectors; None without vectors
    sudachi: str | None = None  # versions that cut the words of the second field; None without it
    as_of: str | None = None  # only revisions in force on this day; None for all revisions of the source
    dropped: tuple[tuple[str, str], ...] = ()  # (law id, title) of the laws that have no revision for ``as_of``
    repealed: tuple[str, ...] = ()  # laws left out since they are repealed, with how


def engine() -> str:
    """tantivy's version and index format."""
    import tantivy

    return str(tantivy.__version__)


def _index_format(text: str) -> str:
    matched = re.search(r"index_format v\d+", text)
    return matched.group() if matched else text


def fingerprint(source: Path) -> str:
    """Hash of names, sizes and checksums (zip) or times (files) under ``source``: cheap, and differs after any change."""
    if source.is_dir():
        rows: list[tuple[Any, ...]] = [
            (path.relative_to(source).as_posix(), path.stat().st_size, path.stat().st_mtime_ns)
            for path in xml_paths(source)
        ]
    elif zipfile.is_zipfile(source):
        rows = [(member.filename, member.file_size, member.CRC) for member in zip_members(source)]
    else:
        rows = [(source.name, source.stat().st_size, source.stat().st_mtime_ns)]
    return sha256_text(to_json(rows))


def write_manifest(index_dir: Path, manifest: Manifest) -> None:
    """Make the generation named in ``manifest`` the index."""
    write_json(index_dir / FILE, asdict(manifest))


def read_manifest(index_dir: Path) -> Manifest:
    """The manifest, checked against this program. Raises StaleIndexError saying what differs and what to do."""
    path = index_dir / FILE
    if not path.exists():
        raise StaleIndexError(f"{index_dir}: 索引がありません。scripts/build_index.py で作ってください。")
    try:
        value = read_json(path)
        value["laws"] = tuple(value["laws"])
        value["unreadable"] = tuple(value["unreadable"])
        value["dropped"] = tuple((law_id, title) for law_id, title in value.get("dropped", ()))
        value["repealed"] = tuple(value.get("repealed", ()))
        manifest = Manifest(**value)
        _check_kinds(manifest)
    except (UserError, TypeError, KeyError, ValueError):
        raise StaleIndexError(f"{path}: 索引の台帳が壊れています。{REBUILD}") from None
    differences = [
        f"{name}が違います（索引は {found}、このプログラムは {expected}）"
        for name, found, expected in (
            ("格納形式", manifest.store_format, STORE_FORMAT),
            ("語の切り方", manifest.tokenizer, TOKENIZER),
            ("検索エンジンの形式", _index_format(manifest.engine), _index_format(engine())),
        )
        if found != expected
    ]
    if differences:
        raise StaleIndexError(f"{index_dir}: {'、'.join(differences)}。{REBUILD}")
    if not (index_dir / manifest.folder / "store.sqlite").exists():
        raise StaleIndexError(f"{index_dir}: 台帳にある {manifest.folder} がありません。{REBUILD}")
    return manifest


def _check_kinds(manifest: Manifest) -> None:
    """Raise ValueError for a value that no index of ours has: compared or joined to a path, it would mislead silently."""
    texts = (manifest.folder, manifest.build_id, manifest.tokenizer, manifest.engine, manifest.source, manifest.source_fingerprint)  # fmt: skip
    made = manifest.embedding
    right = (
        all(isinstance(text, str) for text in texts)
        and re.fullmatch(r"gen-\w+", manifest.folder) is not None
        and isinstance(manifest.counts, dict)
        and all(type(count) is int for count in manifest.counts.values())
        and isinstance(manifest.run, dict)
        and (
            made is None
            or (isinstance(made, dict) and type(made.get("width")) is int and isinstance(made.get("model"), str))
        )
        and isinstance(manifest.sudachi, str | None)
        and all(isinstance(text, str) for text in (*manifest.laws, *manifest.unreadable, *manifest.repealed))
    )
    if not right or (manifest.as_of is not None and date.fromisoformat(manifest.as_of).isoformat() != manifest.as_of):
        raise ValueError("another kind of value")


def source_changed(manifest: Manifest) -> bool:
    """Whether the source the index was built from is still there but has changed since: the index is whole, but older."""
    source = Path(manifest.source)
    if not manifest.source_fingerprint or not source.exists():
        return False
    try:
        return fingerprint(source) != manifest.source_fingerprint
    except DataError:  # damaged since; a search does not need it
        return True


def check_embedder(index_dir: Path, manifest: Manifest, embedder: Embedder | None) -> None:
    """Raise StaleIndexError unless the vectors of the index (or their absence) are those of ``embedder``."""
    made = manifest.embedding
    if made is None and embedder is not None:
        if partway := stopped_partway(index_dir / manifest.folder):
            state, texts = partway
            raise StaleIndexError(
                f"{index_dir}: ベクトルを作る処理が途中で止まっています（{state.model}、{texts:,} 件のうち {state.rows:,} 件まで）。"
                "作ったときの EMBEDDING_MODEL で、続きを作ってください: "
                f"python scripts/build_index.py --index-dir {shlex.quote(str(index_dir))} --vectors {state.scope}"
            )
        raise StaleIndexError(
            f"{index_dir}: この索引にはベクトルがありません。scripts/build_index.py --vectors acts で加えてください。"
        )
    if made is not None and embedder is None:
        raise StaleIndexError(
            f"{index_dir}: この索引のベクトルは {made['model']} のものです。EMBEDDING_MODEL に指定してください。"
        )
    if made is not None and "scope" not in made:
        raise StaleIndexError(f"{index_dir}: この索引のベクトルは、項を順に埋め込む前の版のものです。{REBUILD}")
    if made is not None and embedder is not None and (made["model"], made["width"]) != (embedder.name, embedder.width):
        raise StaleIndexError(
            f"{index_dir}: ベクトルのモデルが違います（索引は {made['model']} の {made['width']} 次元、"
            f"指定は {embedder.name} の {embedder.width} 次元）。EMBEDDING_MODEL を合わせるか、{REBUILD}"
        )


def check_words(index_dir: Path, manifest: Manifest, words: Words | None) -> None:
    """Raise StaleIndexError unless the second field of the index (or its absence) is that of ``words``."""
    if manifest.sudachi is not None and words is None:
        raise StaleIndexError(
            f"{index_dir}: この索引には Sudachi の語があります。RETRIEVER_SUDACHI=true を指定してください。"
        )
    if words is not None and manifest.sudachi is None:
        raise StaleIndexError(
            f"{index_dir}: この索引には Sudachi の語がありません。scripts/build_index.py --sudachi で作り直してください。"
        )
    if words is not None and manifest.sudachi != words.version:
        raise StaleIndexError(
            f"{index_dir}: Sudachi の版が違います（索引は {manifest.sudachi}、このプログラムは {words.version}）。{REBUILD}"
        )


def same_plan(first: Sequence[Any], second: Sequence[Any]) -> bool:
    """Whether an interrupted build can be gone on with."""
    return to_json(list(first)) == to_json(list(second))
