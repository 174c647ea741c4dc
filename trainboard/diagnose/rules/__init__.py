"""The rules over the training: each looks at a `View` and says what it found, or nothing."""
