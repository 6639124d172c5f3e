"""Programs that run on without a terminal: their supervisors, logs and endings, by name."""
