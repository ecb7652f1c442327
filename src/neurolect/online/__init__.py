"""Speech from a stream: the language-model server, the live decoder, replay and the monitor, all over Redis streams."""
