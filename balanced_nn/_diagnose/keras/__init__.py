"""What does a Keras model show, and how is it trained again? Imported only by deferred imports, as it loads Keras."""
