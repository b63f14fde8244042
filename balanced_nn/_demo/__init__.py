"""What does `balanced-nn demo` show? A plain Keras MLP and ours, on the same real table, side by side."""
