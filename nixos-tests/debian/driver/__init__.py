"""Runs the testScript of a NixOS test against containers of the Debian tree."""
