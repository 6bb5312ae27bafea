"""What the book's tools share: reading sources, Markdown and recordings."""
