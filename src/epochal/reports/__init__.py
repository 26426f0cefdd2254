"""Reports as text and as pages: what their Markdown says, and how panels are drawn. Pure."""
