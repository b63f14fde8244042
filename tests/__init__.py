"""Does the package do what it promises? The folders are those of the package."""
