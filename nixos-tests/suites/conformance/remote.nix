{ ... }: { node = { }; script = ""; }
