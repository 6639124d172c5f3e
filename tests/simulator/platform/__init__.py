"""Each effect of the extended model against a closed formula or a case worked by hand."""
