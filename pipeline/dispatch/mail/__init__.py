"""Mail on its way out: worded, made into bytes, signed, handed to whoever carries it on."""
