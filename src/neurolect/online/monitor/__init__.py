"""The monitor: a page that shows live decoding as it happens, and takes what a person says was really said."""
