"""Models of the hub: found in the cache or downloaded, pinned to a commit, only the files that are read.

The hub's client is imported when a name is no folder, and never before.
"""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from gristmill.errors import ModelError
from gristmill.zeroshot.models.folder import (
    CONFIG,
    INDEX,
    TOKENIZER,
    TOKENIZER_SETTINGS,
    VOCABULARY,
    WEIGHTS,
    find_files,
    refusal,
    shard_names,
)

if TYPE_CHECKING:
    from huggingface_hub import HfApi

log = logging.getLogger(__name__)

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?")
COMMIT = re.compile(r"[0-9a-f]{40}")
BESIDE = re.compile(r"gristmill[\w.-]*\.json|calibration[\w.-]*\.json")
"""What Gristmill itself writes beside a model."""
SECONDS = 20.0


def locate(
    name: str | Path, *, revision: str | None = None, cache: Path | None = None, offline: bool | None = None
) -> tuple[Path, str | None]:
    """The folder of a model, and the commit where it is one of the hub.

    A local folder of that name wins. A pinned commit whose files are in the cache needs no network; without
    network the cached files of a branch are used, with a warning. Raises: ModelError.
    """
    local = Path(name)
    try:
        local = local.expanduser()
        is_folder = bool(str(name)) and local.is_dir()
    except (OSError, ValueError, RuntimeError):
        is_folder = False
    if is_folder:
        return local, None
    text = str(name)
    if isinstance(name, Path) or not HUB_ID.fullmatch(text) or ".." in text or "--" in text:
        raise ModelError(f"{text[:200]!r} is no folder, and no id of a model on the hub (owner/name)")
    if revision is not None and not re.fullmatch(r"[A-Za-z0-9][\w./-]{0,199}", revision):
        raise ModelError(f"{revision[:200]!r} is no branch, tag or commit of the hub")
    quiet = _offline() if offline is None else offline
    if quiet or (revision and COMMIT.fullmatch(revision)):
        folder = _cached(text, revision, cache)
        if folder is not None:
            return folder, folder.name
    if quiet:
        raise ModelError(
            f"{text} is not in the cache whole, and offline mode forbids to download it;"
            " download it once online (offline=False, HF_HUB_OFFLINE unset), or name a local folder"
        )
    return _download(text, revision, cache)


def _offline() -> bool:
    value = os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE") or ""
    return value.upper() in {"1", "ON", "YES", "TRUE"}


def _cached(name: str, revision: str | None, cache: Path | None) -> Path | None:
    """The snapshot in the cache, if all that a model needs is there."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(name, CONFIG, cache_dir=cache, revision=revision)
    if not isinstance(found, str):
        return None
    folder = Path(found).parent
    try:
        files = find_files(folder)
    except ModelError:
        return None
    return folder if files.tokenizer else None


def _download(name: str, revision: str | None, cache: Path | None) -> tuple[Path, str]:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import (
        GatedRepoError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    api = HfApi(library_name="gristmill")
    try:
        info = api.model_info(name, revision=revision, timeout=SECONDS)
        commit = info.sha or ""
        if not COMMIT.fullmatch(commit):
            raise ModelError(f"the hub names no commit for {name}; pin one by revision=")
        listed = sorted(sibling.rfilename for sibling in info.siblings or [])
        folder = _fetch(api, name, commit, cache, listed)
        if revision != commit:
            # Asked for by its branch, the client notes in the cache which commit that is, for the next time offline.
            api.hf_hub_download(name, CONFIG, revision=revision, cache_dir=cache)
    except GatedRepoError as error:
        raise ModelError(
            f"{name} is gated: accept its terms on the hub, then log in with the hub's client"
        ) from error
    except RevisionNotFoundError as error:
        raise ModelError(f"{name} has no revision {revision!r} on the hub") from error
    except RepositoryNotFoundError as error:
        raise ModelError(
            f"{name!r} is neither a local folder nor a model on the hub that you may read"
        ) from error
    except ModelError:
        raise
    except (
        Exception
    ) as error:  # the client lets its HTTP library's errors through, another library in each major
        cached = _cached(name, revision, cache)
        if cached is None:
            raise ModelError(
                f"{name} cannot be downloaded ({type(error).__name__}: {str(error)[:200]}) and is not in the cache;"
                " check the network and proxy, or name a local folder"
            ) from error
        log.warning("no answer from the hub: %s is used as it is in the cache, commit %s", name, cached.name)
        return cached, cached.name
    return folder, commit


def _fetch(api: HfApi, name: str, commit: str, cache: Path | None, listed: list[str]) -> Path:
    """Download what is read of the ``listed`` files, weights last."""
    if CONFIG not in listed:
        raise ModelError(f"{name} has no {CONFIG} on the hub; it is no model that can be read")
    if WEIGHTS not in listed and INDEX not in listed:
        raise ModelError(refusal(name, listed))
    wanted = [CONFIG, TOKENIZER_SETTINGS, TOKENIZER if TOKENIZER in listed else VOCABULARY]
    wanted += [file for file in listed if BESIDE.fullmatch(file)]

    def get(file: str) -> Path:
        return Path(api.hf_hub_download(name, file, revision=commit, cache_dir=cache))

    paths = [get(file) for file in wanted if file in listed]
    if WEIGHTS in listed:
        get(WEIGHTS)
    else:
        for shard in shard_names(get(INDEX)):
            get(shard)
    return paths[0].parent
