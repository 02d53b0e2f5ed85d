# Dump and load commands of common databases.
{ lib, pkgs }:
{ }
