"""One module per architecture: what its config.json means, and what its tensors are called."""
