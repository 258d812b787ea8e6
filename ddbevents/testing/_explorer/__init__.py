"""The crash explorer: plays every fault on an app and compares the effects."""
