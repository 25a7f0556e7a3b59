"""Personal data, wherever it lies: to be found, whole or dead.

It reads tables, topics and the key ring, and opens no seal.
"""
