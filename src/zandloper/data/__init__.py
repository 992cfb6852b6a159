"""Arrays before and after the network, without torch modules: columns, windows, time stamps, tiles, spectra, tokens."""
