"""The raw client and the peers, each written as someone who knows it well would."""
