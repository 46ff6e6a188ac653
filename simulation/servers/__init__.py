"""Small servers that keep the protocols' and the stores' rules, as far as the transports use them."""
