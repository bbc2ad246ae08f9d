"""Model cards: what a model's folder, its evaluations and its maker say, for people (Markdown) and programs (JSON)."""
