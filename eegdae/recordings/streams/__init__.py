"""Streams of the Lab Streaming Layer: live, and in XDF files."""
