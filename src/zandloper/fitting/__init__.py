"""From user data and settings to a trained network: read, split, choose, build, initialize, train."""
