"""Where is Keras? In the modules of this package, and nowhere else; each is imported only by a deferred import."""
