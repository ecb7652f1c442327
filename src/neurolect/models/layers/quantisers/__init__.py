"""Vector quantisers: a codebook between an encoder and a decoder, and the ways to learn one."""
