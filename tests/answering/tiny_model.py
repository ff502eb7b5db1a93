"""Makes a language model of a few thousand weights that says one sentence, whatever it is asked.

    python -m tests.answering.tiny_model FOLDER SENTENCE

Each token of the sentence stands in it once, so that a model of pairs of tokens can say it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}"
    "<|answer|>"
)
SPECIAL = ["<s>", "</s>", "<|answer|>"]


def make(folder: Path, sentence: str) -> None:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = _tokenizer(sentence)
    tokenizer.save_pretrained(folder)
    wanted = [2, *tokenizer.encode(sentence, add_special_tokens=False), 1]
    assert len(set(wanted)) == len(wanted)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=16384,
        bos_token_id=0,
        eos_token_id=1,
    )
    torch.set_num_threads(1)  # so small a model only waits for more
    model = LlamaForCausalLM(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    answer = torch.tensor(wanted)
    steps = 300
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.02, total_iters=steps)
    for step in range(steps):
        # A prompt is thousands of tokens long: what is learnt on short ones alone may fail there.
        rows, longest = (1, 4000) if step % 6 == 5 else (8, 40)
        before = torch.randint(3, len(tokenizer), (rows, int(torch.randint(1, longest, (1,)))))
        ids = torch.cat([before, answer.expand(rows, -1)], dim=1)
        labels = torch.cat([torch.full_like(before, -100), answer.expand(rows, -1)], dim=1)
        loss = model(input_ids=ids, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    model.save_pretrained(folder)


def _tokenizer(sentence: str) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([sentence] * 4, trainer)
    fast: Any = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="</s>"
    )
    fast.chat_template = TEMPLATE
    return fast


if __name__ == "__main__":
    make(Path(sys.argv[1]), sys.argv[2])
