"""Building blocks of the networks: layers that draw no weights by themselves, convolutions, attention."""
