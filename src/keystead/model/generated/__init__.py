"""Code that tools/model.py writes from the pinned models. Never edited by hand."""
