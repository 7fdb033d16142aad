"""Splits and their audit, baselines, heads, metrics, statistics."""
