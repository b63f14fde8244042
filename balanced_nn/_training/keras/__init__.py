"""How does Keras train a network here? One compiled program; imported only by deferred imports, as it loads Keras."""
