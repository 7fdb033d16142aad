"""Sweeps: looked through before they begin, held while their jobs run, summed up at the end."""
