"""Runs tests in the NixOS format in containers with a real systemd."""
